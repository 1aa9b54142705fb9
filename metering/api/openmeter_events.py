"""The lists of events that OpenMeter's clients read: the accepted ones as CloudEvents, the newest first."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from customers.models import ApiKey, Customer
from metering.api.openmeter import written
from metering.api.openmeter_filter import least_and_most, matcher, read_filter
from metering.api.parameters import Parameters
from metering.database import time_limited
from metering.event_query import MAX_RANGE, EventFilter, find_events
from metering.ingest.event_times import MAX_AHEAD
from metering.models import Event
from metering.queries import event_payloads

KNOWN = ("clientId", "ingestedAtFrom", "ingestedAtTo", "id", "subject", "customerId", "from", "to", "limit")
KNOWN_V2 = ("cursor", "limit", "clientId", "filter")
# That one of these is asked for tells OpenMeter's clients from ours, who ask at the same address.
_THEIRS = ("clientId", "ingestedAtFrom", "ingestedAtTo", "subject", "customerId")
_CLIENT = "openmeter"
DEFAULT_ROWS = MAX_ROWS = 100
DEFAULT_RANGE = timedelta(hours=72)
_AT_ONCE = 500
_INSTANT = timedelta(microseconds=1)

# An event, and its payload in the native form.
Wanted = Callable[[Event, Mapping[str, Any]], bool]


def is_openmeters(request: Request) -> bool:
    """Whether a question to the shared address is one of OpenMeter's clients: by what is asked for, or by their name,
    which not all of them say."""
    query = request.query_params
    asked = any(name in query for name in _THEIRS) or ("id" in query and "customer" not in query)
    return asked or _CLIENT in request.headers.get("User-Agent", "")


def ingested_events(query: QueryDict) -> list[dict[str, Any]]:
    """`GET /api/v1/events` as OpenMeter answers it. Ids and subjects may be parts of what is looked for."""
    parameters = Parameters(query, known=KNOWN)
    limit = parameters.integer("limit", default=DEFAULT_ROWS, minimum=1, maximum=MAX_ROWS)
    # No event is further ahead.
    latest = timezone.now() + MAX_AHEAD
    end = min(_instant(parameters, "to") or latest, latest)
    start = _instant(parameters, "from") or end - DEFAULT_RANGE
    first, last = _instant(parameters, "ingestedAtFrom"), _instant(parameters, "ingestedAtTo")
    customers = Customer.objects.all()
    if subject := parameters.text("subject"):
        customers = customers.filter(external_id__contains=subject)
    if ids := parameters.texts("customerId"):
        customers = customers.filter(external_id__in=ids)
    part_of_id = parameters.text("id")

    def is_wanted(event: Event, payload: Mapping[str, Any]) -> bool:
        received = event.batch.received_at
        return part_of_id in payload["id"] and (not first or received >= first) and (not last or received <= last)

    wanted = EventFilter(
        start=start,
        end=end + _INSTANT,
        customers=list(customers.values_list("pk", flat=True)) if subject or ids else None,
    )
    return [_document(event, payload) for event, payload in _found(wanted, is_wanted, limit=limit)]


class EventsV2View(APIView):
    """`GET /api/v2/events`, with filters and pages."""

    required_scope = ApiKey.Scope.USAGE_READ

    @extend_schema(operation_id="list_openmeter_events", summary="Events in OpenMeter's format", responses=dict)
    def get(self, request: Request) -> Response:
        parameters = Parameters(request.query_params, known=KNOWN_V2)
        limit = parameters.integer("limit", default=DEFAULT_ROWS, minimum=1, maximum=MAX_ROWS)
        conditions = read_filter(parameters.text("filter"))
        tests = [(name, matcher(name, condition)) for name, condition in conditions.items()]
        before = parameters.cursor()

        def is_wanted(event: Event, payload: Mapping[str, Any]) -> bool:
            return all(test(_FIELDS[name](event, payload)) for name, test in tests)

        found = _found(_bounds(conditions), is_wanted, limit=limit + 1, before=None if before is None else UUID(before))
        answer: dict[str, Any] = {"items": [_document(event, payload) for event, payload in found[:limit]]}
        if len(found) > limit:
            answer["nextCursor"] = parameters.next_cursor(str(found[limit - 1][0].key))
        return Response(answer)


_FIELDS: Mapping[str, Callable[[Event, Mapping[str, Any]], Any]] = {
    "id": lambda event, payload: payload["id"],
    "source": lambda event, payload: payload.get("source") or event.batch.source,
    "subject": lambda event, payload: payload["customer"],
    "customerId": lambda event, payload: event.series.customer.external_id,
    "type": lambda event, payload: payload["type"],
    "time": lambda event, payload: event.occurred_at,
    "ingestedAt": lambda event, payload: event.batch.received_at,
}


def _bounds(conditions: Mapping[str, Mapping[str, Any]]) -> EventFilter:
    """What the database can look for of the conditions; the rest is looked at event by event."""
    bounds = list(least_and_most(conditions.get("time", {})))
    ends = [instant + _INSTANT for word, instant in bounds if word in ("$lt", "$lte")]
    end = min([*ends, timezone.now() + MAX_AHEAD])
    start = max([instant for word, instant in bounds if word in ("$gt", "$gte")], default=end - MAX_RANGE)
    customers: list[int] | None = None
    for name in ("subject", "customerId"):
        condition = conditions.get(name, {})
        one, several = condition.get("$eq"), condition.get("$in")
        names = [one] if isinstance(one, str) else several
        if isinstance(names, list) and (name == "customerId" or _are_external(names)):
            customers = list(Customer.objects.filter(external_id__in=names).values_list("pk", flat=True))
    return EventFilter(start=start, end=end, customers=customers)


def _are_external(names: list[str]) -> bool:
    """Whether these are customers by their external ids; an event may call its customer by another name."""
    return Customer.objects.filter(external_id__in=names).count() == len(set(names))


def _found(
    wanted: EventFilter, is_wanted: Wanted, *, limit: int, before: UUID | None = None
) -> list[tuple[Event, Mapping[str, Any]]]:
    found: list[tuple[Event, Mapping[str, Any]]] = []
    with time_limited():
        while len(found) < limit:
            events = find_events(wanted, limit=_AT_ONCE, before=before)
            found += [pair for pair in zip(events, event_payloads(events), strict=True) if is_wanted(*pair)]
            if len(events) < _AT_ONCE:
                break
            before = events[-1].key
    return found[:limit]


def _document(event: Event, payload: Mapping[str, Any]) -> dict[str, Any]:
    received = written(event.batch.received_at)
    return {
        "event": {
            "specversion": "1.0",
            "id": payload["id"],
            "source": payload.get("source") or event.batch.source,
            "type": payload["type"],
            "subject": payload["customer"],
            "time": written(event.occurred_at),
            "datacontenttype": "application/json",
            "data": payload.get("properties") or None,
        },
        "customerId": event.series.customer.external_id,
        "ingestedAt": received,
        "storedAt": received,
    }


def _instant(parameters: Parameters, name: str) -> datetime | None:
    value = parameters.time(name)
    return value if value is None or isinstance(value, datetime) else datetime.combine(value, time.min, tzinfo=UTC)
