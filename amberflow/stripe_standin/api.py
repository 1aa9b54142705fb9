"""What a resource works with during one call."""

import secrets
import time
from dataclasses import dataclass, field

from amberflow.stripe_standin.errors import StripeError, no_such
from amberflow.stripe_standin.present import show
from amberflow.stripe_standin.store import Condition, Obj, Store

API_VERSION = "2026-08-26.dahlia"
ACCOUNT_CURRENCY = "usd"
PREFIXES = {
    "credit_note": "cn",
    "credit_note_line_item": "cnli",
    "customer": "cus",
    "event": "evt",
    "invoice": "in",
    "invoice_payment": "inpay",
    "invoiceitem": "ii",
    "line_item": "il",
    "payment_intent": "pi",
    "payment_method": "pm",
    "price": "price",
    "product": "prod",
    "tax_rate": "txr",
    "webhook_endpoint": "we",
}


def new_id(kind: str) -> str:
    return f"{PREFIXES[kind]}_{secrets.token_hex(12)}"


@dataclass(frozen=True)
class Api:
    """One call inside one transaction. `base_url` without a slash at its end; `now` in epoch seconds."""

    store: Store
    base_url: str
    idempotency_key: str | None = None
    now: int = field(default_factory=lambda: int(time.time()))

    def create(self, kind: str, fields: Obj) -> Obj:
        """A stored object with a new id. Keys that begin with an underscore stay inside the stand-in."""
        obj = {
            "id": new_id(kind),
            "object": kind,
            "created": self.now,
            "livemode": False,
            "metadata": {},
            **fields,
        }
        self.store.insert(obj)
        return obj

    def get(self, kind: str, identifier: str, *, param: str = "id") -> Obj:
        """The live object, or the 404 that names `param`."""
        obj = self.store.get(identifier)
        if obj is None or obj["object"] != kind or obj.get("deleted"):
            raise no_such(kind, identifier, param)
        return obj

    def emit(self, type_: str, obj: Obj, *, previous: Obj | None = None) -> None:
        """Record an event with the object as it is now, and queue it for the endpoints that listen."""
        data: Obj = {"object": show(self.store, obj)}
        if previous is not None:
            data["previous_attributes"] = previous
        event: Obj = {
            "id": new_id("event"),
            "object": "event",
            "created": self.now,
            "livemode": False,
            "type": type_,
            "api_version": API_VERSION,
            "data": data,
            "request": {"id": None, "idempotency_key": self.idempotency_key},
        }
        self.store.insert(event)
        for endpoint in self.store.find("webhook_endpoint", Condition("status", "enabled")):
            if {"*", type_} & set(endpoint["enabled_events"]):
                self.store.enqueue(endpoint["id"], event["id"])


def merge(obj: Obj, params: Obj) -> Obj:
    """Write the parameters over an object and return the values they replaced. Metadata merges by key."""
    previous: Obj = {}
    for name, given in params.items():
        value, before = given, obj.get(name)
        if name == "metadata":
            merged = {**(before or {}), **value} if value else {}
            value = {key: text for key, text in merged.items() if text != ""}
        if value != before:
            previous[name] = before
            obj[name] = value
    return previous


def without_blanks(metadata: dict[str, str] | None) -> dict[str, str]:
    return {key: text for key, text in (metadata or {}).items() if text != ""}


def refuse_unless(condition: bool, message: str, *, code: str | None = None, param: str | None = None) -> None:
    """Raise the 400 with this message unless the condition holds."""
    if not condition:
        raise StripeError(message, code=code, param=param)
