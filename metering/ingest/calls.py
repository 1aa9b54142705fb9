"""Recognises a call that two systems report: each under an id of its own, both with the provider's response id."""

from collections.abc import Mapping
from hashlib import blake2b
from uuid import UUID

from metering.arrays import uuid_array
from metering.database import run_statement
from metering.ingest.canonical import EventError
from metering.ingest.identity import HASHED_IN_KEY
from metering.ingest.prepared import PreparedEvents
from metering.models import ReportedCall


def call_digest(*, customer_id: int, call_id: str) -> bytes:
    """16 bytes that say which call it is."""
    return blake2b(f"{customer_id}\0{call_id}".encode("utf-8", "surrogatepass"), digest_size=16).digest()


def find_reported(prepared: PreparedEvents, *, source: str) -> Mapping[bytes, EventError]:
    """Those of the events, by identity, whose call came by another route before, with the reason; the calls of the
    others are noted in the caller's transaction.

    One route may report a call in several events: it has its own ids, and tells input and output apart, for example.
    """
    calls: dict[bytes, int] = {}
    for position in prepared.calls:
        digest = call_digest(customer_id=prepared.customer_ids[position], call_id=prepared.events[position].call_id)
        calls.setdefault(digest, position)
    run_statement(
        "claim_calls",
        {
            "call": uuid_array(list(calls)),
            "key": uuid_array([prepared.keys[position] for position in calls.values()]),
            "source": source,
        },
    )
    others = dict(
        ReportedCall.objects.filter(pk__in=[UUID(bytes=call) for call in calls])
        .exclude(source=source)
        .values_list("call", "source")
    )
    if not others:
        return {}
    reported = {}
    for position in prepared.calls:
        event = prepared.events[position]
        digest = call_digest(customer_id=prepared.customer_ids[position], call_id=event.call_id)
        by = others.get(UUID(bytes=digest))
        if by is not None:
            reported[prepared.keys[position][-HASHED_IN_KEY:]] = EventError(
                "reported_twice",
                "call_id",
                f"The call {event.call_id!r} was reported by {by} already and counts once. Let only one of the two "
                "systems report it and dismiss this event; or void the other event and replay this one.",
            )
    return reported
