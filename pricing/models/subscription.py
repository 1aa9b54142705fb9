from django.db import models
from simple_history.models import HistoricalRecords

from amberflow.model_fields import choices_constraint
from customers.models import Customer
from pricing.models.plan import PlanVersion


class BillingCycleKind(models.TextChoices):
    CALENDAR = "calendar", "Calendar (from the 1st)"
    ANNIVERSARY = "anniversary", "Anniversary (from the anchor day)"


class Interval(models.TextChoices):
    DAY = "day", "Day"
    WEEK = "week", "Week"
    MONTH = "month", "Month"
    QUARTER = "quarter", "Quarter"
    HALF_YEAR = "half_year", "Half-year"
    YEAR = "year", "Year"


class Subscription(models.Model):
    """A customer on a plan version from a day on.

    Its billing periods are worked out from these fields once, then kept.
    """

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="subscriptions")
    plan_version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="subscriptions")
    billing_cycle = models.CharField(max_length=16, choices=BillingCycleKind, default=BillingCycleKind.CALENDAR)
    interval = models.CharField(max_length=16, choices=Interval, default=Interval.MONTH)
    interval_count = models.PositiveSmallIntegerField(default=1)
    anchor = models.DateField(
        null=True,
        blank=True,
        help_text="The day from which anniversary periods count; empty for the start day.",
    )
    starts_on = models.DateField()
    ends_on = models.DateField(
        null=True, blank=True, help_text="The first day that is no longer billed; empty for no end."
    )
    auto_finalize = models.BooleanField(
        default=True,
        help_text="Finalize invoices by themselves when the grace time is over; otherwise a person does.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    history = HistoricalRecords()

    class Meta:
        ordering = ["customer__name", "id"]
        constraints = [
            choices_constraint("billing_cycle", BillingCycleKind, name="pricing_subscription_cycle"),
            choices_constraint("interval", Interval, name="pricing_subscription_interval"),
            models.CheckConstraint(condition=models.Q(interval_count__gte=1), name="pricing_subscription_count"),
            models.CheckConstraint(
                condition=models.Q(ends_on__isnull=True) | models.Q(ends_on__gt=models.F("starts_on")),
                name="pricing_subscription_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer.name} on {self.plan_version}"
