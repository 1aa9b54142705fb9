from django.db import models

from amberflow.model_fields import AmountField, CostField
from rating.models.billing_period import BillingPeriod


class LateUsage(models.Model):
    """Usage that changed after its period was frozen: what it would add to the period's lines.

    The invoice stays as it is. The row stands in the needs-attention list until somebody decides what to do.
    """

    period = models.OneToOneField(BillingPeriod, on_delete=models.CASCADE, related_name="late_usage")
    input_digest = models.CharField(max_length=64, help_text="Of the input with the late usage.")
    events = models.BigIntegerField(help_text="Events more than when the period was frozen.")
    amount = AmountField(help_text="What rating with the late usage would bill more, in the invoice's currency.")
    cost = CostField(help_text="What it cost, in the invoice's currency.")
    noticed_at = models.DateTimeField()
    dismissed_at = models.DateTimeField(null=True)
    dismissed_reason = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "late usage"

    def __str__(self) -> str:
        return f"late usage of {self.period}"
