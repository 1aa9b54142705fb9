from django.contrib.postgres.fields import ArrayField
from django.db import models

from customers.models import Customer
from metering.models.event_type import EventType


class DimensionChange(models.Model):
    """An event type got other dimensions: usage that is not invoiced goes to the series that they make.

    What was asked for never changes (a trigger refuses), only how far it is. Events are read in the order of their
    keys; those up to `done_to` are done. One that was cut off goes on there.
    """

    event_type = models.ForeignKey(EventType, on_delete=models.PROTECT, related_name="dimension_changes")
    old_dimensions = ArrayField(models.CharField(max_length=64))
    dimensions = ArrayField(models.CharField(max_length=64))
    made_by = models.CharField(max_length=200, help_text="The person or command.")
    made_at = models.DateTimeField(auto_now_add=True)
    expected = models.BigIntegerField(default=0, help_text="How many events there were to read when it was made.")
    done_to = models.UUIDField(null=True, help_text="Key of the last event that is done.")
    read = models.BigIntegerField(default=0, help_text="Events that are done.")
    moved = models.BigIntegerField(default=0, help_text="Events that got another series.")
    too_many = models.BigIntegerField(
        default=0, help_text="Events that kept their series, because their customer would have too many."
    )
    without_payload = models.BigIntegerField(
        default=0, help_text="Events that kept their series, because what was sent is no longer kept."
    )
    unreadable = models.BigIntegerField(
        default=0, help_text="Events with a property that is no dimension's value: they count as without one."
    )
    first_day = models.DateField(null=True, help_text="The earliest day of an event that moved.")
    last_day = models.DateField(null=True, help_text="The latest day of an event that moved.")
    counted_before = models.DateField(
        null=True, help_text="What is kept beside sums is counted anew on the days before this one."
    )
    moved_at = models.DateTimeField(null=True, help_text="When all usage stood in its new series; empty until then.")

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["event_type"], condition=models.Q(moved_at=None), name="metering_dimensionchange_open"
            ),
        ]

    def __str__(self) -> str:
        return f"dimensions of {self.event_type}: {', '.join(self.dimensions) or 'none'}"


class DimensionChangeStart(models.Model):
    """The first day of a customer whose usage follows a change of dimensions: days before it are invoiced, or their
    events are no longer kept. Of customers without such a row all usage follows."""

    pk = models.CompositePrimaryKey("change", "customer")
    change = models.ForeignKey(DimensionChange, on_delete=models.CASCADE, related_name="starts", db_index=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+", db_index=False)
    first_day = models.DateField()

    def __str__(self) -> str:
        return f"customer {self.customer_id} from {self.first_day}"
