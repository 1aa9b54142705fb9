from django.contrib.postgres.fields import ArrayField
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
        Price, on_delete=models.PROTECT, null=True, related_name="+", help_text="Empty for what no price charges."
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
    digest = models.CharField(
        max_length=64,
        blank=True,
        editable=False,
        help_text="Of the line and its slices: the same is not written again.",
    )

    class Meta:
        ordering = ["period_id", "position"]
        constraints = [models.UniqueConstraint(fields=["period", "key"], name="rating_ratedline_key")]

    def __str__(self) -> str:
        return self.name


class SeriesSlices(models.Model):
    """The slices of one line and one series (none for a fixed fee), day by day in arrays of equal length.

    A thirtieth of the rows that single slices would be, and a thirtieth of their keys to check. An array that would
    hold only zeros is null. `Slice` shows them one by one; net is worked out there and can't contradict the others.
    """

    line = models.ForeignKey(RatedLine, on_delete=models.CASCADE, related_name="series_slices", db_index=False)
    series = models.ForeignKey(Series, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    days = ArrayField(models.DateField())
    quantity = ArrayField(AmountField(), null=True)
    gross = ArrayField(AmountField(), null=True)
    discount = ArrayField(AmountField(), null=True)
    adjustment = ArrayField(AmountField(), null=True)
    cost = ArrayField(CostField(), null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["line", "series"], nulls_distinct=False, name="rating_seriesslices_key"),
        ]

    def __str__(self) -> str:
        return f"{len(self.days)} days of series {self.series_id}"


class Slice(models.Model):
    """The part of a rated line that belongs to one day and one series (none for a fixed fee). A view: only read it.

    net = gross - discount + adjustment. To read a range of days fast, filter by the lines' periods too.
    """

    id = models.BigIntegerField(primary_key=True)
    line = models.ForeignKey(RatedLine, on_delete=models.DO_NOTHING, related_name="slices")
    series = models.ForeignKey(Series, on_delete=models.DO_NOTHING, null=True, related_name="+")
    day = models.DateField()
    quantity = AmountField()
    gross = AmountField()
    discount = AmountField()
    adjustment = AmountField()
    net = AmountField()
    cost = CostField()

    class Meta:
        managed = False
        db_table = "rating_slice"

    def __str__(self) -> str:
        return f"{self.day}"
