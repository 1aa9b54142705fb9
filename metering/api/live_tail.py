"""`GET /api/v1/events/tail`: events as they come in, for a console."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from amberflow.api import PROBLEM
from customers.models import ApiKey
from metering.api.event_document import EVENT_SCHEMA, event_document
from metering.api.events_list import sees_cost
from metering.api.parameters import Parameters
from metering.tail import MAX_EVENTS, MAX_WAIT_S, TailEvent, wait_for_tail

DESCRIPTION = f"""
The events that came in since `after`, oldest first, or without it the last ones. With `wait` the answer comes as soon
as there is an event, at the latest after so many seconds. Of more than {MAX_EVENTS} events the newest are shown, and
`skipped` says how many are not: this is a view, not a feed.
"""
ANSWER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "events": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "status": {"type": "string", "enum": ["accepted", "duplicate"]},
                    **EVENT_SCHEMA["properties"],
                },
            },
        },
        "skipped": {"type": "integer"},
        "after": {"type": "string"},
    },
}


class TailView(APIView):
    """Events as they come in, by long polling."""

    required_scope = ApiKey.Scope.USAGE_READ

    @extend_schema(
        operation_id="tail_events",
        summary="Watch events come in",
        description=DESCRIPTION,
        parameters=[
            OpenApiParameter("after", str, description="`after` of the answer before."),
            OpenApiParameter("wait", int, description=f"Seconds, up to {MAX_WAIT_S}.", default=0),
            OpenApiParameter("customer", str, description="External id."),
        ],
        responses={
            200: OpenApiResponse(ANSWER),
            503: OpenApiResponse(PROBLEM, description="Too many calls wait already; Retry-After says when again."),
        },
    )
    def get(self, request: Request) -> Response:
        parameters = Parameters(request.query_params, known=("after", "wait", "customer"))
        found = wait_for_tail(
            after=parameters.text("after"),
            customer=parameters.text("customer"),
            seconds=parameters.integer("wait", default=0, minimum=0, maximum=MAX_WAIT_S),
        )
        return Response(
            {
                "events": [_shown(each, with_cost=sees_cost(request)) for each in found.events],
                "skipped": found.skipped,
                "after": found.after,
            }
        )


def _shown(tailed: TailEvent, *, with_cost: bool) -> dict[str, Any]:
    document = {"id": tailed.event_id, "status": "accepted" if tailed.event else "duplicate"}
    if tailed.event is not None:
        return document | event_document(tailed.event, with_cost=with_cost)
    return document | {
        "customer": tailed.customer,
        "type": tailed.type,
        "received_at": tailed.received_at.isoformat(),
        "source": tailed.source,
    }
