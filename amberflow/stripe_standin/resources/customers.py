"""Customers."""

import secrets

from amberflow.stripe_standin import forms
from amberflow.stripe_standin.api import Api, merge, refuse_unless, without_blanks
from amberflow.stripe_standin.forms import Form, Reader, Shape
from amberflow.stripe_standin.present import show
from amberflow.stripe_standin.resources import payment_methods
from amberflow.stripe_standin.resources.common import NOTHING, deleted, given
from amberflow.stripe_standin.store import Obj

ADDRESS = Shape(dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"), forms.text))
INVOICE_SETTINGS = Shape({"custom_fields": forms.anything, "default_payment_method": forms.text, "footer": forms.text})
FIELDS: dict[str, Reader] = {
    "address": ADDRESS,
    "balance": forms.integer,
    "business_name": forms.text,
    "description": forms.text,
    "email": forms.text,
    "individual_name": forms.text,
    "invoice_prefix": forms.text,
    "invoice_settings": INVOICE_SETTINGS,
    "metadata": forms.metadata,
    "name": forms.text,
    "next_invoice_sequence": forms.integer,
    "phone": forms.text,
    "preferred_locales": forms.list_of(forms.text),
    "shipping": forms.anything,
    "tax_exempt": forms.one_of("none", "exempt", "reverse"),
}
CREATE = Shape({**FIELDS, "payment_method": forms.text})
UPDATE = Shape(FIELDS)
NO_SETTINGS = {
    "custom_fields": None,
    "default_payment_method": None,
    "footer": None,
    "rendering_options": None,
}


def create(api: Api, raw: Form) -> Obj:
    params = CREATE(raw)
    method = params.pop("payment_method", None)
    settings = {**NO_SETTINGS, **(params.pop("invoice_settings", None) or {})}
    default_method = settings["default_payment_method"]
    fields = given(
        params,
        address=None,
        balance=0,
        currency=None,
        default_source=None,
        delinquent=False,
        description=None,
        discount=None,
        email=None,
        invoice_prefix=secrets.token_hex(4).upper(),
        name=None,
        next_invoice_sequence=1,
        phone=None,
        preferred_locales=[],
        shipping=None,
        tax_exempt="none",
        test_clock=None,
    )
    fields["metadata"] = without_blanks(params.get("metadata"))
    fields["address"] = _whole_address(fields["address"])
    refuse_unless(
        default_method in (None, method),
        f"The customer does not have a payment method with the ID {default_method}. Attach it first.",
        code="resource_missing",
        param="invoice_settings[default_payment_method]",
    )
    customer = api.create("customer", {**fields, "invoice_settings": settings})
    if method:
        attached = payment_methods.usable(api, method, customer["id"])
        if default_method:
            # A test id such as pm_card_visa has become a card with an id of its own.
            settings["default_payment_method"] = attached["id"]
            api.store.save(customer)
    api.emit("customer.created", customer)
    return show(api.store, customer)


def retrieve(api: Api, raw: Form, identifier: str) -> Obj:
    """A deleted customer is still answered, as `{"id", "object", "deleted": true}`."""
    NOTHING(raw)
    found = api.store.get(identifier)
    if found is not None and found["object"] == "customer" and found.get("deleted"):
        return deleted(found)
    return show(api.store, api.get("customer", identifier))


def update(api: Api, raw: Form, identifier: str) -> Obj:
    params = UPDATE(raw)
    customer = api.get("customer", identifier)
    if "address" in params:
        params["address"] = _whole_address(params["address"])
    if "invoice_settings" in params:
        params["invoice_settings"] = {**customer["invoice_settings"], **params["invoice_settings"]}
        method = params["invoice_settings"]["default_payment_method"]
        if method:
            params["invoice_settings"]["default_payment_method"] = payment_methods.usable(api, method, identifier)["id"]
    previous = merge(customer, params)
    api.store.save(customer)
    if previous:
        api.emit("customer.updated", customer, previous=previous)
    return show(api.store, customer)


def delete(api: Api, raw: Form, identifier: str) -> Obj:
    NOTHING(raw)
    customer = api.get("customer", identifier)
    api.emit("customer.deleted", customer)
    api.store.save(deleted(customer))
    return deleted(customer)


def _whole_address(address: Obj | None) -> Obj | None:
    return {name: address.get(name) for name in ADDRESS.fields} if address else None
