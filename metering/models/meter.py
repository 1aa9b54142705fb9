from django.db import models
from django.db.models import Q

from amberflow.model_fields import choices_constraint
from metering.models.event_type import EventType


class Aggregation(models.TextChoices):
    SUM = "sum", "Sum"
    COUNT = "count", "Count"
    MAX = "max", "Maximum"
    MIN = "min", "Minimum"
    LATEST = "latest", "Latest"
    UNIQUE_COUNT = "unique_count", "Unique count"
    AVERAGE = "average", "Average"
    TIME_WEIGHTED_SUM = "time_weighted_sum", "Time-weighted sum"


class Meter(models.Model):
    """How the events of one type become a quantity (`metering.aggregations` says what each aggregation means)."""

    Aggregation = Aggregation

    code = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=120)
    event_type = models.ForeignKey(EventType, on_delete=models.PROTECT, related_name="meters")
    aggregation = models.CharField(max_length=24, choices=Aggregation, default=Aggregation.SUM)
    value_property = models.CharField(
        max_length=64,
        blank=True,
        help_text="What is measured: input_tokens, output_tokens, total_tokens, a single pool like cache_read, "
        "or one of the event type's own values. For a unique count any property of the events, like user_id. "
        "Empty for a count.",
    )
    carries_over = models.BooleanField(
        default=False,
        help_text="Time-weighted sum only: a period begins with the level that the one before ended with (seats, "
        "stored bytes), not with 0.",
    )
    keep_amounts = models.BooleanField(
        "keep single amounts",
        default=False,
        help_text="Sum only: keep the value of each event, for percentage prices with a minimum or maximum per event.",
    )
    unit = models.CharField(max_length=32, help_text="What one is called on the invoice, like token or page.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            choices_constraint("aggregation", Aggregation, name="metering_meter_aggregation"),
            models.CheckConstraint(
                condition=Q(aggregation="count", value_property="") | (~Q(aggregation="count") & ~Q(value_property="")),
                name="metering_meter_value_property",
            ),
            models.CheckConstraint(
                condition=Q(carries_over=False) | Q(aggregation="time_weighted_sum"),
                name="metering_meter_carries_over",
            ),
            models.CheckConstraint(
                condition=Q(keep_amounts=False) | Q(aggregation="sum"),
                name="metering_meter_keep_amounts",
            ),
        ]

    def __str__(self) -> str:
        return self.name
