"""An invoice's copy at Stripe: found or made, filled with lines, checked, and brought to the invoice's state.

Each step looks at what is there before it adds anything, so that a push may be cut off between any two calls, however
long ago, and go on. The idempotency keys cover the rest: a call whose answer got lost on the way.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe

from amberflow.lib.money import from_minor
from amberflow.lib.periods import local_midnight_utc
from invoicing.engine.credits import used_by_grant
from invoicing.models import Invoice
from invoicing.stripe.amounts import stripe_amount
from invoicing.stripe.failures import PushRefusedError

MAX_LINES = 250
MAX_DESCRIPTION = 500
INVOICE_KEY, LINE_KEY, NUMBER_KEY = "amberflow_invoice", "amberflow_line", "amberflow_number"


@dataclass(frozen=True, slots=True)
class Item:
    """What becomes an invoice item at Stripe: a line, or what one grant takes off all of them (below zero).

    `key` tells it apart on its invoice; the amount is in ISO 4217 minor units.
    """

    key: str
    description: str
    amount_minor: int


def items_of(invoice: Invoice) -> Iterator[Item]:
    """The lines in order, then the credits, one item for each grant."""
    lines = list(invoice.lines.order_by("position"))
    for line in lines:
        yield Item(str(line.position), line.description, line.amount_minor)
    for used in used_by_grant(line.credits for line in lines):
        yield Item(f"credit-{used.grant}", f"Credit: {used.name}", -used.amount_minor)


def find(client: stripe.StripeClient, invoice: Invoice) -> stripe.Invoice | None:
    """The copy, by its id if that is known, else among the customer's invoices at Stripe."""
    if invoice.stripe_invoice_id:
        try:
            return client.v1.invoices.retrieve(invoice.stripe_invoice_id)
        except stripe.InvalidRequestError as error:
            # Only drafts can be deleted at Stripe, so nobody has seen it and it can be made again.
            if error.code != "resource_missing":
                raise
    if not invoice.customer.stripe_customer_id:
        return None
    page = client.v1.invoices.list({"customer": invoice.customer.stripe_customer_id, "limit": 100})
    for remote in page.auto_paging_iter():
        if metadata_of(remote).get(INVOICE_KEY) == str(invoice.public_id):
            return remote
    return None


def create(client: stripe.StripeClient, invoice: Invoice, customer_id: str) -> stripe.Invoice:
    """An empty draft at Stripe under the invoice's own number. Raises PushRefusedError for too many lines."""
    lines = sum(1 for _ in items_of(invoice))
    if lines > MAX_LINES:
        raise PushRefusedError(
            f"The invoice has {lines} lines and Stripe takes {MAX_LINES}, credits included: collect it outside of "
            "Stripe and record its payment, or group prices by fewer dimensions from now on."
        )
    params: Any = {
        "customer": customer_id,
        "collection_method": "send_invoice",
        "auto_advance": False,
        "currency": invoice.currency.lower(),
        "number": str(invoice.number),
        "pending_invoice_items_behavior": "exclude",
        "metadata": {INVOICE_KEY: str(invoice.public_id), NUMBER_KEY: str(invoice.number)},
        **_due(invoice),
    }
    return client.v1.invoices.create(params, {"idempotency_key": idempotency_key(invoice, "invoice")})


def add_missing_lines(client: stripe.StripeClient, invoice: Invoice, remote: stripe.Invoice, customer_id: str) -> None:
    """The items that the draft doesn't have yet. Stripe takes those below zero off the total."""
    items = client.v1.invoice_items.list({"invoice": remote.id, "limit": 100})
    there = {metadata_of(item).get(LINE_KEY) for item in items.auto_paging_iter()}
    period = {"start": _seconds(invoice.period.period_start), "end": _seconds(invoice.period.period_end)}
    for item in items_of(invoice):
        if item.key in there:
            continue
        params: Any = {
            "customer": customer_id,
            "invoice": remote.id,
            "currency": invoice.currency.lower(),
            "amount": stripe_amount(item.amount_minor, invoice.currency),
            "description": _shortened(item.description),
            "period": period,
            "metadata": {LINE_KEY: item.key},
        }
        options: Any = {"idempotency_key": idempotency_key(invoice, f"line-{item.key}")}
        client.v1.invoice_items.create(params, options)


def finalize_checked(client: stripe.StripeClient, invoice: Invoice, remote: stripe.Invoice) -> stripe.Invoice:
    """Finalize the draft at Stripe if it comes to the same total. Raises PushRefusedError otherwise, and leaves it."""
    remote = client.v1.invoices.retrieve(remote.id)
    check_total(invoice, remote)
    return client.v1.invoices.finalize_invoice(
        remote.id, {"auto_advance": False}, {"idempotency_key": idempotency_key(invoice, "finalize")}
    )


def check_total(invoice: Invoice, remote: stripe.Invoice) -> None:
    """Raises PushRefusedError when Stripe's copy is over another amount or currency."""
    expected = stripe_amount(invoice.total_minor, invoice.currency)
    if (remote.total, remote.currency) != (expected, invoice.currency.lower()):
        raise PushRefusedError(
            f"Stripe's {remote.id} comes to {remote.total} {remote.currency.upper()} in Stripe's minor units, the "
            f"invoice to {expected} ({from_minor(invoice.total_minor, invoice.currency)} {invoice.currency}): remove "
            "what does not belong on it at Stripe, then push again."
        )


def close(client: stripe.StripeClient, invoice: Invoice, remote: stripe.Invoice) -> stripe.Invoice:
    """Bring an open or uncollectible copy to the paid, void or uncollectible state that the invoice has here."""
    options: Any = {"idempotency_key": idempotency_key(invoice, invoice.status)}
    if remote.status == invoice.status:
        return remote
    if invoice.status == Invoice.Status.PAID:
        return client.v1.invoices.pay(remote.id, {"paid_out_of_band": True}, options)
    if invoice.status == Invoice.Status.VOID:
        return client.v1.invoices.void_invoice(remote.id, None, options)
    return client.v1.invoices.mark_uncollectible(remote.id, None, options)


def was_paid_at_stripe(client: stripe.StripeClient, remote: stripe.Invoice) -> bool:
    """Whether money came in by Stripe, and not only the word that it came another way."""
    payments = client.v1.invoice_payments.list({"invoice": remote.id, "status": "paid"})
    return any(payment.payment.type == "payment_intent" for payment in payments.auto_paging_iter())


def metadata_of(obj: Any) -> dict[str, str]:
    """The metadata of a Stripe object as a dict; empty when it has none."""
    return obj.metadata.to_dict() if obj.metadata else {}


def idempotency_key(invoice: Invoice, step: str) -> str:
    """The same for the same step, until a failure was answered: Stripe would go on repeating that answer for a day."""
    return f"amberflow-{invoice.public_id}-{step}-{invoice.push_attempts}"


def _due(invoice: Invoice) -> dict[str, int]:
    """Due at the end of the local day; Stripe refuses a moment that has passed."""
    assert invoice.due_on is not None
    due_at = local_midnight_utc(invoice.due_on + timedelta(days=1), invoice.period.timezone) - timedelta(seconds=1)
    return {"due_date": _seconds(due_at)} if due_at > datetime.now(UTC) else {"days_until_due": 0}


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_DESCRIPTION else f"{text[: MAX_DESCRIPTION - 1]}…"


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())
