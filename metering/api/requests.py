"""`GET /api/v1/requests`: what the calling key itself sent last, and how it was answered."""

from typing import Any, cast

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from amberflow.api import PROBLEM
from customers.models import ApiKey
from metering.api.parameters import Parameters, page
from metering.models import ApiRequest

ANSWERS = {
    "ok": {"status__lt": 400},
    "error": {"status__gte": 400},
    "rejected": {"rejected__gt": 0},
}
KNOWN = ("answer", "limit", "cursor")
DEFAULT_ROWS, MAX_ROWS = 100, 1_000

TEXTS = ("method", "path", "dialect", "code", "message")
NUMBERS = ("status", "accepted", "duplicates", "rejected", "duration_us", "body_bytes")
ANSWER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "rows": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "at": {"type": "string", "format": "date-time"},
                    **{name: {"type": "string"} for name in TEXTS},
                    **{name: {"type": "integer"} for name in NUMBERS},
                },
            },
        },
        "next_cursor": {"type": "string", "nullable": True},
    },
}


class RequestsView(APIView):
    """The request log of the key that asks."""

    required_scope = None

    @extend_schema(
        operation_id="list_requests",
        summary="The last calls of this API key",
        description="Newest first. A call appears a second or two after it. Only the last ones are kept.",
        parameters=[
            OpenApiParameter("answer", str, enum=list(ANSWERS), description="rejected: some event was not taken."),
            OpenApiParameter("limit", int, default=DEFAULT_ROWS),
            OpenApiParameter("cursor", str),
        ],
        responses={200: OpenApiResponse(ANSWER), 400: OpenApiResponse(PROBLEM)},
    )
    def get(self, request: Request) -> Response:
        parameters = Parameters(request.query_params, known=KNOWN)
        limit = parameters.integer("limit", default=DEFAULT_ROWS, minimum=1, maximum=MAX_ROWS)
        before = parameters.cursor()
        calls = ApiRequest.objects.filter(api_key=cast(ApiKey, request.auth))
        calls = calls.filter(**ANSWERS.get(parameters.one_of("answer", ANSWERS), {}))
        if before is not None:
            calls = calls.filter(pk__lt=before)
        found = list(calls[: limit + 1])
        position = found[limit - 1].pk if len(found) > limit else None
        return Response(page([_shown(call) for call in found[:limit]], parameters, position))


def _shown(call: ApiRequest) -> dict[str, Any]:
    return {"at": call.at.isoformat(), **{name: getattr(call, name) for name in (*TEXTS, *NUMBERS)}}
