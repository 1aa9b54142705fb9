"""The draft of a billing period follows its rated lines until it is finalized."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from amberflow.lib.errors import DomainError
from amberflow.lib.money import from_minor
from invoicing.balances import grants_for_draft
from invoicing.engine.assemble import InvoiceDraft, LineDraft, assemble
from invoicing.engine.credits import Grant
from invoicing.models import Invoice, InvoiceLine
from invoicing.services.history import add_event
from rating.models import BillingPeriod, RatedLine
from rating.services.line_credits import set_line_credits

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
    "credit_minor",
    "promotional_minor",
    "credits",
)
TOTALS = ("subtotal_minor", "credits_minor", "total_minor", "credit_explanation")


@transaction.atomic
def refresh_draft(*, period: BillingPeriod, now: datetime) -> Invoice | None:
    """Make the period's draft, or bring it up to date with the rated lines; nothing is written if it is.

    A period without lines and without unpriced usage has no draft: None, and a draft that it had is deleted. Safe
    beside itself. Raises DomainError when the period's invoice is final.
    """
    invoice, _ = write_draft(period=period, now=now)
    return invoice


@transaction.atomic
def write_draft(
    *, period: BillingPeriod, now: datetime, grants: Sequence[Grant] | None = None
) -> tuple[Invoice | None, bool]:
    """`refresh_draft`, and whether anything was written.

    `grants` are the credits to use; by default those that the customer's earlier drafts leave.
    """
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
    currency = period.subscription.plan_version.currency
    if grants is None:
        grants = grants_for_draft(subscription=period.subscription, end=period.end_date, currency=currency)
    draft = assemble(
        rated.values(),
        currency=currency,
        grants=grants,
        last_day=period.end_date - timedelta(days=1),
    )
    shares_changed = set_line_credits(
        period=period,
        credits={rated[line.key].pk: from_minor(line.promotional_minor, currency) for line in draft.lines},
    )
    if invoice is None:
        invoice = Invoice.objects.create(
            customer_id=period.subscription.customer_id, period=period, currency=draft.currency, refreshed_at=now
        )
        add_event(invoice=invoice, at=now, text="Draft made.")
    elif _is_current(invoice, draft, rated):
        return invoice, shares_changed
    _write(invoice, draft, rated, now)
    return invoice, True


def refresh_drafts_of(*, customer_id: int, now: datetime) -> int:
    """Bring the customer's drafts up to date with the rated lines and credits, the earliest first; how many changed.

    Each has a transaction of its own; one that became final meanwhile is left alone.
    """
    periods = BillingPeriod.objects.filter(invoice__customer_id=customer_id, invoice__status=Invoice.Status.DRAFT)
    changed = 0
    for period in periods.select_related("subscription__plan_version").order_by("end_date", "subscription"):
        try:
            changed += write_draft(period=period, now=now)[1]
        except DomainError as error:
            if error.code != "invoice_final":
                raise
    return changed


def _write(invoice: Invoice, draft: InvoiceDraft, rated: dict[str, RatedLine], now: datetime) -> None:
    invoice.lines.all().delete()
    InvoiceLine.objects.bulk_create(
        InvoiceLine(invoice=invoice, rated_line=rated[line.key], **line_values(line)) for line in draft.lines
    )
    for name, value in draft_totals(draft).items():
        setattr(invoice, name, value)
    invoice.refreshed_at = now
    invoice.save(update_fields=[*TOTALS, "refreshed_at"])


def _is_current(invoice: Invoice, draft: InvoiceDraft, rated: dict[str, RatedLine]) -> bool:
    stored = [
        (line.rated_line_id, {name: getattr(line, name) for name in FIELDS})
        for line in invoice.lines.order_by("position")
    ]
    wanted = [(rated[line.key].pk, line_values(line)) for line in draft.lines]
    totals = {name: getattr(invoice, name) for name in TOTALS}
    return stored == wanted and totals == draft_totals(draft)


def line_values(line: LineDraft) -> dict[str, object]:
    """The line's fields as an invoice line keeps them."""
    return {name: _stored(getattr(line, name)) for name in FIELDS}


def draft_totals(draft: InvoiceDraft) -> dict[str, object]:
    """The draft's sums as an invoice keeps them."""
    return {name: _stored(getattr(draft, name)) for name in TOTALS}


def _stored(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
