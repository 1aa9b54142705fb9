from django.core.exceptions import ValidationError
from django.db import models

from customers.models.customer import validate_timezone
from metering.retention.policy import LEAST_MONTHS, months_problem


def validate_event_months(months: int) -> None:
    """Raises ValidationError for fewer months than events are needed."""
    problem = months_problem(months)
    if problem:
        raise ValidationError(problem, code="too_few_months")


class IngestionPolicy(models.Model):
    """What the installation does with usage that it can't place, and how long it keeps single events. One row; without
    it no customer is made and no event is dropped."""

    create_customers = models.BooleanField(
        "create customers on first sight",
        default=False,
        help_text="An event of a known type whose customer is not known makes the customer, with its external id as "
        "name. Otherwise the event waits among the rejected ones.",
    )
    customer_timezone = models.CharField(
        "their billing time zone", max_length=64, default="UTC", validators=[validate_timezone]
    )
    event_months = models.PositiveSmallIntegerField(
        "months to keep events",
        null=True,
        blank=True,
        validators=[validate_event_months],
        help_text="Whole months beside the running one. Single events of older months are dropped once all that they "
        "are part of is final; usage by day, cost, lines and invoices stay. Empty: events are kept for ever.",
    )
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "ingestion policy"
        constraints = [
            models.CheckConstraint(condition=models.Q(pk=1), name="metering_ingestionpolicy_single"),
            models.CheckConstraint(
                condition=models.Q(event_months=None) | models.Q(event_months__gte=LEAST_MONTHS),
                name="metering_ingestionpolicy_event_months",
            ),
        ]

    def __str__(self) -> str:
        return "Ingestion policy"
