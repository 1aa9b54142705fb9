"""Credit notes: money taken off an open invoice, or given back on a paid one. No refund is made here."""

from fractions import Fraction

from amberflow.stripe_standin import forms
from amberflow.stripe_standin.api import Api, merge, new_id, refuse_unless, without_blanks
from amberflow.stripe_standin.forms import Form, Shape
from amberflow.stripe_standin.present import show
from amberflow.stripe_standin.resources.common import NOTHING
from amberflow.stripe_standin.resources.invoice_lines import recalculate
from amberflow.stripe_standin.resources.invoice_states import settle_if_covered
from amberflow.stripe_standin.store import Condition, Obj
from amberflow.stripe_standin.totals import round_half_away

LINE = Shape(
    {
        "amount": forms.integer,
        "description": forms.text,
        "invoice_line_item": forms.text,
        "metadata": forms.metadata,
        "quantity": forms.integer,
        "type": forms.one_of("custom_line_item", "invoice_line_item"),
        "unit_amount": forms.integer,
        "unit_amount_decimal": forms.decimal,
    },
    required=("type",),
)
CREATE = Shape(
    {
        "amount": forms.integer,
        "credit_amount": forms.integer,
        "effective_at": forms.integer,
        "email_type": forms.one_of("credit_note", "none"),
        "invoice": forms.text,
        "lines": forms.list_of(LINE),
        "memo": forms.text,
        "metadata": forms.metadata,
        "out_of_band_amount": forms.integer,
        "reason": forms.one_of("duplicate", "fraudulent", "order_change", "product_unsatisfactory"),
        "refund_amount": forms.integer,
    },
    required=("invoice",),
)
UPDATE = Shape({"memo": forms.text, "metadata": forms.metadata})
WAYS = ("credit_amount", "refund_amount", "out_of_band_amount")


def create(api: Api, raw: Form) -> Obj:
    params = CREATE(raw)
    invoice = api.get("invoice", params["invoice"], param="invoice")
    refuse_unless(
        invoice["status"] in ("open", "paid"),
        f"You can only create a credit note for an open or paid invoice, this one is {invoice['status']}.",
        param="invoice",
    )
    note_lines = [_line(api, line) for line in params.get("lines") or []]
    refuse_unless(
        bool(note_lines) != (params.get("amount") is not None),
        "Give exactly one of amount and lines.",
        param="amount",
    )
    amount = sum(line["amount"] for line in note_lines) if note_lines else params["amount"]
    paid = invoice["status"] == "paid"
    _check_amounts(invoice, amount, {way: params.get(way) or 0 for way in WAYS}, paid=paid)
    count = len(api.store.find("credit_note", Condition("invoice", invoice["id"])))
    note_id = new_id("credit_note")
    note = api.create(
        "credit_note",
        {
            "id": note_id,
            "amount": amount,
            "amount_shipping": 0,
            "currency": invoice["currency"],
            "customer": invoice["customer"],
            "customer_balance_transaction": None,
            "discount_amount": 0,
            "discount_amounts": [],
            "effective_at": params.get("effective_at") or api.now,
            "invoice": invoice["id"],
            "lines": {
                "object": "list",
                "data": note_lines,
                "has_more": False,
                "total_count": len(note_lines),
                "url": f"/v1/credit_notes/{note_id}/lines",
            },
            "memo": params.get("memo"),
            "metadata": without_blanks(params.get("metadata")),
            "number": f"{invoice['number']}-CN-{count + 1:02d}",
            "out_of_band_amount": params.get("out_of_band_amount"),
            "pdf": None,
            "post_payment_amount": amount if paid else 0,
            "pre_payment_amount": 0 if paid else amount,
            "pretax_credit_amounts": [],
            "reason": params.get("reason"),
            "refunds": [],
            "shipping_cost": None,
            "status": "issued",
            "subtotal": amount,
            "subtotal_excluding_tax": amount,
            "total": amount,
            "total_excluding_tax": amount,
            "total_taxes": [],
            "type": "post_payment" if paid else "pre_payment",
            "voided_at": None,
        },
    )
    if params.get("credit_amount"):
        customer = api.get("customer", invoice["customer"])
        customer["balance"] -= params["credit_amount"]
        api.store.save(customer)
    invoice["post_payment_credit_notes_amount"] += note["post_payment_amount"]
    invoice["pre_payment_credit_notes_amount"] += note["pre_payment_amount"]
    recalculate(api, invoice)
    api.emit("credit_note.created", note)
    api.emit("invoice.updated", invoice)
    settle_if_covered(api, invoice)
    return show(api.store, note)


def _check_amounts(invoice: Obj, amount: int, ways: dict[str, int], *, paid: bool) -> None:
    refuse_unless(amount > 0, "The amount of a credit note must be above 0.", param="amount")
    limit = (
        invoice["amount_paid"] - invoice["post_payment_credit_notes_amount"] if paid else invoice["amount_remaining"]
    )
    refuse_unless(
        amount <= limit,
        f"The credit note of {amount} is above what is left to credit, {limit}.",
        param="amount",
    )
    refuse_unless(all(value >= 0 for value in ways.values()), "Amounts must not be negative.", param="amount")
    refuse_unless(
        sum(ways.values()) == (amount if paid else 0),
        "The sum of credit amount, refund amount and out of band amount must equal the post payment amount"
        f" on the credit note: {sum(ways.values())} given, {amount if paid else 0} expected.",
        param="amount",
    )


def _line(api: Api, params: Form) -> Obj:
    """A line of the note as it is shown; its amount as given, or unit amount × quantity, rounded."""
    invoiced = params.get("invoice_line_item")
    refuse_unless(
        (params["type"] == "invoice_line_item") == bool(invoiced),
        "invoice_line_item goes with type=invoice_line_item, and only there.",
        param="lines",
    )
    source = api.get("line_item", invoiced, param="invoice_line_item") if invoiced else None
    quantity = params.get("quantity")
    unit = params.get("unit_amount_decimal")
    if unit is None:
        unit = params.get("unit_amount")
    amount = params.get("amount")
    if amount is None and unit is not None:
        amount = round_half_away(Fraction(unit) * (1 if quantity is None else quantity))
    refuse_unless(amount is not None, "Each line needs an amount or a unit amount.", param="lines")
    return {
        "id": new_id("credit_note_line_item"),
        "object": "credit_note_line_item",
        "amount": amount,
        "description": params.get("description") or (source["description"] if source else None),
        "discount_amount": 0,
        "discount_amounts": [],
        "invoice_line_item": invoiced,
        "livemode": False,
        "metadata": without_blanks(params.get("metadata")),
        "pretax_credit_amounts": [],
        "quantity": quantity,
        "tax_rates": [],
        "taxes": [],
        "type": params["type"],
        "unit_amount": params.get("unit_amount"),
        "unit_amount_decimal": f"{unit}" if unit is not None else None,
    }


def update(api: Api, raw: Form, identifier: str) -> Obj:
    """Only memo and metadata; what is credited stays."""
    params = UPDATE(raw)
    note = api.get("credit_note", identifier)
    previous = merge(note, params)
    api.store.save(note)
    if previous:
        api.emit("credit_note.updated", note, previous=previous)
    return show(api.store, note)


def void(api: Api, raw: Form, identifier: str) -> Obj:
    """Take back a note on an open invoice, which then owes the amount again."""
    NOTHING(raw)
    note = api.get("credit_note", identifier)
    invoice = api.get("invoice", note["invoice"])
    refuse_unless(note["status"] == "issued", "This credit note is void already.")
    refuse_unless(invoice["status"] == "open", "You can only void credit notes on open invoices.")
    note["status"], note["voided_at"] = "void", api.now
    api.store.save(note)
    invoice["pre_payment_credit_notes_amount"] -= note["pre_payment_amount"]
    recalculate(api, invoice)
    api.emit("credit_note.voided", note)
    api.emit("invoice.updated", invoice)
    return show(api.store, note)
