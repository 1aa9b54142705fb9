from django.db import models

from amberflow.model_fields import choices_constraint
from customers.models import Customer
from metering.models.event_type import EventType
from metering.models.series import Series


class CorrectionKind(models.TextChoices):
    VOID = "void", "Void"
    REPLACE = "replace", "Replace"


class CorrectionRunKind(models.TextChoices):
    VOID = "void", "Void"
    REPLACE = "replace", "Replace"
    BACKFILL = "backfill", "Backfill"


class CorrectionRunState(models.TextChoices):
    VOIDING = "voiding", "Voiding"
    SENDING = "sending", "Sending"
    DONE = "done", "Done"


class CorrectionRun(models.Model):
    """One correction that somebody asked for: what, why, who, and how far it is.

    What was asked for never changes (a trigger refuses), only how far it is. One that was cut off goes on where it
    stood. `digest` makes a backfill that is sent again the same run.
    """

    Kind = CorrectionRunKind
    State = CorrectionRunState

    kind = models.CharField(max_length=16, choices=CorrectionRunKind)
    reason = models.TextField()
    made_by = models.CharField(max_length=200, help_text="The person, API key or command.")
    made_at = models.DateTimeField()
    digest = models.UUIDField(null=True, unique=True, help_text="Of everything that a backfill says.")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, null=True, related_name="+")
    event_type = models.ForeignKey(EventType, on_delete=models.PROTECT, null=True, related_name="+")
    window_start = models.DateTimeField(null=True, help_text="Events from this instant on are voided.")
    window_end = models.DateTimeField(null=True, help_text="Events before this instant are voided.")
    filter = models.JSONField(default=dict, help_text="Dimension values of the events that are voided; empty for all.")
    last_batch = models.BigIntegerField(null=True, help_text="Events that came in after this batch are not voided.")
    payload = models.BinaryField(null=True, help_text="The events that are sent, compressed like those of a batch.")
    to_send = models.PositiveIntegerField(default=0, help_text="Events in the payload.")
    state = models.CharField(max_length=16, choices=CorrectionRunState, default=CorrectionRunState.VOIDING)
    voided = models.PositiveIntegerField(default=0)
    sent = models.PositiveIntegerField(default=0, help_text="Events of the payload that are done.")
    accepted = models.PositiveIntegerField(default=0)
    duplicates = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = "correction"
        constraints = [
            choices_constraint("kind", CorrectionRunKind, name="metering_correctionrun_kind"),
            choices_constraint("state", CorrectionRunState, name="metering_correctionrun_state"),
            models.CheckConstraint(condition=~models.Q(reason=""), name="metering_correctionrun_reason"),
            models.CheckConstraint(
                condition=models.Q(window_start=None, window_end=None)
                | models.Q(window_end__gt=models.F("window_start"), customer__isnull=False),
                name="metering_correctionrun_window",
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=~models.Q(state="done"), name="metering_correctionrun_open"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"


class EventCorrection(models.Model):
    """An event doesn't count any more. Only added (a trigger refuses all else); the event itself stays as it was.

    At any moment rollups and deltas are the sums of the events that have no such row.
    """

    Kind = CorrectionKind

    key = models.UUIDField(primary_key=True, help_text="Of the event.")
    kind = models.CharField(max_length=16, choices=CorrectionKind)
    replaced_by = models.UUIDField(null=True, unique=True, help_text="Key of the event that counts instead.")
    # Series are never deleted; the event's own day follows its customer's time zone and is read from the event.
    series = models.ForeignKey(
        Series, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    run = models.ForeignKey(CorrectionRun, on_delete=models.PROTECT, related_name="corrections")
    made_at = models.DateTimeField()

    class Meta:
        ordering = ["-made_at", "-key"]
        constraints = [
            choices_constraint("kind", CorrectionKind, name="metering_eventcorrection_kind"),
            models.CheckConstraint(
                condition=models.Q(kind="void", replaced_by=None) | models.Q(kind="replace", replaced_by__isnull=False),
                name="metering_eventcorrection_replaced_by",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.key}"
