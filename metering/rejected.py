"""Rejected events in groups that are fixed together: by reason, source, customer and type."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, QuerySet, Sum

from amberflow.lib.errors import DomainError
from metering.models import RejectedEvent

TOP_FIELDS = ("customer", "type", "time", "source")
PROPERTY = "properties."
MOST_GROUPS = 500


@dataclass(frozen=True, slots=True)
class RejectedGroup:
    """What the events of a group have in common, as they were received."""

    code: str
    source: str
    customer_ref: str = ""
    type_ref: str = ""

    def events(self) -> "QuerySet[RejectedEvent]":
        """Those of the group that are open."""
        return RejectedEvent.objects.filter(status=RejectedEvent.Status.OPEN, **asdict(self))


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group with its open events: how many, how often they came, when, and the reason of one of them."""

    group: RejectedGroup
    events: int
    times_seen: int
    first_seen_at: datetime
    last_seen_at: datetime
    message: str


@dataclass(frozen=True, slots=True)
class Change:
    """How events are changed before they are sent again: fields that are removed, renamed, then set.

    A field is customer, type, time, source, or a property like properties.pages.
    """

    set: Mapping[str, Any] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    remove: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises DomainError for a field that can't be changed."""
        for name in (*self.set, *self.rename, *self.rename.values(), *self.remove):
            if name not in TOP_FIELDS and not (name.startswith(PROPERTY) and len(name) > len(PROPERTY)):
                raise DomainError(
                    "unknown_field",
                    f"{name[:60]!r} can't be changed: use {', '.join(TOP_FIELDS)}, or a property like "
                    "properties.pages.",
                    field="field",
                )

    def __bool__(self) -> bool:
        return bool(self.set or self.rename or self.remove)

    def apply(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The changed event; the given one stays as it is."""
        changed = dict(payload)
        changed["properties"] = dict(_properties(payload))
        for name in self.remove:
            _place(changed, name)[0].pop(_place(changed, name)[1], None)
        for old, new in self.rename.items():
            place, key = _place(changed, old)
            if key in place:
                value = place.pop(key)
                target, name = _place(changed, new)
                target[name] = value
        for name, value in self.set.items():
            place, key = _place(changed, name)
            place[key] = value
        return changed

    def document(self) -> dict[str, Any]:
        """The change as it is kept; `change_of` reads it."""
        return {"set": dict(self.set), "rename": dict(self.rename), "remove": list(self.remove)}

    def text(self) -> str:
        """What is changed, in words."""
        parts = [
            *(f"{name} removed" for name in self.remove),
            *(f"{old} renamed to {new}" for old, new in self.rename.items()),
            *(f"{name} set to {value!r}" for name, value in self.set.items()),
        ]
        return "; ".join(parts)


def change_of(document: Mapping[str, Any]) -> Change:
    """The change that was kept as that document."""
    return Change(document.get("set", {}), document.get("rename", {}), tuple(document.get("remove", ())))


def _properties(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = payload.get("properties")
    return properties if isinstance(properties, dict) else {}


def _place(payload: dict[str, Any], name: str) -> tuple[dict[str, Any], str]:
    return (payload["properties"], name[len(PROPERTY) :]) if name.startswith(PROPERTY) else (payload, name)


def open_groups() -> list[GroupRow]:
    """The groups with open events, the largest first, at most 500."""
    rows = (
        RejectedEvent.objects.filter(status=RejectedEvent.Status.OPEN)
        .order_by()
        .values("code", "source", "customer_ref", "type_ref")
        .annotate(
            events=Count("pk"),
            times=Sum("times_seen"),
            first=Min("first_seen_at"),
            last=Max("last_seen_at"),
            text=Max("message"),
        )
        .order_by("-events", "code", "source", "customer_ref", "type_ref")[:MOST_GROUPS]
    )
    return [
        GroupRow(
            RejectedGroup(row["code"], row["source"], row["customer_ref"], row["type_ref"]),
            row["events"],
            row["times"],
            row["first"],
            row["last"],
            row["text"],
        )
        for row in rows
    ]
