from django.db import models

from amberflow.model_fields import AmountField, CostField
from metering.models import Meter, Series
from rating.models.billing_period import BillingPeriod


class UnpricedUsage(models.Model):
    """Usage of a period that no price of the plan selects: to be fixed, never billed as 0.

    Without a meter the plan has no price at all for the event type, and `quantity` counts events.
    """

    period = models.ForeignKey(BillingPeriod, on_delete=models.CASCADE, related_name="unpriced_usage")
    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, null=True, related_name="+")
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="+", db_index=False)
    first_day = models.DateField()
    last_day = models.DateField()
    quantity = AmountField()
    unit = models.CharField(max_length=32)
    cost = CostField(help_text="Of the unbilled cost, the part that goes with this usage.")

    class Meta:
        verbose_name_plural = "unpriced usage"
        constraints = [
            models.UniqueConstraint(
                fields=["period", "meter", "series"], nulls_distinct=False, name="rating_unpricedusage_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.series}: {self.quantity} {self.unit}"


class UnbilledCost(models.Model):
    """What a series cost on one day of a period and no rated line carries."""

    period = models.ForeignKey(BillingPeriod, on_delete=models.CASCADE, related_name="unbilled_cost")
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    cost = CostField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["period", "series", "day"], name="rating_unbilledcost_key"),
        ]
        # The margin of a time range reads by day.
        indexes = [models.Index(fields=["day"], name="rating_unbilledcost_day")]

    def __str__(self) -> str:
        return f"{self.series} on {self.day}"
