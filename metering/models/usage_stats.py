"""What sums can't say about the usage of a series on one local day, kept only for meters that need it.

`UsageStatDelta` rows are written in the statement that writes the events; merging brings them into the three tables
of days. The truth at any moment is both together (`metering.queries` reads it so).
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from amberflow.model_fields import AmountField
from metering.models.series import Series

# Of a sum of values times microseconds: sixteen digits more than a quantity has, before the same 12 decimals.
WEIGHTED_DIGITS, WEIGHTED_PLACES = 60, 12


class UsageStatDay(models.Model):
    """What the events of a series on one day say about one property; days combine into longer spans.

    `count` events carried it. `latest` is the value of the last one by `latest_at` (microseconds since 1970, UTC), then
    by `latest_key`. `weighted` is the sum of value × microseconds since 1970.
    """

    pk = models.CompositePrimaryKey("series", "day", "property")
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    property = models.CharField(max_length=64)
    count = models.BigIntegerField()
    minimum = AmountField()
    maximum = AmountField()
    latest_at = models.BigIntegerField()
    latest_key = models.UUIDField()
    latest = AmountField()
    total = AmountField()
    weighted = models.DecimalField(max_digits=WEIGHTED_DIGITS, decimal_places=WEIGHTED_PLACES)

    def __str__(self) -> str:
        return f"{self.property} of series {self.series_id} on {self.day}"


class UsageAmountDay(models.Model):
    """How many events of a series on one day had exactly this value of a property."""

    pk = models.CompositePrimaryKey("series", "day", "property", "amount")
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    property = models.CharField(max_length=64)
    amount = AmountField()
    events = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.property} {self.amount} of series {self.series_id} on {self.day}"


class UsageUniqueDay(models.Model):
    """A text that a property had in the events of a series on one day, by its hash."""

    pk = models.CompositePrimaryKey("series", "day", "property", "hash")
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    property = models.CharField(max_length=64)
    hash = models.UUIDField()

    def __str__(self) -> str:
        return f"{self.property} of series {self.series_id} on {self.day}"


class UsageStatDelta(models.Model):
    """What is not merged yet; several rows per series, day and property are normal.

    `amounts` are the single values where they are kept, `uniques` the hashes of texts. A property of texts alone
    has count 0 and no statistics.
    """

    series = models.ForeignKey(
        Series, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    day = models.DateField()
    property = models.CharField(max_length=64)
    count = models.BigIntegerField()
    minimum = AmountField(null=True)
    maximum = AmountField(null=True)
    latest_at = models.BigIntegerField(null=True)
    latest_key = models.UUIDField(null=True)
    latest = AmountField(null=True)
    total = AmountField(null=True)
    weighted = models.DecimalField(max_digits=WEIGHTED_DIGITS, decimal_places=WEIGHTED_PLACES, null=True)
    amounts = ArrayField(AmountField(), null=True)
    uniques = ArrayField(models.UUIDField(), null=True)

    def __str__(self) -> str:
        return f"{self.property} of series {self.series_id} on {self.day}"
