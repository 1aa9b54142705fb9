from django.core.exceptions import ValidationError
from django.db import models
from simple_history.models import HistoricalRecords

from amberflow.lib.periods import PeriodError, zone


def validate_timezone(value: str) -> None:
    try:
        zone(value)
    except PeriodError as error:
        raise ValidationError(str(error)) from None


class Customer(models.Model):
    """A company that is billed. `external_id` is the name under which usage is reported."""

    external_id = models.CharField(
        max_length=200, unique=True, help_text="The id that usage events carry (subject, customer id)."
    )
    name = models.CharField(max_length=200)
    email = models.EmailField(blank=True, help_text="Where invoices go.")
    address = models.TextField(blank=True)
    tax_id = models.CharField("tax ID", max_length=60, blank=True)
    timezone = models.CharField(
        "billing time zone",
        max_length=64,
        default="UTC",
        validators=[validate_timezone],
        help_text="Billing periods and days of usage begin at midnight here. Changed later by an action of its own.",
    )
    payment_term_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Days until an invoice is due; empty for the installation's default."
    )
    stripe_customer_id = models.CharField("Stripe customer", max_length=64, blank=True, editable=False)
    made_on_first_sight = models.BooleanField(
        default=False, editable=False, help_text="Made by ingestion when the first usage of an unknown id came."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    history = HistoricalRecords()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["stripe_customer_id"],
                condition=~models.Q(stripe_customer_id=""),
                name="customers_customer_one_per_stripe_customer",
                violation_error_message="Another customer has this id at Stripe: usage by it would be ambiguous.",
            )
        ]

    def __str__(self) -> str:
        return self.name
