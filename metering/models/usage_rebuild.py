from django.db import models

from customers.models import Customer
from metering.models.event_type import EventType


class UsageRebuild(models.Model):
    """Statistics of usage that are to be counted anew from the events, and how far that is.

    Of all event types and customers that are not named. One row per request; a database trigger makes it when a meter
    comes that needs what was not kept before.
    """

    event_type = models.ForeignKey(EventType, on_delete=models.PROTECT, null=True, related_name="+")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, null=True, related_name="+")
    since = models.DateField(null=True, help_text="First local day; empty for all.")
    done_before = models.DateField(null=True, help_text="Days before this one are done.")
    requested_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["id"], condition=models.Q(finished_at=None), name="metering_rebuild_open")]

    def __str__(self) -> str:
        return f"rebuild {self.pk}"


class IngestionChange(models.Model):
    """Something changed by which events are prepared: what meters need, or where a customer's days begin.

    Ingestion writes nothing that was prepared before the newest of these; it prepares it again.
    """

    reason = models.CharField(max_length=200)
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.reason
