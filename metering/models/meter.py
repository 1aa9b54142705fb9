from django.db import models

from amberflow.model_fields import choices_constraint
from metering.models.event_type import EventType


class Aggregation(models.TextChoices):
    SUM = "sum", "Sum"
    COUNT = "count", "Count"


class Meter(models.Model):
    """How the events of one type become a quantity."""

    Aggregation = Aggregation

    code = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=120)
    event_type = models.ForeignKey(EventType, on_delete=models.PROTECT, related_name="meters")
    aggregation = models.CharField(max_length=16, choices=Aggregation, default=Aggregation.SUM)
    value_property = models.CharField(
        max_length=64,
        blank=True,
        help_text="What is summed: input_tokens, output_tokens, total_tokens, a single pool like cache_read, "
        "or one of the event type's own values. Empty for a count.",
    )
    unit = models.CharField(max_length=32, help_text="What one is called on the invoice, like token or page.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            choices_constraint("aggregation", Aggregation, name="metering_meter_aggregation"),
            models.CheckConstraint(
                condition=models.Q(aggregation="count", value_property="")
                | (~models.Q(aggregation="count") & ~models.Q(value_property="")),
                name="metering_meter_value_property",
            ),
        ]

    def __str__(self) -> str:
        return self.name
