"""Shows events as they come in. A view for people and consoles, not a feed: of very many only the newest are shown."""

import re
import threading
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings

from amberflow.lib.errors import DomainError
from customers.models import Customer
from metering.database import run_statement
from metering.event_query import with_context
from metering.ingest.identity import event_identity, event_key
from metering.ingest.stored import unpack
from metering.models import Event
from metering.pressure import OverloadedError

MAX_EVENTS = 500
MAX_WAIT_S = 25
LOOKED_EVERY_S = 0.5
# So many batches are looked back for one whose transaction took longer than those of later ones.
LATE = 1_000
LOOK_BACK = 20_000
AT_FIRST = 50
# No transaction is visible in it.
_NOTHING_SEEN = "1:1:"
_CURSOR = re.compile(r"(\d{1,18}) (\d{1,19}:\d{1,19}:[\d,]{0,20000})")

_lock = threading.Lock()
_waiting = 0


@dataclass(frozen=True, slots=True)
class TailEvent:
    """An event of a request that was taken. `event` is None when it was a duplicate of one that was accepted before."""

    received_at: datetime
    source: str
    customer: str
    type: str
    event_id: str
    event: Event | None


@dataclass(frozen=True, slots=True)
class TailPage:
    """What came since the last page, in order of arrival; `skipped` more were too many to show.

    `after` is where the next page begins.
    """

    events: list[TailEvent]
    skipped: int
    after: str


@dataclass(frozen=True, slots=True)
class _Batch:
    id: int
    received_at: datetime
    source: str
    count: int
    payload: bytes


def read_tail(*, after: str = "", customer: str = "") -> TailPage:
    """The events that came in since `after`, or the last ones without it; of all customers or one (external id).

    Raises DomainError for a customer or cursor that is not known.
    """
    floor, snapshot = _read_cursor(after)
    if customer and not Customer.objects.filter(external_id=customer).exists():
        raise DomainError("unknown_customer", f"customer {customer!r} is not known.", field="customer")
    look_back = LOOK_BACK if after else AT_FIRST
    summary, *rows = run_statement(
        "tail_batches",
        {"floor": floor - LATE, "snapshot": snapshot, "look_back": look_back, "events": MAX_EVENTS},
    )
    batches = [_Batch(*row) for row in rows]
    last_id, _, now, total, _ = summary
    events = _events(batches, customer)
    skipped = total - sum(batch.count for batch in batches) if after else 0
    return TailPage(events[-MAX_EVENTS:], skipped + max(0, len(events) - MAX_EVENTS), _cursor(last_id, now))


def wait_for_tail(*, after: str, customer: str = "", seconds: float) -> TailPage:
    """The same, but if nothing came yet, wait for it.

    Each waiting call holds a thread of the web server. So only a few may wait in each process: raises OverloadedError.
    """
    if seconds <= 0 or not after:
        return read_tail(after=after, customer=customer)
    until = time.monotonic() + min(seconds, MAX_WAIT_S)
    with _waiting_place(seconds):
        while True:
            page = read_tail(after=after, customer=customer)
            left = until - time.monotonic()
            if page.events or page.skipped or left <= 0:
                return page
            after = page.after
            time.sleep(min(LOOKED_EVERY_S, left))


@contextmanager
def _waiting_place(seconds: float) -> Iterator[None]:
    global _waiting
    with _lock:
        is_free = _waiting < settings.TAIL_MAX_WAITING
        _waiting += is_free
    if not is_free:
        raise OverloadedError(
            f"{settings.TAIL_MAX_WAITING} calls wait for events already: ask with wait=0, or again later.",
            code="too_many_tails",
            retry_after=max(1, round(seconds)),
        )
    try:
        yield
    finally:
        with _lock:
            _waiting -= 1


def _events(batches: list[_Batch], customer: str) -> list[TailEvent]:
    sent = [
        (batch, position, document)
        for batch in batches
        for position, document in enumerate(unpack(bytes(batch.payload)))
        if not customer or document["customer"] == customer
    ]
    names = {document["customer"] for _, _, document in sent}
    ids = dict(Customer.objects.filter(external_id__in=names).values_list("external_id", "pk"))
    keys = [_key(batch, document, ids) for batch, _, document in sent]
    stored = {
        (event.batch_id, event.position): event
        for event in with_context(Event.objects.filter(key__in=[key for key in keys if key is not None]))
    }
    return [
        TailEvent(
            received_at=batch.received_at,
            source=batch.source,
            customer=document["customer"],
            type=document["type"],
            event_id=document["id"],
            event=stored.get((batch.id, position)),
        )
        for batch, position, document in sent
    ]


def _key(batch: _Batch, document: dict[str, Any], ids: dict[str, int]) -> UUID | None:
    """Where the event is stored, if it was new; None for a customer whose external id was changed since."""
    customer_id = ids.get(document["customer"])
    if customer_id is None:
        return None
    at = batch.received_at if document["time"] is None else datetime.fromisoformat(document["time"])
    identity = event_identity(customer_id=customer_id, source=document["source"], event_id=document["id"])
    return UUID(bytes=event_key(occurred_at=at.astimezone(UTC), identity=identity))


def _cursor(last_id: int, snapshot: str) -> str:
    return urlsafe_b64encode(f"{last_id} {snapshot}".encode()).decode()


def _read_cursor(after: str) -> tuple[int, str]:
    if not after:
        return 0, _NOTHING_SEEN
    try:
        found = _CURSOR.fullmatch(urlsafe_b64decode(after).decode())
    except ValueError:
        found = None
    if found is None:
        raise DomainError(
            "invalid_cursor", "after is not from an answer of this route: begin without it.", field="after"
        )
    return int(found[1]), found[2]
