from django.db import models

from amberflow.model_fields import AmountField
from invoicing.models.invoice import Invoice
from rating.models import RatedLine


class InvoiceLine(models.Model):
    """One line that the customer reads: a rated line, with its name, figures and explanation copied."""

    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="lines")
    # A draft's line goes with its rated line; the lines of a frozen period can't be deleted.
    rated_line = models.OneToOneField(RatedLine, on_delete=models.CASCADE, related_name="invoice_line")
    position = models.PositiveIntegerField()
    description = models.TextField()
    quantity = AmountField()
    unit = models.CharField(max_length=32, blank=True)
    list_amount = AmountField()
    discount_amount = AmountField()
    adjustment_amount = AmountField()
    amount_minor = models.BigIntegerField()
    explanation = models.JSONField()

    class Meta:
        ordering = ["invoice_id", "position"]
        constraints = [models.UniqueConstraint(fields=["invoice", "position"], name="invoicing_invoiceline_position")]

    def __str__(self) -> str:
        return self.description
