"""The life of an invoice after the draft: open, then paid, void or uncollectible."""

from amberflow.stripe_standin import forms
from amberflow.stripe_standin.api import Api, merge, refuse_unless
from amberflow.stripe_standin.errors import CardError, StripeError
from amberflow.stripe_standin.forms import Form, Shape
from amberflow.stripe_standin.present import show
from amberflow.stripe_standin.resources import payment_methods
from amberflow.stripe_standin.resources.common import NOTHING
from amberflow.stripe_standin.resources.invoice_lines import recalculate, refuse_unless_draft
from amberflow.stripe_standin.resources.invoices import DAY
from amberflow.stripe_standin.store import Condition, Obj
from amberflow.stripe_standin.totals import THREE_DECIMAL

FINALIZE = Shape({"auto_advance": forms.flag})
PAY = Shape({"off_session": forms.flag, "paid_out_of_band": forms.flag, "payment_method": forms.text})


def finalize(api: Api, raw: Form, identifier: str) -> Obj:
    params = FINALIZE(raw)
    invoice = api.get("invoice", identifier)
    merge(invoice, params)
    finalize_draft(api, invoice)
    return show(api.store, invoice)


def finalize_draft(api: Api, invoice: Obj) -> None:
    """Number the draft, apply the customer's balance and open it; what owes nothing is paid at once."""
    refuse_unless_draft(invoice)
    customer = api.get("customer", invoice["customer"], param="customer")
    recalculate(api, invoice)
    if invoice["number"] is None:
        invoice["number"] = _next_number(api, customer)
    if invoice["_days_until_due"] is not None:
        invoice["due_date"] = api.now + DAY * invoice["_days_until_due"]
    # A credit (negative balance, negative invoice) that is left over waits for the customer's next invoice.
    owed = invoice["total"] + customer["balance"]
    invoice["starting_balance"], invoice["ending_balance"] = customer["balance"], min(owed, 0)
    customer["balance"] = invoice["ending_balance"]
    customer["currency"] = customer["currency"] or invoice["currency"]
    api.store.save(customer)
    invoice.update(
        status="open",
        effective_at=invoice["effective_at"] or api.now,
        hosted_invoice_url=f"{api.base_url}/i/{invoice['id']}",
    )
    invoice["status_transitions"]["finalized_at"] = api.now
    recalculate(api, invoice)
    api.emit("invoice.finalized", invoice)
    if invoice["amount_due"] == 0:
        _mark_paid(api, invoice)


def send(api: Api, raw: Form, identifier: str) -> Obj:
    """Finalize a draft if need be, and record that the invoice was sent; no mail leaves the stand-in."""
    NOTHING(raw)
    invoice = api.get("invoice", identifier)
    refuse_unless(
        invoice["collection_method"] == "send_invoice",
        "You can only manually send an invoice if its collection method is 'send_invoice'.",
    )
    if invoice["status"] == "draft":
        finalize_draft(api, invoice)
    refuse_unless(
        invoice["status"] not in ("void", "uncollectible"),
        f"This invoice is {invoice['status']}; only open or paid invoices can be sent.",
        code="invoice_not_editable",
    )
    api.emit("invoice.sent", invoice)
    return show(api.store, invoice)


def pay(api: Api, raw: Form, identifier: str) -> Obj:
    params = PAY(raw)
    invoice = api.get("invoice", identifier)
    if invoice["status"] == "draft":
        finalize_draft(api, invoice)
        if invoice["status"] == "paid":
            return show(api.store, invoice)
    refuse_unless(invoice["status"] != "paid", "Invoice is already paid", code="invoice_already_paid")
    refuse_unless(
        invoice["status"] in ("open", "uncollectible"),
        f"Invoices with status {invoice['status']} can't be paid",
        code="invoice_not_open",
    )
    if params.get("paid_out_of_band"):
        _mark_paid(api, invoice)
    else:
        _pay_by_card(api, invoice, params.get("payment_method"))
    return show(api.store, invoice)


def _pay_by_card(api: Api, invoice: Obj, given: str | None) -> None:
    customer = api.get("customer", invoice["customer"], param="customer")
    identifier = given or invoice["default_payment_method"] or customer["invoice_settings"]["default_payment_method"]
    if identifier is None:
        raise StripeError(
            "There is no `default_payment_method` set on this Customer or Invoice. Set one, or pass one.",
            param="payment_method",
        )
    refuse_unless(
        invoice["currency"] not in THREE_DECIMAL or invoice["amount_remaining"] % 10 == 0,
        f"Card payments in {invoice['currency']} need an amount that ends in 0, "
        f"{invoice['amount_remaining']} does not.",
        param="amount",
    )
    method = payment_methods.usable(api, identifier, customer["id"])
    invoice["attempt_count"] += 1
    invoice["attempted"] = True
    api.store.save(invoice)
    if payment_methods.declines(method):
        api.emit("invoice.payment_failed", invoice)
        raise CardError("Your card was declined.", decline_code="generic_decline")
    amount = invoice["amount_remaining"]
    intent = api.create(
        "payment_intent",
        {
            "amount": amount,
            "amount_received": amount,
            "capture_method": "automatic",
            "confirmation_method": "automatic",
            "currency": invoice["currency"],
            "customer": customer["id"],
            "description": f"Payment of invoice {invoice['number']}",
            "latest_charge": None,
            "payment_method": method["id"],
            "payment_method_types": ["card"],
            "status": "succeeded",
        },
    )
    payment = api.create(
        "invoice_payment",
        {
            "amount_paid": amount,
            "amount_requested": amount,
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "payment": {"type": "payment_intent", "payment_intent": intent["id"]},
            "status": "paid",
            "status_transitions": {"canceled_at": None, "paid_at": api.now},
        },
    )
    _mark_paid(api, invoice)
    api.emit("invoice.payment_succeeded", invoice)
    api.emit("invoice_payment.paid", payment)


def settle_if_covered(api: Api, invoice: Obj) -> None:
    """An open invoice of which credit notes left nothing is paid."""
    if invoice["status"] == "open" and invoice["amount_remaining"] == 0:
        _mark_paid(api, invoice)


def _mark_paid(api: Api, invoice: Obj) -> None:
    invoice["status"], invoice["amount_paid"] = "paid", invoice["amount_due"]
    invoice["status_transitions"]["paid_at"] = api.now
    recalculate(api, invoice)
    api.emit("invoice.paid", invoice)


def void(api: Api, raw: Form, identifier: str) -> Obj:
    return _close(api, raw, identifier, status="void", transition="voided_at", allowed=("open", "uncollectible"))


def mark_uncollectible(api: Api, raw: Form, identifier: str) -> Obj:
    return _close(api, raw, identifier, status="uncollectible", transition="marked_uncollectible_at", allowed=("open",))


def _close(api: Api, raw: Form, identifier: str, *, status: str, transition: str, allowed: tuple[str, ...]) -> Obj:
    NOTHING(raw)
    invoice = api.get("invoice", identifier)
    refuse_unless(
        invoice["status"] in allowed,
        f"Only {' or '.join(allowed)} invoices can become {status}, this one is {invoice['status']}.",
        code="invoice_not_editable",
    )
    invoice["status"] = status
    invoice["status_transitions"][transition] = api.now
    api.store.save(invoice)
    api.emit("invoice.voided" if status == "void" else "invoice.marked_uncollectible", invoice)
    return show(api.store, invoice)


def _next_number(api: Api, customer: Obj) -> str:
    """The customer's prefix and running number, passing over numbers that a caller chose."""
    while True:
        number = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
        customer["next_invoice_sequence"] += 1
        if not api.store.find("invoice", Condition("number", number)):
            return number
