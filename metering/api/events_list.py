"""`GET /api/v1/events` and `GET /api/v1/events/{key}`: single events as they were taken."""

from datetime import UTC, datetime, time, timedelta
from http import HTTPStatus
from typing import cast
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from amberflow.api import PROBLEM, ProblemError
from customers.models import ApiKey
from metering.api.event_document import COST_STATES, DETAIL_SCHEMA, EVENT_SCHEMA, event_detail, event_document
from metering.api.lago import lago_event_document
from metering.api.openmeter_events import ingested_events, is_openmeters
from metering.api.parameters import Parameters, page
from metering.database import time_limited
from metering.event_query import EventFilter, find_event, find_event_by_id, find_events
from metering.ingest.dialects.native import DEFAULT_SOURCE
from metering.ingest.identity import time_of
from metering.models import Event
from metering.retention.kept import CODE, kept_from, kept_since, kept_text
from metering.usage_question import Instant

KNOWN = ("customer", "type", "from", "to", "source", "cost_state", "id", "id_source", "limit", "cursor")
DEFAULT_DAYS = 7
DEFAULT_ROWS, MAX_ROWS = 100, 1_000
DESCRIPTION = f"""
The events that were accepted, newest first, of the last {DEFAULT_DAYS} days if `from` doesn't say more. Dates are days
in UTC. With `id` and `customer` the one event that was sent under that id, whenever it was; `id_source` is the source
that it carried, `{DEFAULT_SOURCE}` if it carried none.
"""
QUERY = [
    OpenApiParameter("customer", str, description="External id."),
    OpenApiParameter("type", str, description="An event type's code or alias."),
    OpenApiParameter("from", str, description="A date or an instant with offset."),
    OpenApiParameter("to", str, description="The first date or instant that is not included."),
    OpenApiParameter("source", str, description="The route: native, openmeter, import, …"),
    OpenApiParameter("dimension[name]", str, description="A value; may be repeated. Empty: without one."),
    OpenApiParameter("cost_state", str, enum=list(COST_STATES)),
    OpenApiParameter("id", str, description="The id that the client gave the event; needs `customer`."),
    OpenApiParameter("id_source", str, default=DEFAULT_SOURCE),
    OpenApiParameter("limit", int, description=f"Up to {MAX_ROWS:,}.", default=DEFAULT_ROWS),
    OpenApiParameter("cursor", str),
]
ANSWER = {
    "type": "object",
    "properties": {
        "rows": {"type": "array", "items": EVENT_SCHEMA},
        "next_cursor": {"type": "string", "nullable": True},
        "kept_from": {
            "type": "string",
            "format": "date-time",
            "nullable": True,
            "description": "Events before this instant are no longer kept; null: all are there.",
        },
    },
}


class UnknownEventError(ProblemError):
    """There is no event with that key."""

    status_code = HTTPStatus.NOT_FOUND
    code = "unknown_event"


class DroppedEventError(ProblemError):
    """Events of that time are no longer kept."""

    status_code = HTTPStatus.GONE
    code = CODE


class EventReads(APIView):
    """The reading half of the events route."""

    @property
    def required_scope(self) -> str:
        return ApiKey.Scope.USAGE_READ if self.request.method in ("GET", "HEAD") else ApiKey.Scope.USAGE_WRITE

    @extend_schema(
        operation_id="list_events",
        summary="List events",
        description=DESCRIPTION,
        parameters=QUERY,
        responses={
            200: OpenApiResponse(ANSWER),
            400: OpenApiResponse(PROBLEM, description="`field` is the parameter."),
        },
    )
    def get(self, request: Request) -> Response:
        if is_openmeters(request):
            return Response(ingested_events(request.query_params))
        parameters = Parameters(request.query_params, known=KNOWN, families=("dimension",))
        before = parameters.cursor()
        limit = parameters.integer("limit", default=DEFAULT_ROWS, minimum=1, maximum=MAX_ROWS)
        with time_limited():
            if parameters.text("id"):
                found = _by_id(parameters)
            else:
                found = find_events(
                    _filter(parameters), limit=limit + 1, before=None if before is None else UUID(before)
                )
            position = str(found[limit - 1].key) if len(found) > limit else None
            rows = [event_document(event, with_cost=sees_cost(request)) for event in found[:limit]]
        return Response({**page(rows, parameters, position), "kept_from": kept_from()})


class EventView(APIView):
    """One event."""

    required_scope = ApiKey.Scope.USAGE_READ

    @extend_schema(
        operation_id="get_event",
        summary="An event",
        responses={
            200: OpenApiResponse(DETAIL_SCHEMA),
            404: OpenApiResponse(PROBLEM),
            410: OpenApiResponse(PROBLEM, description="Events of that time are no longer kept."),
        },
    )
    def get(self, request: Request, key: UUID) -> Response:
        event = find_event(key)
        # Clients that speak Lago ask here by the ids that they chose, which may look like our keys.
        if event is None and (document := lago_event_document(str(key))) is not None:
            return Response(document)
        if event is None and not kept_since(time_of(key)):
            raise DroppedEventError(f"There is no event {key} any more. {kept_text()}", field="key")
        if event is None:
            raise UnknownEventError(f"There is no event {key}: use the `key` of a list.", field="key")
        return Response(event_detail(event, with_cost=sees_cost(request)))


def sees_cost(request: Request) -> bool:
    """Whether the key may see what calls cost."""
    return ApiKey.Scope.BILLING_READ in cast(ApiKey, request.auth).scopes


def _by_id(parameters: Parameters) -> list[Event]:
    customer = parameters.text("customer")
    if not customer:
        raise ProblemError("id is looked up within a customer: name it.", code="missing_customer", field="customer")
    found = find_event_by_id(
        customer=customer, source=parameters.text("id_source", DEFAULT_SOURCE), event_id=parameters.text("id")
    )
    return [] if found is None else [found]


def _filter(parameters: Parameters) -> EventFilter:
    end = _instant(parameters.time("to")) or timezone.now() + timedelta(days=1)
    start = _instant(parameters.time("from")) or end - timedelta(days=DEFAULT_DAYS)
    state = parameters.one_of("cost_state", COST_STATES)
    return EventFilter(
        start=start,
        end=end,
        customer=parameters.text("customer"),
        type=parameters.text("type"),
        source=parameters.text("source"),
        dimensions=parameters.family("dimension"),
        cost_state=COST_STATES[state] if state else None,
    )


def _instant(value: Instant | None) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    return datetime.combine(value, time.min, tzinfo=UTC)
