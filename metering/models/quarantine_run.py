from django.db import models

from amberflow.model_fields import choices_constraint


class QuarantineRunKind(models.TextChoices):
    REPLAY = "replay", "Send again"
    DISMISS = "dismiss", "Dismiss"


class QuarantineRun(models.Model):
    """What somebody decided about a group of rejected events: how they were fixed, and how far sending them again is.

    `group` holds the reason, source, customer and type that the events have in common; `change` the fields that are
    set, renamed or removed before they are sent.
    """

    Kind = QuarantineRunKind

    kind = models.CharField(max_length=16, choices=QuarantineRunKind)
    group = models.JSONField()
    change = models.JSONField(default=dict)
    description = models.TextField()
    reason = models.TextField(blank=True)
    made_by = models.CharField(max_length=200)
    made_at = models.DateTimeField()
    last_event = models.BigIntegerField(help_text="Rejected events that came later are not touched.")
    total = models.PositiveIntegerField()
    accepted = models.PositiveIntegerField(default=0)
    duplicates = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    dismissed = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = "fix of rejected events"
        verbose_name_plural = "fixes of rejected events"
        constraints = [choices_constraint("kind", QuarantineRunKind, name="metering_quarantinerun_kind")]
        indexes = [
            models.Index(fields=["id"], condition=models.Q(finished_at=None), name="metering_quarantinerun_open"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"

    @property
    def done(self) -> int:
        """How many events are done."""
        return self.accepted + self.duplicates + self.rejected + self.dismissed
