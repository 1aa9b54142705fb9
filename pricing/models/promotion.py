from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from simple_history.models import HistoricalRecords

from customers.models import Customer
from pricing.models.discount import DiscountTerms
from pricing.models.plan import Plan
from pricing.models.subscription import Subscription


class Promotion(DiscountTerms):
    """An offer with a code: whoever redeems it, within its limits, gets a discount on these terms."""

    code = models.CharField(max_length=40, help_text="What is typed; capitals and small letters are the same.")
    starts_at = models.DateTimeField(null=True, blank=True, help_text="Empty: it can be redeemed at once.")
    ends_at = models.DateTimeField(null=True, blank=True, help_text="From then on it can't; empty for no end.")
    max_redemptions = models.PositiveIntegerField(
        "redemptions in total", null=True, blank=True, help_text="Empty for no limit."
    )
    max_redemptions_per_customer = models.PositiveIntegerField(
        "redemptions per customer", null=True, blank=True, default=1, help_text="Empty for no limit."
    )
    first_time_customers_only = models.BooleanField(
        default=False, help_text="Only customers who have not been invoiced yet."
    )
    plans = models.ManyToManyField(
        Plan, blank=True, related_name="promotions", help_text="Only subscriptions on these; none for all."
    )
    discount_ends_on = models.DateField(
        null=True, blank=True, help_text="The first day without the discount, when it lasts until a date."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    history = HistoricalRecords()

    class Meta(DiscountTerms.Meta):
        abstract = False
        ordering = ["-created_at", "id"]
        constraints = [
            *DiscountTerms.Meta.constraints,
            models.UniqueConstraint(Upper("code"), name="pricing_promotion_code"),
            models.CheckConstraint(
                condition=Q(starts_at__isnull=True) | Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="pricing_promotion_window",
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Redemption(models.Model):
    """One use of a promotion's code. Rows are only added (a trigger refuses anything else)."""

    promotion = models.ForeignKey(Promotion, on_delete=models.PROTECT, related_name="redemptions")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="redemptions")
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="redemptions")
    redeemed_at = models.DateTimeField()

    class Meta:
        ordering = ["-redeemed_at", "-id"]

    def __str__(self) -> str:
        return f"{self.promotion} by {self.customer}"
