from django.db import models

from customers.models.customer import validate_timezone


class IngestionPolicy(models.Model):
    """What the installation does with usage that it can't place. One row; without it nothing is made."""

    create_customers = models.BooleanField(
        "create customers on first sight",
        default=False,
        help_text="An event of a known type whose customer is not known makes the customer, with its external id as "
        "name. Otherwise the event waits among the rejected ones.",
    )
    customer_timezone = models.CharField(
        "their billing time zone", max_length=64, default="UTC", validators=[validate_timezone]
    )
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "ingestion policy"
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="metering_ingestionpolicy_single")]

    def __str__(self) -> str:
        return "Ingestion policy"
