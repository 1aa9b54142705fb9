"""The routes by which usage comes in over HTTP. Each decodes its dialect, ingests, and answers in its dialect."""

from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from amberflow.api import ProblemError, TooLargeError
from customers.api.throttling import count_against_rate
from customers.models import ApiKey
from metering.api import schema
from metering.api.body import RawBodyParser
from metering.api.call_log import note_ingestion
from metering.api.events_list import EventReads
from metering.api.usage_query import UsageReads
from metering.ingest.canonical import BodyError, DecodedBatch
from metering.ingest.decoders import native, openmeter
from metering.pressure import admitted
from metering.services.ingest_events import EventResult, IngestResult, ingest_events


class UsageView(UsageReads):
    """The native batch, and what meters measured."""

    parser_classes = [RawBodyParser]

    @extend_schema(
        operation_id="send_usage",
        summary="Send usage events",
        description=schema.USAGE_DESCRIPTION,
        request={"application/json": schema.USAGE_REQUEST},
        responses={
            200: OpenApiResponse(schema.USAGE_RESPONSE, description="What became of each event."),
            400: OpenApiResponse(schema.PROBLEM, description="The body can't be read; nothing was taken."),
            401: OpenApiResponse(schema.PROBLEM, description="No valid API key."),
            413: OpenApiResponse(schema.PROBLEM, description="Too many events or bytes; nothing was taken."),
        },
        examples=[schema.USAGE_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        batch = _decode(native.decode, request.data)
        result = _ingest(request, batch, source="native")
        return Response(
            {
                "accepted": result.accepted,
                "duplicates": result.duplicates,
                "rejected": result.rejected,
                "events": [_event_answer(event) for event in result.events],
            }
        )


class OpenMeterEventsView(EventReads):
    """OpenMeter's ingestion route, as its clients and LiteLLM's `openmeter` callback use it, and the list of events."""

    parser_classes = [RawBodyParser]

    @extend_schema(
        operation_id="send_cloudevents",
        summary="Send usage events in OpenMeter's format",
        description=schema.EVENTS_DESCRIPTION,
        request=dict.fromkeys(openmeter.CONTENT_TYPES, schema.EVENTS_REQUEST),
        responses={
            204: OpenApiResponse(description="Every event is counted, was counted before, or is kept for attention."),
            400: OpenApiResponse(schema.PROBLEM, description="An event is malformed; the others were taken."),
            401: OpenApiResponse(schema.PROBLEM, description="No valid API key."),
            413: OpenApiResponse(schema.PROBLEM, description="Too many events or bytes; nothing was taken."),
        },
    )
    def post(self, request: Request) -> Response:
        batch = _decode(openmeter.decode, request.data)
        _ingest(request, batch, source="openmeter")
        if batch.rejections:
            # What the client built wrong it must hear of; what only this side can fix waits in the quarantine.
            first = batch.rejections[0]
            raise ProblemError(
                f"Event {first.index} of the request ({first.event_id or 'without id'}): {first.message}",
                code=first.code,
                field=f"{first.index}.{first.field}" if first.field else str(first.index),
            )
        return Response(status=status.HTTP_204_NO_CONTENT)


def _decode(decode: Callable[[bytes], DecodedBatch], body: Any) -> DecodedBatch:
    # Without any body the parser isn't called and there are no bytes.
    try:
        batch = decode(body if isinstance(body, bytes) else b"")
    except BodyError as error:
        raise ProblemError(str(error), code="invalid_body") from None
    count = len(batch.events) + len(batch.rejections)
    if count > settings.INGEST_MAX_EVENTS:
        raise TooLargeError(
            f"The request has {count} events, at most {settings.INGEST_MAX_EVENTS} are taken: send smaller batches."
        )
    return batch


def _ingest(request: Request, batch: DecodedBatch, *, source: str) -> IngestResult:
    key = cast(ApiKey, request.auth)
    count_against_rate(request, "events", len(batch.events) + len(batch.rejections))
    with admitted():
        result = ingest_events(
            events=batch.events,
            rejections=batch.rejections,
            source=source,
            api_key=key,
            received_at=timezone.now(),
        )
    note_ingestion(request, dialect=source, result=result)
    return result


def _event_answer(event: EventResult) -> dict[str, str]:
    answer = {"id": event.event_id, "status": event.status}
    if event.status == "rejected":
        answer |= {"code": event.code, "field": event.field, "message": event.message}
    return answer
