"""The draft of a billing period follows its rated lines until it is finalized."""

from datetime import datetime

from django.db import transaction

from amberflow.lib.errors import DomainError
from invoicing.engine.assemble import InvoiceDraft, LineDraft, assemble
from invoicing.models import Invoice, InvoiceLine
from invoicing.services.history import add_event
from rating.models import BillingPeriod, RatedLine

FIELDS = (
    "position",
    "description",
    "quantity",
    "unit",
    "list_amount",
    "discount_amount",
    "adjustment_amount",
    "amount_minor",
    "explanation",
)


@transaction.atomic
def refresh_draft(*, period: BillingPeriod, now: datetime) -> Invoice | None:
    """Make the period's draft, or bring it up to date with the rated lines; nothing is written if it is.

    A period without lines and without unpriced usage has no draft: None, and a draft that it had is deleted. Safe
    beside itself. Raises DomainError when the period's invoice is final.
    """
    invoice, _ = write_draft(period=period, now=now)
    return invoice


@transaction.atomic
def write_draft(*, period: BillingPeriod, now: datetime) -> tuple[Invoice | None, bool]:
    """`refresh_draft`, and whether anything was written."""
    # The period's row is always locked before the invoice's.
    BillingPeriod.objects.select_for_update().get(pk=period.pk)
    invoice = Invoice.objects.select_for_update().filter(period=period).first()
    if invoice is not None and invoice.status != Invoice.Status.DRAFT:
        raise DomainError("invoice_final", f"Invoice {invoice.number} is final: it can't be drafted again.")
    rated = {line.key: line for line in RatedLine.objects.filter(period=period).order_by("position")}
    if not rated and not period.unpriced_usage.exists():
        if invoice is not None:
            invoice.delete()
        return None, invoice is not None
    draft = assemble(rated.values(), currency=period.subscription.plan_version.currency)
    if invoice is None:
        invoice = Invoice.objects.create(
            customer_id=period.subscription.customer_id, period=period, currency=draft.currency, refreshed_at=now
        )
        add_event(invoice=invoice, at=now, text="Draft made.")
    elif _is_current(invoice, draft, rated):
        return invoice, False
    _write(invoice, draft, rated, now)
    return invoice, True


def _write(invoice: Invoice, draft: InvoiceDraft, rated: dict[str, RatedLine], now: datetime) -> None:
    invoice.lines.all().delete()
    InvoiceLine.objects.bulk_create(
        InvoiceLine(invoice=invoice, rated_line=rated[line.key], **_values(line)) for line in draft.lines
    )
    invoice.subtotal_minor, invoice.total_minor = draft.subtotal_minor, draft.total_minor
    invoice.refreshed_at = now
    invoice.save(update_fields=["subtotal_minor", "total_minor", "refreshed_at"])


def _is_current(invoice: Invoice, draft: InvoiceDraft, rated: dict[str, RatedLine]) -> bool:
    stored = [
        (line.rated_line_id, {name: getattr(line, name) for name in FIELDS})
        for line in invoice.lines.order_by("position")
    ]
    wanted = [(rated[line.key].pk, _values(line)) for line in draft.lines]
    return stored == wanted and invoice.total_minor == draft.total_minor


def _values(line: LineDraft) -> dict[str, object]:
    return {name: getattr(line, name) for name in FIELDS}
