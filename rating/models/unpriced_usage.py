from django.db import models

from amberflow.model_fields import AmountField, CostField
from metering.models import Meter, Series
from rating.models.billing_period import BillingPeriod


class UnpricedUsage(models.Model):
    """Usage of a period that no price of the plan selects: to be fixed, never billed as 0.

    Without a meter the plan has no price at all for the event type. `cost` is what the usage cost and no line carries.
    """

    period = models.ForeignKey(BillingPeriod, on_delete=models.CASCADE, related_name="unpriced_usage")
    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, null=True, related_name="+")
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    quantity = AmountField()
    cost = CostField()

    class Meta:
        verbose_name_plural = "unpriced usage"
        constraints = [
            models.UniqueConstraint(
                fields=["period", "meter", "series", "day"], nulls_distinct=False, name="rating_unpricedusage_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.series} on {self.day}"
