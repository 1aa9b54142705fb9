from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models

from amberflow.model_fields import AmountField, CostField
from customers.models import ApiKey
from metering.measures import COST_COLUMNS, COST_PARTS, POOLS, VALUES
from metering.models.series import Series


class EventBatch(models.Model):
    """The events of one request as they were sent, compressed (zstd, a JSON array of canonical events).

    Prompts and completions are removed before. An event points to its batch and its position in it.
    """

    received_at = models.DateTimeField()
    source = models.CharField(max_length=40, help_text="Which route or file it came by.")
    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, null=True, related_name="+")
    count = models.PositiveIntegerField()
    payload = models.BinaryField()

    class Meta:
        verbose_name_plural = "event batches"

    def __str__(self) -> str:
        return f"batch {self.pk}"


class CostState(models.IntegerChoices):
    NOT_APPLICABLE = 0, "No AI call"
    COSTED = 1, "Costed"
    NO_RATE = 2, "No cost rate"


class Event(models.Model):
    """One reported fact, never edited (a trigger refuses). Narrow on purpose: all else is in its batch.

    The key is 4 bytes of `occurred_at` in seconds and 12 bytes of the hash of customer, source and event id, so that
    neighbours in time are neighbours on disk; the table is partitioned by month over it.
    """

    key = models.UUIDField(primary_key=True)
    occurred_at = models.DateTimeField()
    day = models.DateField(help_text="Of `occurred_at` in the customer's billing time zone.")
    series = models.ForeignKey(
        Series, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    batch = models.ForeignKey(
        EventBatch, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    position = models.IntegerField(help_text="In the batch, from 0.")
    body = models.IntegerField(
        null=True, help_text="Hash of the content as it was sent: the same id with another content is a conflict."
    )
    cost_state = models.SmallIntegerField(choices=CostState)

    class Meta:
        ordering = ["-key"]

    def __str__(self) -> str:
        return str(self.key)

    @property
    def cost(self) -> Any:
        """The sum of the call's cost parts; None when it has no cost rate or is no AI call."""
        if self.cost_state != CostState.COSTED:
            return None
        return sum(filter(None, (getattr(self, f"{part}_cost") for part in COST_PARTS)))


for _pool in POOLS:
    Event.add_to_class(_pool, models.BigIntegerField(null=True))
for _value in VALUES:
    Event.add_to_class(_value, AmountField(null=True))
for _column in COST_COLUMNS:
    Event.add_to_class(_column, CostField(null=True))


class EventIdentity(models.Model):
    """An event id that was accepted, whatever its time: what makes an id count once under all times.

    Written with the event in small requests and for events without a time, by the audit for the others.
    """

    identity = models.UUIDField(primary_key=True, help_text="12 bytes of the hash of customer, source and event id.")
    key = models.UUIDField(help_text="Of the event.")

    class Meta:
        verbose_name_plural = "event identities"

    def __str__(self) -> str:
        return str(self.identity)


class UnclaimedEvents(models.Model):
    """The events of one request whose ids are not claimed yet for all times; taken away by the audit."""

    received_at = models.DateTimeField()
    keys = ArrayField(models.UUIDField())

    class Meta:
        verbose_name_plural = "unclaimed events"

    def __str__(self) -> str:
        return f"{len(self.keys)} events"
