"""Webhook endpoints: where events are delivered to."""

import secrets
from urllib.parse import urlsplit

from amberflow.stripe_standin import forms
from amberflow.stripe_standin.api import Api, merge, refuse_unless, without_blanks
from amberflow.stripe_standin.forms import Form, Shape
from amberflow.stripe_standin.present import show
from amberflow.stripe_standin.resources.common import NOTHING, deleted
from amberflow.stripe_standin.store import Obj

FIELDS = {
    "description": forms.text,
    "enabled_events": forms.list_of(forms.text),
    "metadata": forms.metadata,
    "url": forms.text,
}
CREATE = Shape({**FIELDS, "api_version": forms.text, "connect": forms.flag}, required=("enabled_events", "url"))
UPDATE = Shape({**FIELDS, "disabled": forms.flag})


def create(api: Api, raw: Form) -> Obj:
    """The answer is the only one that holds the signing secret."""
    params = CREATE(raw)
    _check(params)
    fields: Obj = {
        "api_version": params.get("api_version"),
        "application": None,
        "description": params.get("description"),
        "enabled_events": params["enabled_events"],
        "metadata": without_blanks(params.get("metadata")),
        "status": "enabled",
        "url": params["url"],
    }
    secret = "whsec_" + secrets.token_hex(16)
    return {
        **show(api.store, api.create("webhook_endpoint", {**fields, "_secret": secret})),
        "secret": secret,
    }


def update(api: Api, raw: Form, identifier: str) -> Obj:
    """Disabling an endpoint cancels what was still to be delivered to it."""
    params = UPDATE(raw)
    _check(params)
    endpoint = api.get("webhook_endpoint", identifier)
    if "disabled" in params:
        disabled = params.pop("disabled")
        endpoint["status"] = "disabled" if disabled else "enabled"
        if disabled:
            api.store.cancel_deliveries(identifier)
    merge(endpoint, params)
    api.store.save(endpoint)
    return show(api.store, endpoint)


def delete(api: Api, raw: Form, identifier: str) -> Obj:
    NOTHING(raw)
    endpoint = api.get("webhook_endpoint", identifier)
    api.store.cancel_deliveries(identifier)
    api.store.delete(identifier)
    return deleted(endpoint)


def _check(params: Form) -> None:
    if "url" in params:
        parts = urlsplit(params["url"] or "")
        refuse_unless(
            parts.scheme in ("http", "https") and bool(parts.hostname),
            f"Invalid URL: {params['url']}; an address such as https://example.com/stripe is needed",
            code="url_invalid",
            param="url",
        )
    if "enabled_events" in params:
        refuse_unless(
            bool(params["enabled_events"]),
            "enabled_events must name an event, or * for all.",
            param="enabled_events",
        )
