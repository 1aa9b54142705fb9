"""The lines of a draft: items put on it and taken off it, and the totals that follow."""

from fractions import Fraction

from amberflow.stripe_standin.api import Api, refuse_unless
from amberflow.stripe_standin.store import Condition, Obj
from amberflow.stripe_standin.totals import Rate, add_up

MAX_LINES = 250


def refuse_unless_draft(invoice: Obj) -> None:
    refuse_unless(
        invoice["status"] == "draft",
        f"This invoice is {invoice['status']}; only drafts can be changed in this way.",
        code="invoice_not_editable",
    )


def attach(api: Api, invoice: Obj, item: Obj) -> Obj:
    """Put an item on a draft as its last line, and save both."""
    refuse_unless_draft(invoice)
    refuse_unless(
        item["currency"] == invoice["currency"],
        f"The invoice item is in {item['currency']}, the invoice in {invoice['currency']}.",
        param="currency",
    )
    refuse_unless(
        api.store.line_count(invoice["id"]) < MAX_LINES,
        f"An invoice can have at most {MAX_LINES} invoice items.",
    )
    line = api.create(
        "line_item",
        {
            "amount": item["amount"],
            "currency": item["currency"],
            "description": item["description"],
            "discount_amounts": [],
            "discountable": item["discountable"],
            "discounts": [],
            "invoice": invoice["id"],
            "metadata": item["metadata"],
            "parent": {
                "type": "invoice_item_details",
                "invoice_item_details": {
                    "invoice_item": item["id"],
                    "proration": False,
                    "proration_details": None,
                    "subscription": None,
                },
                "subscription_item_details": None,
            },
            "period": item["period"],
            "pretax_credit_amounts": [],
            "pricing": item["pricing"],
            "quantity": item["quantity"],
            "quantity_decimal": item["quantity_decimal"],
            "subscription": None,
            "subtotal": item["amount"],
            "taxes": [],
            "_item": item["id"],
            "_tax_rates": item["_tax_rates"],
        },
    )
    item["invoice"], item["_pending"] = invoice["id"], False
    api.store.save(item)
    recalculate(api, invoice)
    return line


def detach(api: Api, invoice: Obj, item: Obj) -> None:
    """Take an item and its line off a draft, and save the draft."""
    refuse_unless_draft(invoice)
    for line in api.store.find("line_item", Condition("_item", item["id"])):
        api.store.delete(line["id"])
    recalculate(api, invoice)


def recalculate(api: Api, invoice: Obj) -> None:
    """Set and save every amount of the invoice from its lines, credit notes, balance and payment."""
    totals = add_up(
        (line["amount"], rates(api, line["_tax_rates"] or invoice["_default_tax_rates"]))
        for line in api.store.lines(invoice["id"])
    )
    owed = totals.total + invoice["starting_balance"]
    due = max(0, owed - invoice["pre_payment_credit_notes_amount"])
    invoice.update(
        subtotal=totals.subtotal,
        subtotal_excluding_tax=totals.subtotal - totals.inclusive_tax,
        total=totals.total,
        total_excluding_tax=totals.subtotal - totals.inclusive_tax,
        total_taxes=[tax.as_json() for tax in totals.taxes],
        amount_due=due,
        amount_remaining=max(0, due - invoice["amount_paid"]),
    )
    api.store.save(invoice)


def rates(api: Api, identifiers: list[str]) -> tuple[Rate, ...]:
    """The tax rates with these ids, for computing."""
    found = [api.get("tax_rate", identifier, param="tax_rates") for identifier in identifiers]
    return tuple(Rate(rate["id"], Fraction(rate["_percentage"]), rate["inclusive"]) for rate in found)
