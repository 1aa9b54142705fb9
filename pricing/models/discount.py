from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from simple_history.models import HistoricalRecords

from amberflow.model_fields import AmountField, choices_constraint
from pricing.models.subscription import Subscription


class DiscountKind(models.TextChoices):
    PERCENT = "percent", "Percent"


class Discount(models.Model):
    """A reduction that one subscription was promised, for usage of the days from `starts_on` up to `ends_on`."""

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="discounts")
    name = models.CharField(max_length=120, help_text="What the customer reads.")
    kind = models.CharField(max_length=24, choices=DiscountKind, default=DiscountKind.PERCENT)
    percent = AmountField(validators=[MinValueValidator(0), MaxValueValidator(100)])
    priority = models.SmallIntegerField(default=0, help_text="Lower ones are applied first.")
    starts_on = models.DateField(null=True, blank=True, help_text="Empty: from the beginning.")
    ends_on = models.DateField(null=True, blank=True, help_text="The first day without it; empty for no end.")
    created_at = models.DateTimeField(auto_now_add=True)

    history = HistoricalRecords()

    class Meta:
        ordering = ["priority", "id"]
        constraints = [
            choices_constraint("kind", DiscountKind, name="pricing_discount_kind"),
            models.CheckConstraint(condition=models.Q(percent__range=(0, 100)), name="pricing_discount_percent"),
            models.CheckConstraint(
                condition=models.Q(starts_on__isnull=True)
                | models.Q(ends_on__isnull=True)
                | models.Q(ends_on__gt=models.F("starts_on")),
                name="pricing_discount_window",
            ),
        ]

    def __str__(self) -> str:
        return self.name
