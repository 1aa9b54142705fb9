from django.db import models
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, Left

from amberflow.model_fields import choices_constraint
from customers.models import ApiKey
from metering.models.quarantine_run import QuarantineRun


class RejectedEventStatus(models.TextChoices):
    OPEN = "open", "Open"
    ACCEPTED = "accepted", "Accepted later"
    DISMISSED = "dismissed", "Dismissed"


class RejectedEvent(models.Model):
    """An event that could not be taken, with the reason. Nothing is lost: it can be fixed and sent again from here."""

    Status = RejectedEventStatus

    digest = models.UUIDField(unique=True, help_text="Of source, reason and content: a retry is the same row.")
    status = models.CharField(max_length=16, choices=RejectedEventStatus, default=RejectedEventStatus.OPEN)
    code = models.CharField("reason", max_length=40)
    field = models.CharField(max_length=120, blank=True, help_text="Which part of the event is at fault.")
    message = models.TextField()
    source = models.CharField(max_length=40)
    customer_ref = models.CharField("customer", max_length=200, blank=True)
    event_id = models.CharField("event id", max_length=200, blank=True)
    type_ref = models.GeneratedField(
        expression=Coalesce(Left(KeyTextTransform("type", "payload"), 100), models.Value("")),
        output_field=models.CharField("type", max_length=100),
        db_persist=True,
    )
    payload = models.JSONField(help_text="As it was received, without prompts and completions.")
    fixed_payload = models.JSONField(null=True, help_text="As it was fixed here; this is sent again instead.")
    run = models.ForeignKey(
        QuarantineRun, on_delete=models.PROTECT, null=True, related_name="events", help_text="The last that touched it."
    )
    api_key = models.ForeignKey(ApiKey, on_delete=models.SET_NULL, null=True, related_name="+")
    times_seen = models.PositiveIntegerField(default=1)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    resolved_reason = models.TextField(blank=True, db_default="", help_text="Why it was dismissed or is settled.")

    class Meta:
        ordering = ["-last_seen_at", "-id"]
        constraints = [choices_constraint("status", RejectedEventStatus, name="metering_rejectedevent_status")]
        # The needs-attention list counts the open ones.
        indexes = [
            models.Index(fields=["code"], condition=models.Q(status="open"), name="metering_rejectedevent_open"),
            # When a client sends one again, what was kept of it is settled.
            models.Index(
                fields=["source", "event_id"],
                condition=models.Q(status="open") & ~models.Q(event_id=""),
                name="metering_rejectedevent_again",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.event_id or 'no id'}"
