"""Invoices as documents: created, filled and changed as drafts. What comes after is in invoice_states.py."""

from amberflow.stripe_standin import forms
from amberflow.stripe_standin.api import ACCOUNT_CURRENCY, Api, merge, refuse_unless, without_blanks
from amberflow.stripe_standin.forms import Form, Reader, Shape
from amberflow.stripe_standin.present import show
from amberflow.stripe_standin.resources import invoice_lines, invoiceitems, payment_methods
from amberflow.stripe_standin.resources.account import ACCOUNT_NAME
from amberflow.stripe_standin.resources.common import NOTHING, PAGE, deleted, given, page_of
from amberflow.stripe_standin.store import Condition, Obj

DAY = 86400
MAX_NUMBER = 26
FIELDS: dict[str, Reader] = {
    "auto_advance": forms.flag,
    "collection_method": forms.one_of("charge_automatically", "send_invoice"),
    "custom_fields": forms.list_of(
        Shape({"name": forms.text, "value": forms.text}, required=("name", "value")),
    ),
    "days_until_due": forms.integer,
    "default_payment_method": forms.text,
    "default_tax_rates": forms.list_of(forms.text),
    "description": forms.text,
    "due_date": forms.integer,
    "effective_at": forms.integer,
    "footer": forms.text,
    "metadata": forms.metadata,
    "number": forms.text,
    "payment_settings": forms.anything,
    "rendering": forms.anything,
    "statement_descriptor": forms.text,
}
CREATE = Shape(
    {
        **FIELDS,
        "currency": forms.currency,
        "customer": forms.text,
        "pending_invoice_items_behavior": forms.one_of("include", "exclude"),
    },
    required=("customer",),
)
UPDATE = Shape(FIELDS)
EDITABLE_WHEN_FINAL = frozenset(
    {
        "auto_advance",
        "custom_fields",
        "default_payment_method",
        "description",
        "due_date",
        "footer",
        "metadata",
        "payment_settings",
        "rendering",
        "statement_descriptor",
    }
)
ADD_LINES = Shape(
    {
        "lines": forms.list_of(Shape({**invoiceitems.LINE_FIELDS, "invoice_item": forms.text})),
        "invoice_metadata": forms.metadata,
    },
    required=("lines",),
)
LINES = Shape({name: PAGE[name] for name in ("limit", "starting_after", "ending_before")})


def create(api: Api, raw: Form) -> Obj:
    params = CREATE(raw)
    customer = api.get("customer", params["customer"], param="customer")
    include = params.pop("pending_invoice_items_behavior", "exclude") == "include"
    currency = params.pop("currency", None) or customer["currency"] or ACCOUNT_CURRENCY
    fields = _checked(api, params, customer=customer["id"], collection=None)
    invoice = api.create("invoice", {**_blank(api, customer, currency), **given(fields)})
    invoice["metadata"] = without_blanks(params.get("metadata"))
    if include:
        pending = api.store.find("invoiceitem", Condition("customer", customer["id"]), Condition("_pending", True))
        for item in pending:
            if item["currency"] == currency:
                invoice_lines.attach(api, invoice, item)
    invoice_lines.recalculate(api, invoice)
    api.emit("invoice.created", invoice)
    return show(api.store, invoice)


def update(api: Api, raw: Form, identifier: str) -> Obj:
    """Everything on a draft; afterwards only what does not touch money, number or way of collection."""
    params = UPDATE(raw)
    invoice = api.get("invoice", identifier)
    fixed = sorted(set(params) - EDITABLE_WHEN_FINAL)
    refuse_unless(
        invoice["status"] == "draft" or not fixed,
        f"Finalized invoices can't be updated in this way: {', '.join(fixed)} can only change on a draft.",
        code="invoice_not_editable",
        param=fixed[0] if fixed else None,
    )
    fields = _checked(
        api, params, customer=invoice["customer"], collection=invoice["collection_method"], own=identifier
    )
    previous = {name: old for name, old in merge(invoice, fields).items() if not name.startswith("_")}
    invoice_lines.recalculate(api, invoice)
    if previous:
        api.emit("invoice.updated", invoice, previous=previous)
    return show(api.store, invoice)


def delete(api: Api, raw: Form, identifier: str) -> Obj:
    """Remove a draft with its lines and the items on it."""
    NOTHING(raw)
    invoice = api.get("invoice", identifier)
    refuse_unless(
        invoice["status"] == "draft",
        f"You can only delete draft invoices, this one is {invoice['status']}. Void it instead.",
        code="invoice_not_editable",
    )
    for line in api.store.lines(identifier):
        api.store.delete(line["_item"])
        api.store.delete(line["id"])
    api.store.delete(identifier)
    api.emit("invoice.deleted", invoice)
    return deleted(invoice)


def add_lines(api: Api, raw: Form, identifier: str) -> Obj:
    """Put new or pending items on a draft, in the order given."""
    params = ADD_LINES(raw)
    invoice = api.get("invoice", identifier)
    invoice_lines.refuse_unless_draft(invoice)
    if params.get("invoice_metadata"):
        merge(invoice, {"metadata": params["invoice_metadata"]})
    for position, line in enumerate(params["lines"]):
        if line.get("invoice_item"):
            item = api.get("invoiceitem", line["invoice_item"], param=f"lines[{position}][invoice_item]")
            refuse_unless(
                item["_pending"] and item["customer"] == invoice["customer"],
                "The invoice item is on an invoice already, or of another customer.",
                param=f"lines[{position}][invoice_item]",
            )
        else:
            item = invoiceitems.build(
                api,
                {**line, "customer": invoice["customer"], "currency": invoice["currency"], "invoice": None},
            )
        invoice_lines.attach(api, invoice, item)
    api.emit("invoice.updated", invoice)
    return show(api.store, invoice)


def lines(api: Api, raw: Form, identifier: str) -> Obj:
    """The lines in the order in which they were added, in pages."""
    params = LINES(raw)
    api.get("invoice", identifier)
    page = {name: params.get(name) for name in LINES.fields}
    url = f"/v1/invoices/{identifier}/lines"
    return page_of(api, "line_item", [Condition("invoice", identifier)], page, url=url, newest_first=False)


def _checked(api: Api, params: Form, *, customer: str, collection: str | None, own: str | None = None) -> Form:
    """The fields as they are stored, after the rules that concern more than one of them."""
    fields = dict(params)
    if fields.get("default_payment_method"):
        fields["default_payment_method"] = payment_methods.usable(api, fields["default_payment_method"], customer)["id"]
    if "default_tax_rates" in fields:
        fields["_default_tax_rates"] = [rate.id for rate in invoice_lines.rates(api, fields.pop("default_tax_rates"))]
    days, due = fields.pop("days_until_due", None), fields.get("due_date")
    method = fields.get("collection_method", collection or "charge_automatically")
    refuse_unless(
        method == "send_invoice" or (days is None and due is None),
        "days_until_due and due_date need collection_method=send_invoice.",
        param="days_until_due" if days is not None else "due_date",
    )
    refuse_unless(days is None or due is None, "Give either days_until_due or due_date.", param="due_date")
    refuse_unless(days is None or days >= 0, "days_until_due must not be negative", param="days_until_due")
    if days is not None:
        fields["_days_until_due"], fields["due_date"] = days, api.now + DAY * days
    elif due is not None:
        fields["_days_until_due"] = None
    number = fields.get("number")
    if number is not None:
        refuse_unless(len(number) <= MAX_NUMBER, f"number can have up to {MAX_NUMBER} characters", param="number")
        taken = [one for one in api.store.find("invoice", Condition("number", number)) if one["id"] != own]
        refuse_unless(not taken, f"An invoice with the number {number} exists already.", param="number")
    return fields


def _blank(api: Api, customer: Obj, currency: str) -> Obj:
    return {
        "account_country": "US",
        "account_name": ACCOUNT_NAME,
        "account_tax_ids": None,
        "amount_due": 0,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": False,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "automatically_finalizes_at": None,
        "billing_reason": "manual",
        "collection_method": "charge_automatically",
        "currency": currency,
        "custom_fields": None,
        "customer": customer["id"],
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": customer["shipping"],
        "customer_tax_exempt": customer["tax_exempt"],
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "description": None,
        "discounts": [],
        "due_date": None,
        "effective_at": None,
        "ending_balance": None,
        "footer": customer["invoice_settings"]["footer"],
        "from_invoice": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "next_payment_attempt": None,
        "number": None,
        "on_behalf_of": None,
        "parent": None,
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "period_end": api.now,
        "period_start": api.now,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": 0,
        "statement_descriptor": None,
        "status": "draft",
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "test_clock": None,
        "threshold_reason": None,
        "total_discount_amounts": [],
        "total_pretax_credit_amounts": [],
        "webhooks_delivered_at": None,
        "_days_until_due": None,
        "_default_tax_rates": [],
    }
