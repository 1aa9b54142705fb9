from django.conf import settings
from django.db import models
from django.db.models import Q

from amberflow.model_fields import choices_constraint
from invoicing.models.credit_grant import CreditGrant
from invoicing.models.invoice import Invoice
from invoicing.models.invoice_line import InvoiceLine


class CreditEntryKind(models.TextChoices):
    GRANTED = "granted", "Granted"
    APPLIED = "applied", "Applied"
    RESTORED = "restored", "Restored"
    EXPIRED = "expired", "Expired"
    REVOKED = "revoked", "Revoked"


class CreditEntry(models.Model):
    """One movement of a grant, signed. Only added to; the database refuses one that would bring the sum below zero."""

    Kind = CreditEntryKind

    grant = models.ForeignKey(CreditGrant, on_delete=models.PROTECT, related_name="entries")
    kind = models.CharField(max_length=16, choices=CreditEntryKind)
    amount_minor = models.BigIntegerField()
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, related_name="credit_entries")
    invoice_line = models.ForeignKey(InvoiceLine, on_delete=models.PROTECT, null=True, related_name="credit_entries")
    at = models.DateTimeField()
    reason = models.TextField(blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "credit ledger"
        constraints = [
            choices_constraint("kind", CreditEntryKind, name="invoicing_creditentry_kind"),
            models.CheckConstraint(
                condition=Q(kind__in=["granted", "restored"], amount_minor__gt=0)
                | Q(kind__in=["applied", "expired", "revoked"], amount_minor__lt=0),
                name="invoicing_creditentry_sign",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["applied", "restored"], invoice__isnull=False, invoice_line__isnull=False)
                | Q(kind__in=["granted", "expired", "revoked"], invoice=None, invoice_line=None),
                name="invoicing_creditentry_invoice",
            ),
            models.UniqueConstraint(
                fields=["grant"], condition=Q(kind="granted"), name="invoicing_creditentry_granted_once"
            ),
            models.UniqueConstraint(
                fields=["grant", "invoice_line", "kind"],
                condition=Q(kind__in=["applied", "restored"]),
                name="invoicing_creditentry_line_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount_minor}"
