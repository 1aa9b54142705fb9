"""The calls that are the same for every kind of object."""

from collections.abc import Callable, Mapping
from typing import Any

from amberflow.stripe_standin import forms
from amberflow.stripe_standin.api import Api
from amberflow.stripe_standin.errors import ParameterError
from amberflow.stripe_standin.forms import Form, Reader, Shape
from amberflow.stripe_standin.present import show
from amberflow.stripe_standin.store import Condition, Obj

Handler = Callable[..., Obj]

NOTHING = Shape({})
RANGE = Shape(dict.fromkeys(("gt", "gte", "lt", "lte"), forms.integer))
PAGE: Mapping[str, Reader] = {
    "limit": forms.integer,
    "starting_after": forms.text,
    "ending_before": forms.text,
    "created": lambda raw, path: RANGE(raw, path) if isinstance(raw, dict) else {"is": forms.integer(raw, path)},
}
MAX_PAGE = 100
DEFAULT_PAGE = 10


def retrieve(kind: str) -> Handler:
    """The call that answers with one object."""

    def handler(api: Api, raw: Form, identifier: str) -> Obj:
        NOTHING(raw)
        return show(api.store, api.get(kind, identifier))

    return handler


def listing(kind: str, filters: Mapping[str, Reader], *, fields: Mapping[str, str] | None = None) -> Handler:
    """The call that answers with a page, newest first. `fields` renames a filter to the field it compares."""
    shape = Shape({**PAGE, **filters})

    def handler(api: Api, raw: Form) -> Obj:
        params = shape(raw)
        conditions = [Condition("deleted", None)]
        for comparison, value in (params.pop("created", None) or {}).items():
            conditions.append(Condition("created", value, comparison))
        page = {name: params.pop(name, None) for name in ("limit", "starting_after", "ending_before")}
        conditions += [Condition((fields or {}).get(name, name), value) for name, value in params.items()]
        return page_of(api, kind, conditions, page, url=f"/v1/{kind}s")

    return handler


def page_of(
    api: Api, kind: str, conditions: list[Condition], page: Form, *, url: str, newest_first: bool = True
) -> Obj:
    """`{"object": "list", "data", "has_more", "url"}`; `page` has limit, starting_after, ending_before."""
    limit = DEFAULT_PAGE if page["limit"] is None else page["limit"]
    if not 1 <= limit <= MAX_PAGE:
        raise ParameterError(f"Invalid limit: {limit}; it must be from 1 to {MAX_PAGE}", param="limit")
    after, before = page["starting_after"], page["ending_before"]
    if after and before:
        raise ParameterError("Give either starting_after or ending_before, not both.", param="ending_before")
    if after or before:
        api.get(kind, after or before, param="starting_after" if after else "ending_before")
    found = api.store.find(
        kind, *conditions, newest_first=newest_first != bool(before), beyond=after or before, limit=limit + 1
    )
    data = [show(api.store, obj) for obj in found[:limit]]
    return {
        "object": "list",
        "data": data[::-1] if before else data,
        "has_more": len(found) > limit,
        "url": url,
    }


def deletion(kind: str) -> Handler:
    """The call that removes an object for good."""

    def handler(api: Api, raw: Form, identifier: str) -> Obj:
        NOTHING(raw)
        obj = api.get(kind, identifier)
        api.store.delete(identifier)
        api.emit(f"{kind}.deleted", obj)
        return deleted(obj)

    return handler


def deleted(obj: Obj) -> Obj:
    return {"id": obj["id"], "object": obj["object"], "deleted": True}


def given(params: Form, **defaults: Any) -> Obj:
    """The defaults, overwritten by the parameters that were given a value."""
    return {**defaults, **{name: value for name, value in params.items() if value is not None}}
