"""`GET /api/v1/usage`: what a meter measured."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from amberflow.api import PROBLEM
from amberflow.lib.money import plain
from customers.models import ApiKey
from metering.api.parameters import Parameters, page
from metering.database import time_limited
from metering.usage_query import query_usage
from metering.usage_question import MAX_ROWS, START, UsageQuestion, UsageValue
from metering.windows import KINDS

KNOWN = ("meter", "customer", "from", "to", "window", "group_by", "timezone", "limit", "cursor")
DEFAULT_ROWS = 1_000

DESCRIPTION = """
What a meter measured per customer, in windows of time and by dimension, exact to the instant. Windows without events
have no row, except where a level is carried over. A page may have fewer rows than `limit`, also none, and still be
followed by another one: only `next_cursor` null is the end.
"""
ROW: dict[str, Any] = {
    "type": "object",
    "properties": {
        "from": {"type": "string", "format": "date-time"},
        "to": {"type": "string", "format": "date-time", "description": "The first instant after the window."},
        "customer": {"type": "string"},
        "group": {"type": "object", "additionalProperties": {"type": "string"}},
        "value": {
            "type": "string",
            "nullable": True,
            "description": "An exact decimal; null: a maximum, minimum, latest or average of no value at all.",
        },
        "events": {"type": "integer"},
    },
}
ANSWER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "meter": {"type": "string"},
        "aggregation": {"type": "string"},
        "unit": {"type": "string"},
        "window": {"type": "string"},
        "timezone": {"type": "string", "nullable": True, "description": "null: each customer's own."},
        "is_complete": {
            "type": "boolean",
            "description": "false while history is being counted for a new meter or moved to another time zone.",
        },
        "rows": {"type": "array", "items": ROW},
        "next_cursor": {"type": "string", "nullable": True},
    },
}
QUERY = [
    OpenApiParameter("meter", str, required=True, description="The meter's code."),
    OpenApiParameter("customer", str, many=True, description="External id; may be repeated. Absent: all."),
    OpenApiParameter("from", str, description="A date or an instant with offset. Absent: the 1st of this month."),
    OpenApiParameter("to", str, description="The first date or instant that is not included. Absent: tomorrow."),
    OpenApiParameter("window", str, enum=KINDS, default="none"),
    OpenApiParameter("group_by", str, description="Dimensions, separated by commas."),
    OpenApiParameter("filter[dimension]", str, description="An allowed value; may be repeated. Empty: without one."),
    OpenApiParameter("timezone", str, description="Where windows and dates begin. Absent: the customer's own."),
    OpenApiParameter("limit", int, description=f"At most so many rows, up to {MAX_ROWS:,}.", default=DEFAULT_ROWS),
    OpenApiParameter("cursor", str, description="`next_cursor` of the page before."),
]


class UsageReads(APIView):
    """The reading half of the usage route."""

    @property
    def required_scope(self) -> str:
        return ApiKey.Scope.USAGE_READ if self.request.method in ("GET", "HEAD") else ApiKey.Scope.USAGE_WRITE

    @extend_schema(
        operation_id="query_usage",
        summary="Query usage",
        description=DESCRIPTION,
        parameters=QUERY,
        responses={
            200: OpenApiResponse(ANSWER),
            400: OpenApiResponse(PROBLEM, description="`field` is the parameter."),
        },
    )
    def get(self, request: Request) -> Response:
        parameters = Parameters(request.query_params, known=KNOWN, families=("filter",))
        position = parameters.cursor()
        question = _question(parameters, position)
        limit = parameters.integer("limit", default=DEFAULT_ROWS, minimum=1, maximum=MAX_ROWS)
        with time_limited():
            after = START if position is None else (position[1], position[2], position[3])
            answer = query_usage(question, limit=limit, after=after)
        return Response(
            page(
                [_shown(row) for row in answer.rows],
                parameters,
                None if answer.after is None else [question.now.isoformat(), *answer.after],
                meter=answer.meter.code,
                aggregation=answer.meter.aggregation,
                unit=answer.meter.unit,
                window=question.window,
                timezone=question.timezone or None,
                is_complete=answer.is_complete,
            )
        )


def _question(parameters: Parameters, position: Any) -> UsageQuestion:
    return UsageQuestion(
        meter=parameters.text("meter"),
        start=parameters.time("from"),
        end=parameters.time("to"),
        window=parameters.one_of("window", KINDS, "none"),
        customers=parameters.texts("customer"),
        group_by=parameters.texts("group_by", split=True),
        filters=parameters.family("filter"),
        timezone=parameters.text("timezone"),
        # What is absent stays on every page what it was on the first.
        now=timezone.now() if position is None else datetime.fromisoformat(position[0]),
    )


def _shown(row: UsageValue) -> dict[str, Any]:
    return {
        "from": row.start.isoformat(),
        "to": row.end.isoformat(),
        "customer": row.customer,
        "group": row.group,
        "value": None if row.value is None else plain(row.value),
        "events": row.events,
    }
