from django.contrib.postgres.fields import ArrayField
from django.db import models


class EventType(models.Model):
    """A kind of reported fact, with the properties by which its usage is told apart."""

    code = models.CharField(max_length=100, unique=True, help_text="The type that events carry, like llm_call.")
    name = models.CharField(max_length=120)
    aliases = ArrayField(
        models.CharField(max_length=100),
        default=list,
        blank=True,
        help_text="Other names under which clients send it, like litellm_tokens.",
    )
    dimensions = ArrayField(
        models.CharField(max_length=64),
        default=list,
        blank=True,
        help_text="Properties that prices, invoices and margin can tell apart, like provider, model, feature. When "
        "they change, usage that is not invoiced follows.",
    )
    values = ArrayField(
        models.CharField(max_length=64),
        size=4,
        default=list,
        blank=True,
        help_text="Up to four numeric properties to be summed, like pages. Only add at the end: each keeps its place. "
        "Events of before get the value that they carried.",
    )
    is_ai_call = models.BooleanField(
        "AI call",
        default=True,
        help_text="Each event is one call of a model: its tokens are read and costed.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
