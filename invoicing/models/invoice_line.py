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
    amount_minor = models.BigIntegerField(help_text="Before credits.")
    explanation = models.JSONField()
    credit_minor = models.BigIntegerField(default=0, help_text="What credits take off the amount.")
    promotional_minor = models.BigIntegerField(default=0, help_text="The part of it that lowers net revenue.")
    credits = models.JSONField(default=list, help_text="Which grant took how much, in order.")

    class Meta:
        ordering = ["invoice_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "position"], name="invoicing_invoiceline_position"),
            models.CheckConstraint(
                condition=models.Q(credit_minor=0)
                | models.Q(credit_minor__gt=0, credit_minor__lte=models.F("amount_minor")),
                name="invoicing_invoiceline_credit",
            ),
            models.CheckConstraint(
                condition=models.Q(promotional_minor__gte=0, promotional_minor__lte=models.F("credit_minor")),
                name="invoicing_invoiceline_promotional",
            ),
        ]

    def __str__(self) -> str:
        return self.description
