"""How stored objects look from outside: embedded lists, expanded ids, pages."""

from typing import Any

from amberflow.stripe_standin.store import Condition, Obj, Store

# An invoice shows its first ten lines; the rest is fetched from the address of the list, as with Stripe.
EMBEDDED_LINES = 10


def show(store: Store, obj: Obj) -> Obj:
    """The public form of a stored object."""
    shown = {name: value for name, value in obj.items() if not name.startswith("_")}
    if obj["object"] == "invoice":
        shown["default_tax_rates"] = _all(store, obj["_default_tax_rates"])
        shown["lines"] = _list(
            [show(store, line) for line in store.lines(obj["id"], limit=EMBEDDED_LINES)],
            total=store.line_count(obj["id"]),
            url=f"/v1/invoices/{obj['id']}/lines",
        )
    elif obj["object"] == "invoiceitem":
        shown["tax_rates"] = _all(store, obj["_tax_rates"])
    elif obj["object"] == "event":
        shown["pending_webhooks"] = store.pending_deliveries(obj["id"])
    return shown


def _all(store: Store, identifiers: list[str]) -> list[Obj]:
    return [show(store, obj) for obj in map(store.get, identifiers) if obj is not None]


def _list(data: list[Obj], *, total: int, url: str) -> Obj:
    return {"object": "list", "data": data, "has_more": total > len(data), "total_count": total, "url": url}


def expand(store: Store, body: Obj, paths: list[str]) -> Obj:
    """Replace ids by objects at dotted paths such as `data.customer`; a path to nowhere is left alone."""
    for path in paths:
        _expand(store, body, path.split("."))
    return body


def _expand(store: Store, place: Any, names: list[str]) -> None:
    if isinstance(place, list):
        for item in place:
            _expand(store, item, names)
        return
    if not isinstance(place, dict):
        return
    name, rest = names[0], names[1:]
    if name == "payments" and place.get("object") == "invoice":
        payments = store.find("invoice_payment", Condition("invoice", place["id"]), newest_first=True)
        url = f"/v1/invoice_payments?invoice={place['id']}"
        place["payments"] = _list([show(store, one) for one in payments], total=len(payments), url=url)
    value = place.get(name)
    if isinstance(value, str):
        found = store.get(value)
        if found is not None:
            place[name] = show(store, found)
    if rest:
        _expand(store, place.get(name), rest)
