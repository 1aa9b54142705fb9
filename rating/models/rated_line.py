from django.db import models

from amberflow.model_fields import AmountField, CostField, CurrencyField
from metering.models import Series
from pricing.models import Price
from rating.models.billing_period import BillingPeriod


class RatedLine(models.Model):
    """The priced usage of one price (and group) in one period.

    amount = list_amount - discount_amount + adjustment_amount, exactly, where the adjustment is the step to minimum
    or maximum and the rounding to the minor unit. Each of the four is the sum over the line's slices.
    """

    period = models.ForeignKey(BillingPeriod, on_delete=models.CASCADE, related_name="lines")
    key = models.TextField(help_text="Price and group; the same for the same line of every rating.")
    price = models.ForeignKey(
        Price, on_delete=models.PROTECT, null=True, related_name="+", help_text="None: the plan doesn't have it."
    )
    name = models.CharField(max_length=120)
    group = models.JSONField(default=dict)
    position = models.PositiveIntegerField()
    quantity = AmountField()
    unit = models.CharField(max_length=32, blank=True)
    currency = CurrencyField()
    list_amount = AmountField()
    discount_amount = AmountField()
    adjustment_amount = AmountField()
    amount = AmountField(help_text="Rounded to the currency's minor unit.")
    cost = CostField(help_text="In the invoice's currency.")
    explanation = models.JSONField()

    class Meta:
        ordering = ["period_id", "position"]
        constraints = [models.UniqueConstraint(fields=["period", "key"], name="rating_ratedline_key")]

    def __str__(self) -> str:
        return self.name


class Slice(models.Model):
    """The part of a rated line that belongs to one day and one series (none for a fixed fee)."""

    line = models.ForeignKey(RatedLine, on_delete=models.CASCADE, related_name="slices")
    series = models.ForeignKey(Series, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    day = models.DateField()
    quantity = AmountField()
    gross = AmountField()
    discount = AmountField()
    adjustment = AmountField()
    net = AmountField()
    cost = CostField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["line", "series", "day"], nulls_distinct=False, name="rating_slice_key"),
            models.CheckConstraint(
                condition=models.Q(net=models.F("gross") - models.F("discount") + models.F("adjustment")),
                name="rating_slice_net",
            ),
        ]
        # The margin of a time range reads slices by day.
        indexes = [models.Index(fields=["day"], name="rating_slice_day")]

    def __str__(self) -> str:
        return f"{self.day}"
