"""From the names that events carry to rows: customers, event types, series. Remembered for seconds, so that a change
is noticed, and looked up at once when a name is not known, so that a new row is.

What decides how an event counts (where its day begins, what meters need of it) must not be seconds old. It is
remembered under a *generation*, which ends when any of that changes, and writing refuses what an earlier one prepared.
"""

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice

from django.db import transaction
from django.db.models import Max

from customers.models import Customer
from metering.aggregations import EPOCH, microseconds
from metering.arrays import uuid_array
from metering.calendar import Calendar, calendars
from metering.database import run_statement
from metering.ingest.canonical import EventError, encode_json
from metering.ingest.customer_names import find_named
from metering.ingest.limits import lock_series_of, refused_series
from metering.ingest.series_key import SeriesKey, dimensions_of, series_digest
from metering.models import CustomerAlias, EventType, IngestionChange
from metering.needs import NOTHING, Needs, all_needs

REMEMBERED_S = 3.0
MAX_REMEMBERED = 200_000
MAX_READ_BESIDE = 200
ONE_DAY = timedelta(days=1)


class KnownCustomer:
    """What ingestion needs of a customer."""

    __slots__ = ("_last", "calendar", "id", "is_archived", "is_used")

    def __init__(self, id: int, calendar: Calendar, is_archived: bool) -> None:
        self.id = id
        self.calendar = calendar
        self.is_archived = is_archived
        # Whether an event named it since it was read.
        self.is_used = False
        # Bounds and day of the last event: the next one is most likely of the same day. One tuple, so that other
        # threads see it whole.
        self._last: tuple[int, int, date] = (0, 0, date.min)

    def day(self, since_1970: int) -> date:
        """The local day of an instant in microseconds since 1970."""
        begin, end, day = self._last
        if begin <= since_1970 < end:
            return day
        day = self.calendar.day(EPOCH + timedelta(microseconds=since_1970))
        begins = self.calendar.begins
        self._last = (microseconds(begins(day)), microseconds(begins(day + ONE_DAY)), day)
        return day

    def only_day(self, first: int, last: int) -> date | None:
        """The local day of two instants, and of all between them, if it is the same."""
        day = self.day(first)
        return day if self.day(last) == day else None


@dataclass(frozen=True, slots=True)
class KnownType:
    """What ingestion needs of an event type. `values` in the order of their slots."""

    id: int
    code: str
    dimensions: tuple[str, ...]
    values: tuple[str, ...]
    is_ai_call: bool
    needs: Needs = NOTHING


_lock = threading.Lock()
_generation: tuple[float, int] = (0.0, 0)
_customers: dict[str, tuple[float, int, KnownCustomer]] = {}
_types: tuple[float, int, dict[str, KnownType]] = (0.0, -1, {})
_series: dict[SeriesKey, int] = {}


def forget() -> None:
    """Drop everything remembered, as if the process had just started."""
    global _generation, _types
    with _lock:
        _generation = (0.0, 0)
        _customers.clear()
        _series.clear()
        _types = (0.0, -1, {})


def current_generation(*, afresh: bool = False) -> int:
    """The newest change of what events are prepared by, at most seconds old; asked for before anything else.

    What is found under it was read after it, so that it is never older than what it stands for.
    """
    global _generation
    until, known = _generation
    if afresh or until < time.monotonic():
        known = IngestionChange.objects.aggregate(newest=Max("pk"))["newest"] or 0
        with _lock:
            _generation = (time.monotonic() + REMEMBERED_S, known)
    return known


def find_customers(references: Iterable[str], *, generation: int) -> dict[str, KnownCustomer]:
    """The customers of those external ids, of other names that apps know (`metering.ingest.customer_names`), or of
    aliases; unknown ones are left out. Few queries, however many."""
    now = time.monotonic()
    found: dict[str, KnownCustomer] = {}
    wanted = []
    for reference in set(references):
        remembered = _customers.get(reference)
        if remembered is not None and remembered[0] > now and remembered[1] == generation:
            found[reference] = remembered[2]
        else:
            wanted.append(reference)
    if wanted:
        fresh = _read_customers([*wanted, *_oldest_in_use(now, set(wanted))])
        # Only what is committed may be remembered.
        transaction.on_commit(lambda: _remember_customers(fresh, now + REMEMBERED_S, generation))
        found |= {reference: fresh[reference] for reference in wanted if reference in fresh}
    for customer in found.values():
        customer.is_used = True
    return found


def _oldest_in_use(now: float, besides: set[str]) -> list[str]:
    """Names that are read again beside others before they are too old, so that they don't take a query each; those that
    were not needed since are forgotten."""
    names = []
    with _lock:
        ageing = [
            (reference, known)
            for reference, (until, _, known) in islice(_customers.items(), MAX_READ_BESIDE)
            if until < now + REMEMBERED_S / 2 and reference not in besides
        ]
        for reference, known in ageing:
            if known.is_used:
                names.append(reference)
            else:
                del _customers[reference]
    return names


def _remember_customers(fresh: dict[str, KnownCustomer], until: float, generation: int) -> None:
    with _lock:
        if len(_customers) > MAX_REMEMBERED:
            _customers.clear()
        for reference, customer in fresh.items():
            # At the end: the first ones are those that were read the longest time ago.
            _customers.pop(reference, None)
            _customers[reference] = (until, generation, customer)


def _read_customers(references: list[str]) -> dict[str, KnownCustomer]:
    fields = ("external_id", "id", "timezone", "archived_at")
    rows = list(Customer.objects.filter(external_id__in=references).values_list(*fields))
    missing = set(references) - {row[0] for row in rows}
    if missing:
        aliases = CustomerAlias.objects.filter(reference__in=missing)
        rows += aliases.values_list("reference", *(f"customer__{name}" for name in fields[1:]))
        named = find_named(sorted(missing - {row[0] for row in rows}))
        others = {row[1]: row[1:] for row in Customer.objects.filter(pk__in=named.values()).values_list(*fields)}
        rows += [(reference, *others[pk]) for reference, pk in named.items()]
    days = calendars((pk, timezone) for _, pk, timezone, _ in rows)
    return {reference: KnownCustomer(pk, days[pk], gone is not None) for reference, pk, _, gone in rows}


def find_types(names: Iterable[str], *, generation: int) -> dict[str, KnownType]:
    """The event types of those codes or aliases; unknown names are left out. Two queries at most."""
    global _types
    wanted = set(names)
    until, under, known = _types
    if until < time.monotonic() or under != generation or not wanted <= known.keys():
        known = _read_types()
        with _lock:
            _types = (time.monotonic() + REMEMBERED_S, generation, known)
    return {name: known[name] for name in wanted & known.keys()}


def _read_types() -> dict[str, KnownType]:
    """Every event type by code and by alias; a code wins over another type's alias."""
    by_alias: dict[str, KnownType] = {}
    by_code: dict[str, KnownType] = {}
    needs = all_needs()
    for row in EventType.objects.order_by("-pk"):
        known = KnownType(
            row.pk,
            row.code,
            tuple(row.dimensions),
            tuple(row.values),
            row.is_ai_call,
            needs.get(row.pk, NOTHING),
        )
        by_code[row.code] = known
        by_alias.update(dict.fromkeys(row.aliases, known))
    return by_alias | by_code


Refused = dict[SeriesKey, EventError]


def find_series(keys: Iterable[SeriesKey]) -> tuple[dict[SeriesKey, int], Refused]:
    """The id of each series; those never seen before are made, once, whoever else makes them meanwhile.

    Second, those that were not made because the customer would have too many, with the reason.
    """
    wanted = dict.fromkeys(keys)
    found = {key: series for key in wanted if (series := _series.get(key)) is not None}
    missing = [key for key in wanted if key not in found]
    refused: Refused = {}
    if missing:
        fresh, refused = _intern(missing)
        # Only what is committed may be remembered.
        transaction.on_commit(lambda: _remember(fresh))
        found |= fresh
    return found, refused


def _remember(fresh: dict[SeriesKey, int]) -> None:
    with _lock:
        if len(_series) > MAX_REMEMBERED:
            _series.clear()
        _series.update(fresh)


def _intern(keys: list[SeriesKey]) -> tuple[dict[SeriesKey, int], Refused]:
    digests = {key: series_digest(key) for key in keys}
    # Two keys can be one series, where the declared dimensions changed.
    by_digest = {digest: key for key, digest in digests.items()}
    found = _read_series(by_digest)
    refused: Refused = {}
    if by_digest.keys() - found.keys():
        with transaction.atomic():
            lock_series_of(key[0] for digest, key in by_digest.items() if digest not in found)
            # Whoever held the lock may have made them.
            found |= _read_series(by_digest.keys() - found.keys())
            new = [digest for digest in by_digest if digest not in found]
            refused = refused_series([by_digest[digest] for digest in new]) if new else {}
            found |= _make_series(
                {digest: by_digest[digest] for digest in sorted(new) if by_digest[digest] not in refused}
            )
    return (
        {key: found[digest] for key, digest in digests.items() if digest in found},
        {key: refused[by_digest[digest]] for key, digest in digests.items() if by_digest[digest] in refused},
    )


def _make_series(keys: Mapping[bytes, SeriesKey]) -> dict[bytes, int]:
    """The ids of series that nobody else can make meanwhile."""
    if not keys:
        return {}
    made = run_statement(
        "make_series",
        {
            "digest": uuid_array(list(keys)),
            "customer_id": [key[0] for key in keys.values()],
            "event_type_id": [key[1] for key in keys.values()],
            "dimensions": [encode_json(dimensions_of(key)).decode() for key in keys.values()],
        },
    )
    return {digest.bytes: number for digest, number in made}


def _read_series(digests: Iterable[bytes]) -> dict[bytes, int]:
    known = run_statement("known_series", {"digest": uuid_array(list(digests))})
    return {digest.bytes: number for digest, number in known}
