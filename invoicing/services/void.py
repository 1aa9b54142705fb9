"""Taking an invoice back."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from amberflow.lib.errors import DomainError
from amberflow.lib.money import from_minor
from invoicing.engine.states import check_void
from invoicing.models import Invoice
from invoicing.services.credits import restore_credits
from invoicing.services.history import add_event
from invoicing.services.payment import STRIPE
from invoicing.services.push import tell_stripe
from rating.services.void import void_period


@transaction.atomic
def void_invoice(*, invoice_id: int, now: datetime, reason: str, source: str = "", user: User | None = None) -> Invoice:
    """Make an open or uncollectible invoice void, for ever; its number stays used, its period stays frozen.

    So may be a paid one for which no money came, as credits paid it all. Credits that it spent go back to their grants,
    and its lines count towards no commitment any more. One that is void already stays as it is. Raises DomainError
    for a draft or an invoice paid with money, or without a reason.
    """
    if not reason.strip():
        raise DomainError("reason_missing", "reason is empty: say why the invoice is taken back.", field="reason")
    invoice = Invoice.objects.select_for_update().get(pk=invoice_id)
    if invoice.status == Invoice.Status.VOID:
        return invoice
    check_void(invoice.status, invoice.total_minor)
    invoice.status, invoice.voided_at = Invoice.Status.VOID, now
    invoice.paid_at = None
    if source != STRIPE:
        tell_stripe(invoice=invoice)
    invoice.save()
    # Before the grants are locked, as whoever makes an invoice final locks its period first.
    settled = void_period(period_id=invoice.period_id, now=now)
    restored = restore_credits(invoice=invoice, reason=reason.strip(), at=now, user=user)
    text = f"Voided: {reason.strip()}"
    if restored:
        text += f" Credits given back: {from_minor(restored, invoice.currency):,f} {invoice.currency}."
    if settled:
        text += f" Settled with its lines counted, and not again: {', '.join(settled)}."
    add_event(invoice=invoice, at=now, text=text, user=user)
    return invoice
