from django.db import models

from rating.models.billing_period import BillingPeriod


class TouchedPeriod(models.Model):
    """A frozen period on whose days usage changed afterwards: to be compared with what it was rated from."""

    period = models.OneToOneField(BillingPeriod, on_delete=models.CASCADE, primary_key=True, related_name="+")

    def __str__(self) -> str:
        return f"period {self.pk}"
