from django.conf import settings
from django.db import models
from django.db.models import Q

from metering.models.cost_book import CostModel


class ModelAlias(models.Model):
    """Another name of a model in the cost book, like that of a deployment: calls of it cost what the model costs.

    The calls keep the name that they were sent with: an alias decides on cost, not on how usage is grouped.
    """

    provider = models.CharField(
        max_length=64, blank=True, help_text="Only for calls of this provider, like azure. Empty: of any."
    )
    pattern = models.CharField(
        "model as sent",
        max_length=200,
        help_text="The name that calls carry, like my-gpt4o-prod. A * stands for any text: team-*-gpt4o.",
    )
    cost_model = models.ForeignKey(
        CostModel,
        on_delete=models.PROTECT,
        related_name="aliases",
        verbose_name="costs like",
        help_text="The model of the cost book whose rates apply.",
    )
    note = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pattern", "provider"]
        verbose_name_plural = "model aliases"
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "pattern"],
                name="metering_modelalias_once",
                violation_error_message="There is an alias for this provider and name; change that one.",
            ),
            models.CheckConstraint(condition=~Q(pattern=""), name="metering_modelalias_pattern"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} / {self.pattern}" if self.provider else self.pattern
