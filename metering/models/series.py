from django.db import models

from customers.models import Customer
from metering.models.event_type import EventType


class Series(models.Model):
    """One combination of customer, event type and dimension values. Made when first seen, never changed."""

    id = models.AutoField(primary_key=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    event_type = models.ForeignKey(EventType, on_delete=models.PROTECT, related_name="+")
    dimensions = models.JSONField(default=dict)
    digest = models.UUIDField(unique=True, help_text="Of customer, event type and dimensions.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "series"

    def __str__(self) -> str:
        return " · ".join(str(value) for value in self.dimensions.values() if value) or "all"
