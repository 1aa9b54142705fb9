"""Every address of the API that the stand-in answers."""

import re
from collections.abc import Callable

from amberflow.stripe_standin import forms
from amberflow.stripe_standin.errors import unknown_url
from amberflow.stripe_standin.resources import (
    account,
    catalog,
    credit_notes,
    customers,
    invoice_states,
    invoiceitems,
    invoices,
    payment_methods,
    webhook_endpoints,
)
from amberflow.stripe_standin.resources.common import deletion, listing, retrieve
from amberflow.stripe_standin.store import Obj

Handler = Callable[..., Obj]

INVOICE_STATUS = forms.one_of("draft", "open", "paid", "uncollectible", "void")
ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/v1/account", account.retrieve),
    ("GET", "/v1/accounts/{id}", account.retrieve),
    ("POST", "/v1/customers", customers.create),
    ("GET", "/v1/customers", listing("customer", {"email": forms.text})),
    ("GET", "/v1/customers/{id}", customers.retrieve),
    ("POST", "/v1/customers/{id}", customers.update),
    ("DELETE", "/v1/customers/{id}", customers.delete),
    ("POST", "/v1/products", catalog.create_product),
    ("GET", "/v1/products", listing("product", {"active": forms.flag})),
    ("GET", "/v1/products/{id}", retrieve("product")),
    ("POST", "/v1/products/{id}", catalog.update_product),
    ("DELETE", "/v1/products/{id}", deletion("product")),
    ("GET", "/v1/products/{id}/features", catalog.product_features),
    ("POST", "/v1/prices", catalog.create_price),
    (
        "GET",
        "/v1/prices",
        listing("price", {"active": forms.flag, "currency": forms.currency, "product": forms.text}),
    ),
    ("GET", "/v1/prices/{id}", retrieve("price")),
    ("POST", "/v1/prices/{id}", catalog.update_price),
    ("POST", "/v1/tax_rates", catalog.create_tax_rate),
    ("GET", "/v1/tax_rates", listing("tax_rate", {"active": forms.flag, "inclusive": forms.flag})),
    ("GET", "/v1/tax_rates/{id}", retrieve("tax_rate")),
    ("POST", "/v1/tax_rates/{id}", catalog.update_tax_rate),
    ("POST", "/v1/payment_methods", payment_methods.create),
    ("GET", "/v1/payment_methods", listing("payment_method", {"customer": forms.text, "type": forms.text})),
    ("GET", "/v1/payment_methods/{id}", retrieve("payment_method")),
    ("POST", "/v1/payment_methods/{id}/attach", payment_methods.attach),
    ("POST", "/v1/payment_methods/{id}/detach", payment_methods.detach),
    ("POST", "/v1/invoiceitems", invoiceitems.create),
    ("GET", "/v1/invoiceitems", invoiceitems.list_page),
    ("GET", "/v1/invoiceitems/{id}", retrieve("invoiceitem")),
    ("DELETE", "/v1/invoiceitems/{id}", invoiceitems.delete),
    ("POST", "/v1/invoices", invoices.create),
    (
        "GET",
        "/v1/invoices",
        listing(
            "invoice",
            {
                "collection_method": forms.one_of("charge_automatically", "send_invoice"),
                "customer": forms.text,
                "status": INVOICE_STATUS,
            },
        ),
    ),
    ("GET", "/v1/invoices/{id}", retrieve("invoice")),
    ("POST", "/v1/invoices/{id}", invoices.update),
    ("DELETE", "/v1/invoices/{id}", invoices.delete),
    ("GET", "/v1/invoices/{id}/lines", invoices.lines),
    ("POST", "/v1/invoices/{id}/add_lines", invoices.add_lines),
    ("POST", "/v1/invoices/{id}/finalize", invoice_states.finalize),
    ("POST", "/v1/invoices/{id}/send", invoice_states.send),
    ("POST", "/v1/invoices/{id}/pay", invoice_states.pay),
    ("POST", "/v1/invoices/{id}/void", invoice_states.void),
    ("POST", "/v1/invoices/{id}/mark_uncollectible", invoice_states.mark_uncollectible),
    ("POST", "/v1/credit_notes", credit_notes.create),
    ("GET", "/v1/credit_notes", listing("credit_note", {"customer": forms.text, "invoice": forms.text})),
    ("GET", "/v1/credit_notes/{id}", retrieve("credit_note")),
    ("POST", "/v1/credit_notes/{id}", credit_notes.update),
    ("POST", "/v1/credit_notes/{id}/void", credit_notes.void),
    (
        "GET",
        "/v1/invoice_payments",
        listing("invoice_payment", {"invoice": forms.text, "status": forms.text}),
    ),
    ("GET", "/v1/invoice_payments/{id}", retrieve("invoice_payment")),
    ("GET", "/v1/payment_intents/{id}", retrieve("payment_intent")),
    ("GET", "/v1/events", listing("event", {"type": forms.text})),
    ("GET", "/v1/events/{id}", retrieve("event")),
    ("POST", "/v1/webhook_endpoints", webhook_endpoints.create),
    ("GET", "/v1/webhook_endpoints", listing("webhook_endpoint", {})),
    ("GET", "/v1/webhook_endpoints/{id}", retrieve("webhook_endpoint")),
    ("POST", "/v1/webhook_endpoints/{id}", webhook_endpoints.update),
    ("DELETE", "/v1/webhook_endpoints/{id}", webhook_endpoints.delete),
)
PATTERNS = tuple(
    (method, re.compile(address.replace("{id}", "([^/]+)")), handler) for method, address, handler in ROUTES
)


def resolve(method: str, path: str) -> tuple[Handler, tuple[str, ...]]:
    """The handler of a call, and the ids in its address. Raises the 404 for any other address."""
    for known_method, pattern, handler in PATTERNS:
        match = pattern.fullmatch(path) if method == known_method else None
        if match:
            return handler, match.groups()
    raise unknown_url(method, path)
