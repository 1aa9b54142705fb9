from django.core.validators import MinValueValidator
from django.db import models

from amberflow.model_fields import AmountField
from metering.models import Meter
from pricing.models.plan import PlanVersion


class PlanExample(models.Model):
    """An example invoice of a plan version: it must come out as expected before the version is published."""

    plan_version = models.ForeignKey(PlanVersion, on_delete=models.CASCADE, related_name="examples")
    name = models.CharField(max_length=120, help_text="What the case shows, like “a small customer”.")
    total = AmountField(null=True, blank=True, help_text="What the period must cost; empty to compare lines alone.")

    class Meta:
        ordering = ["plan_version_id", "id"]
        verbose_name = "example invoice"
        constraints = [
            models.UniqueConstraint(fields=["plan_version", "name"], name="pricing_planexample_name"),
        ]

    def __str__(self) -> str:
        return self.name


class ExampleUsage(models.Model):
    """What one meter counted in the example's period for some dimension values."""

    example = models.ForeignKey(PlanExample, on_delete=models.CASCADE, related_name="usage")
    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, related_name="+")
    dimensions = models.JSONField(default=dict, blank=True)
    quantity = AmountField(help_text="In the meter's unit.")
    events = models.PositiveIntegerField(default=1, help_text="How many events made it up, equal parts each.")
    cost = AmountField(
        default=0, validators=[MinValueValidator(0)], help_text="The provider's cost, in the plan's currency."
    )

    class Meta:
        ordering = ["example_id", "id"]
        verbose_name = "usage"
        verbose_name_plural = "usage"
        constraints = [
            models.UniqueConstraint(fields=["example", "meter", "dimensions"], name="pricing_exampleusage_once"),
        ]

    def __str__(self) -> str:
        return f"{self.meter} of {self.example}"


class ExampleLine(models.Model):
    """The amount that the line of one price, and group if it has groups, must have."""

    example = models.ForeignKey(PlanExample, on_delete=models.CASCADE, related_name="lines")
    price_key = models.SlugField(max_length=64, help_text="The key of the price.")
    group = models.JSONField(default=dict, blank=True)
    amount = AmountField()

    class Meta:
        ordering = ["example_id", "id"]
        verbose_name = "expected line"
        constraints = [
            models.UniqueConstraint(fields=["example", "price_key", "group"], name="pricing_exampleline_once"),
        ]

    def __str__(self) -> str:
        return self.price_key
