"""Usage rollups: the sums of a series on one day in the customer's billing time zone.

`UsageDelta` rows are written in the statement that writes the events; merging adds them up into `UsageDay`.
The truth at any moment is the sum of both (`metering.queries` reads it so).
"""

from django.db import models

from amberflow.model_fields import AmountField, CostField
from metering.measures import COST_COLUMNS, POOLS, VALUES
from metering.models.series import Series


class UsageSums(models.Model):
    """What both tables hold: counts, the sum of each measure and of each part of the cost."""

    day = models.DateField()
    events = models.BigIntegerField()
    uncosted_events = models.BigIntegerField(default=0)

    class Meta:
        abstract = True


for _pool in POOLS:
    UsageSums.add_to_class(_pool, models.DecimalField(max_digits=38, decimal_places=0, default=0))
for _value in VALUES:
    UsageSums.add_to_class(_value, AmountField(default=0))
for _column in COST_COLUMNS:
    UsageSums.add_to_class(_column, CostField(default=0))


class UsageDay(UsageSums):
    """The merged sums, one row per series and day."""

    pk = models.CompositePrimaryKey("series", "day")
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta:
        # The margin of a month and the reconciliation with the cost book read by day over all series.
        indexes = [
            models.Index(fields=["day"], name="metering_usageday_day"),
            # The list of models without a cost rate.
            models.Index(
                fields=["series", "day"],
                condition=models.Q(uncosted_events__gt=0),
                name="metering_usageday_uncosted",
            ),
        ]

    def __str__(self) -> str:
        return f"series {self.series_id} on {self.day}"


class UsageDelta(UsageSums):
    """Sums that are not merged yet; several rows per series and day are normal."""

    series = models.ForeignKey(
        Series, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )

    def __str__(self) -> str:
        return f"series {self.series_id} on {self.day}"
