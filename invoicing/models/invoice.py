import secrets
import uuid

from django.db import models

from amberflow.model_fields import CurrencyField, choices_constraint
from customers.models import Customer
from rating.models import BillingPeriod


class InvoiceStatus(models.TextChoices):
    DRAFT = "draft", "Draft"
    OPEN = "open", "Open"
    PAID = "paid", "Paid"
    VOID = "void", "Void"
    UNCOLLECTIBLE = "uncollectible", "Uncollectible"


class PushState(models.TextChoices):
    NOT_DUE = "not_due", "Not due"
    PENDING = "pending", "Pending"
    PUSHED = "pushed", "Pushed"
    FAILED = "failed", "Failed"


def new_token() -> str:
    """The secret part of a customer's invoice link: 256 random bits."""
    return secrets.token_urlsafe(32)


class Invoice(models.Model):
    """One billing period of one subscription, asked for.

    A draft is rewritten whenever its usage changes. Finalizing numbers it and freezes it (a trigger refuses
    changes): who sells, who buys and every line are copied into it then. Status and payment follow Stripe.
    """

    Status = InvoiceStatus
    PushState = PushState

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    token = models.CharField(max_length=64, unique=True, default=new_token, editable=False)
    number = models.CharField(max_length=40, unique=True, null=True, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="invoices")
    period = models.OneToOneField(BillingPeriod, on_delete=models.PROTECT, related_name="invoice")
    status = models.CharField(max_length=16, choices=InvoiceStatus, default=InvoiceStatus.DRAFT)
    currency = CurrencyField()
    subtotal_minor = models.BigIntegerField(default=0, help_text="Sum of the lines.")
    credits_minor = models.BigIntegerField(default=0, help_text="What credits take off the lines.")
    total_minor = models.BigIntegerField(default=0, help_text="Subtotal less credits: what is to pay.")
    credit_explanation = models.JSONField(default=list, help_text="A sentence on each grant that could be used.")
    credit_grants = models.JSONField(
        default=list, editable=False, help_text="The grants as they stood when the invoice was finalized."
    )
    seller = models.JSONField(default=dict)
    buyer = models.JSONField(default=dict)
    issued_on = models.DateField(null=True)
    due_on = models.DateField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    refreshed_at = models.DateTimeField(help_text="When the draft last took in usage.")
    finalized_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    payment_reference = models.CharField(max_length=120, blank=True)
    voided_at = models.DateTimeField(null=True)

    push_state = models.CharField(max_length=16, choices=PushState, default=PushState.NOT_DUE)
    push_error = models.TextField(blank=True)
    push_attempts = models.PositiveIntegerField(default=0, help_text="How many have failed.")
    push_retry_at = models.DateTimeField(null=True, help_text="When a failed push is tried again; empty: by a person.")
    stripe_invoice_id = models.CharField(max_length=64, blank=True, db_index=True)
    stripe_hosted_url = models.URLField(max_length=500, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            choices_constraint("status", InvoiceStatus, name="invoicing_invoice_status"),
            choices_constraint("push_state", PushState, name="invoicing_invoice_push_state"),
            models.CheckConstraint(
                condition=models.Q(status="draft", number__isnull=True, finalized_at__isnull=True)
                | (~models.Q(status="draft") & models.Q(number__isnull=False, finalized_at__isnull=False)),
                name="invoicing_invoice_number_when_final",
            ),
        ]
        permissions = [
            ("finalize_invoice", "Can finalize and void invoices"),
            ("view_cost", "Can see cost and margin"),
        ]

    def __str__(self) -> str:
        return self.number or f"Draft {self.pk}"
