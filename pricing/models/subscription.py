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

    Its billing periods are worked out from these fields once, then kept. `plan_version` is the current one; which one
    held on which day is in its plan changes (see `pricing.terms.versions_of`).
    """

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="subscriptions")
    plan_version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="subscriptions")
    name = models.CharField(
        max_length=120, blank=True, help_text="Tells a customer's subscriptions apart, like the contract's number."
    )
    external_id = models.CharField(
        "external id",
        max_length=200,
        unique=True,
        null=True,
        blank=True,
        help_text="A name under which usage may be reported instead of the customer's external id.",
    )
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
    trial_ends_on = models.DateField(
        "trial ends on",
        null=True,
        blank=True,
        help_text="The first day that is charged: usage and fees before it are free. Empty for no trial.",
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
            models.CheckConstraint(
                condition=models.Q(trial_ends_on__isnull=True) | models.Q(trial_ends_on__gt=models.F("starts_on")),
                name="pricing_subscription_trial_after_start",
            ),
        ]

    def __str__(self) -> str:
        name = f" ({self.name})" if self.name else ""
        return f"{self.customer.name} on {self.plan_version}{name}"


class PlanChange(models.Model):
    """From `starts_on` the subscription is on this plan version, until its next change.

    A subscription that never changed has none. The first row says what it began with.
    """

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="plan_changes")
    plan_version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="+")
    starts_on = models.DateField()
    reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    history = HistoricalRecords()

    class Meta:
        ordering = ["subscription_id", "starts_on"]
        constraints = [
            models.UniqueConstraint(fields=["subscription", "starts_on"], name="pricing_planchange_day"),
        ]

    def __str__(self) -> str:
        return f"{self.plan_version} from {self.starts_on}"
