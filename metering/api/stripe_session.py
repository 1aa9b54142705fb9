"""Sessions of Stripe's meter event stream: a client exchanges its key for a token by which it then streams."""

from datetime import UTC, datetime
from typing import cast
from uuid import uuid4

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from amberflow.api import problem_of
from customers.models import ApiKey
from customers.services.session_keys import create_session_key
from metering.api.body import RawBodyParser
from metering.api.ingest import http_answer
from metering.ingest.dialect import json_answer
from metering.ingest.dialects.stripe_meter_events import stripe_error


class MeterEventSessionView(APIView):
    """`POST /v2/billing/meter_event_session`."""

    parser_classes = [RawBodyParser]
    required_scope = ApiKey.Scope.USAGE_WRITE

    @extend_schema(exclude=True)
    def post(self, request: Request) -> HttpResponse:
        token, expires_at = create_session_key(api_key=cast(ApiKey, request.auth))
        document = {
            "object": "v2.billing.meter_event_session",
            "id": f"mes_{uuid4().hex}",
            "authentication_token": token,
            "created": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "expires_at": expires_at.isoformat().replace("+00:00", "Z"),
            "livemode": True,
        }
        return http_answer(json_answer(document))

    def handle_exception(self, exc: Exception) -> Response:
        """Stripe's errors. What nobody foresaw is raised again (a logged 500)."""
        problem = problem_of(exc)
        if problem is None:
            raise exc
        return cast(Response, http_answer(stripe_error(problem)))
