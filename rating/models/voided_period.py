from django.db import models

from rating.models.billing_period import BillingPeriod


class VoidedPeriod(models.Model):
    """A frozen period whose invoice was taken back: its lines stay as they are, and count nowhere. Only added to."""

    period = models.OneToOneField(BillingPeriod, on_delete=models.PROTECT, primary_key=True, related_name="voided")
    voided_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"period {self.pk}"
