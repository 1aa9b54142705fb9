from django.db import models

from amberflow.model_fields import CostField, choices_constraint


class EventMonthState(models.TextChoices):
    WAITING = "waiting", "Waits"
    CUT_OFF = "cut_off", "Being dropped"
    DROPPED = "dropped", "Dropped"


class EventMonth(models.Model):
    """A month (UTC) whose events the retention has come to: it waits for something, is being dropped, or is gone.

    From CUT_OFF on no event of the month, or of any before it, is read or taken in; there is no way back (a trigger
    refuses). What the events added up to stays in the rollups; the figures here are of the events themselves.
    """

    State = EventMonthState

    month = models.DateField(primary_key=True, help_text="Its first day.")
    state = models.CharField(max_length=16, choices=EventMonthState, default=EventMonthState.WAITING)
    waits_for = models.TextField(blank=True, help_text="Why it could not be dropped; a line for each reason.")
    checked_at = models.DateTimeField(help_text="When that was looked at, or when the month was cut off.")
    dropped_by = models.CharField(max_length=200, blank=True, help_text="The person, command or task.")
    events = models.BigIntegerField(default=0, help_text="With those that corrections had voided.")
    voided_events = models.BigIntegerField(default=0)
    cost = CostField(default=0, help_text="Of the events that counted, in the cost book's currency.")
    table_bytes = models.BigIntegerField(default=0, help_text="Of the events with their index.")
    batches = models.BigIntegerField(default=0, help_text="Requests whose events as they were sent went too.")
    batch_bytes = models.BigIntegerField(default=0, help_text="Of those, compressed.")
    dropped_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-month"]
        constraints = [
            choices_constraint("state", EventMonthState, name="metering_eventmonth_state"),
            models.CheckConstraint(condition=models.Q(month__day=1), name="metering_eventmonth_first_day"),
            models.CheckConstraint(
                condition=models.Q(state="dropped", dropped_at__isnull=False)
                | models.Q(~models.Q(state="dropped"), dropped_at=None),
                name="metering_eventmonth_dropped_at",
            ),
        ]

    def __str__(self) -> str:
        return f"events of {self.month:%B %Y}"
