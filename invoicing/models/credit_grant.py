from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from amberflow.model_fields import CurrencyField, choices_constraint
from customers.models import Customer


class CreditKind(models.TextChoices):
    PAID = "paid", "Paid"
    PROMOTIONAL = "promotional", "Promotional"


class CreditGrant(models.Model):
    """Credits that a customer got: paid for in advance, or given away. A row never changes; its ledger goes on.

    `paid` credits are payment that came early; `promotional` ones lower net revenue when they are used. What is left
    of a grant is the sum of its entries.
    """

    Kind = CreditKind

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="credit_grants")
    kind = models.CharField(max_length=16, choices=CreditKind)
    name = models.CharField(max_length=120, help_text="What the customer reads.")
    currency = CurrencyField()
    amount_minor = models.BigIntegerField(help_text="What was granted.")
    paid_minor = models.BigIntegerField(null=True, help_text="What the customer paid for it; empty if promotional.")
    payment_reference = models.CharField(max_length=120, blank=True)
    priority = models.SmallIntegerField(default=100, help_text="Lower ones are used first.")
    effective_on = models.DateField(help_text="The first day on which it counts.")
    expires_on = models.DateField(null=True, help_text="The first day on which it no longer counts; empty for never.")
    prices = ArrayField(
        models.CharField(max_length=64), default=list, help_text="Keys of the prices whose lines it pays."
    )
    meters = ArrayField(
        models.CharField(max_length=64), default=list, help_text="Codes of the meters whose lines it pays."
    )
    reason = models.TextField()
    idempotency_key = models.CharField(
        max_length=200, null=True, unique=True, editable=False, help_text="Of the API request that made it."
    )
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["-id"]
        constraints = [
            choices_constraint("kind", CreditKind, name="invoicing_creditgrant_kind"),
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="invoicing_creditgrant_amount"),
            models.CheckConstraint(
                condition=models.Q(kind="paid", paid_minor__gte=0) | models.Q(kind="promotional", paid_minor=None),
                name="invoicing_creditgrant_paid",
            ),
            models.CheckConstraint(
                condition=models.Q(expires_on=None) | models.Q(expires_on__gt=models.F("effective_on")),
                name="invoicing_creditgrant_window",
            ),
        ]

    def __str__(self) -> str:
        return self.name
