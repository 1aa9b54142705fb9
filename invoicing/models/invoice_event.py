from django.conf import settings
from django.db import models

from invoicing.models.invoice import Invoice


class InvoiceEvent(models.Model):
    """What happened to an invoice, in order. Only added to."""

    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    text = models.TextField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return self.text
