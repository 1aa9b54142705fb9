"""The event that counts in place of another one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from amberflow.lib.errors import DomainError
from metering.ingest.canonical import ID_LENGTH, CanonicalEvent, EventError
from metering.ingest.dialects import native
from metering.ingest.event_times import check_time
from metering.retention.kept import check_event_kept

_NUMBERED = re.compile(r"(.*)~([0-9]{1,9})", re.DOTALL)
# What a replacement shares with the event that it stands for.
SHARED = ("customer", "source", "type")


@dataclass(frozen=True, slots=True)
class Replacement:
    """The key of an event, and what is to count instead, in the native wire format: `properties` in full; `id` and
    `time` only where they are to be others than derived and kept."""

    key: UUID
    document: Mapping[str, Any] = field(default_factory=dict)


def next_id(event_id: str) -> str:
    """The id that is derived for a replacement: call-7, call-7~2, call-7~3."""
    numbered = _NUMBERED.fullmatch(event_id)
    if numbered is None:
        return f"{event_id}~2"
    return f"{numbered[1]}~{int(numbered[2]) + 1}"


def replacement_event(
    replacement: Replacement, old: Mapping[str, Any], *, occurred_at: datetime, now: datetime, index: int
) -> CanonicalEvent:
    """The new event of the `index`-th replacement of a request; `old` is the replaced one as it was sent, which
    counted at `occurred_at`. Raises DomainError naming the field."""
    where = f"events.{index}.event"
    given = replacement.document
    if "properties" not in given:
        raise DomainError(
            "missing_properties",
            "properties are missing: give all of the new event's, or void the event.",
            field=f"{where}.properties",
        )
    for name in SHARED:
        if given.get(name) not in (None, old[name]):
            raise DomainError(
                "replacement_differs",
                f"{name} {str(given[name])[:60]!r} is not that of the replaced event ({old[name]!r}): leave it out, or "
                "void the event and send the other one by itself.",
                field=f"{where}.{name}",
            )
    new_id = given.get("id") or next_id(str(old["id"]))
    if "id" not in given and len(new_id) > ID_LENGTH:
        raise DomainError("id_too_long", "The derived id would be too long: give one.", field=f"{where}.id")
    item = {
        "id": new_id,
        **{name: old[name] for name in SHARED},
        "time": given.get("time") or occurred_at.isoformat(),
        "properties": given["properties"],
    }
    batch = native.decode_items([item])
    for rejection in batch.rejections:
        raise DomainError(rejection.code, rejection.message, field=f"{where}.{rejection.field}")
    (event,) = batch.events
    assert event.occurred_at is not None
    try:
        check_time(event.occurred_at, now=now)
        check_event_kept(event, received_at=now)
    except EventError as error:
        raise DomainError(error.code, error.message, field=f"{where}.{error.field}") from None
    return event
