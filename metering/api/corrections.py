"""The routes by which usage is corrected. Each can be asked for a preview first, which changes nothing."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, cast

from django.conf import settings
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from amberflow.api import PROBLEM, ProblemError, TooLargeError
from amberflow.lib.errors import DomainError
from customers.models import ApiKey
from metering.api import correction_schema as schema
from metering.api.body import RawBodyParser
from metering.corrections.request import (
    WINDOW_FIELDS,
    read_names,
    read_replacements,
    read_window,
    refuse_unknown,
)
from metering.corrections.selection import find_keys
from metering.corrections.show import effect_document, run_document
from metering.ingest.canonical import BodyError, decode_json
from metering.ingest.dialects import native
from metering.models import CorrectionRun
from metering.services.backfill_usage import MOST_AT_ONCE, BackfillRefusedError, backfill_usage, void_window
from metering.services.correct_events import Corrected, replace_events, void_events
from metering.services.preview_correction import MOST_PREVIEWED, preview_correction

COMMON_FIELDS = frozenset({"reason", "preview"})
# A preview needs no reason yet.
NOT_YET = "preview"
RESPONSES = {
    200: OpenApiResponse(schema.ANSWER, description="What was done, or with `preview` what would be."),
    202: OpenApiResponse(schema.ANSWER, description="A task does it: ask for the correction by its id."),
    400: OpenApiResponse(PROBLEM, description="Nothing was changed; `field` is the path in the request."),
    401: OpenApiResponse(PROBLEM, description="No valid API key."),
    403: OpenApiResponse(PROBLEM, description="The key has no scope usage:correct."),
    413: OpenApiResponse(PROBLEM, description="Too many events; nothing was changed."),
}

Correct = Callable[[str, int], Corrected]


class VoidEventsView(APIView):
    """Takes events out of usage."""

    parser_classes = [RawBodyParser]
    required_scope = ApiKey.Scope.USAGE_CORRECT

    @extend_schema(
        operation_id="void_events",
        summary="Void events",
        description=schema.VOID_DESCRIPTION,
        request={"application/json": schema.VOID_REQUEST},
        responses=RESPONSES,
        examples=[schema.VOID_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        document = _document(request.data)
        if "events" in document:
            refuse_unknown(document, COMMON_FIELDS | {"events"})
            keys = find_keys(read_names(_limited(document["events"]), field="events"), field="events")
            return _answer(
                request, document, lambda reason, _: void_events(keys=keys, reason=reason, made_by=_by(request))
            )
        refuse_unknown(document, COMMON_FIELDS | WINDOW_FIELDS | {"events"})
        window = read_window(document)
        return _answer(
            request,
            document,
            lambda reason, at_once: void_window(
                window=window, reason=reason, made_by=_by(request), wait=False, at_once=at_once
            ),
        )


class ReplaceEventsView(APIView):
    """Puts other events in the place of some."""

    parser_classes = [RawBodyParser]
    required_scope = ApiKey.Scope.USAGE_CORRECT

    @extend_schema(
        operation_id="replace_events",
        summary="Replace events",
        description=schema.REPLACE_DESCRIPTION,
        request={"application/json": schema.REPLACE_REQUEST},
        responses=RESPONSES,
        examples=[schema.REPLACE_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        document = _document(request.data)
        refuse_unknown(document, COMMON_FIELDS | {"events"})
        replacements = read_replacements(_limited(document.get("events")), field="events")
        return _answer(
            request,
            document,
            lambda reason, _: replace_events(
                replacements=replacements, reason=reason, made_by=_by(request), api_key=cast(ApiKey, request.auth)
            ),
        )


class BackfillView(APIView):
    """Sends usage of the past, in place of what is there if that is said."""

    parser_classes = [RawBodyParser]
    required_scope = ApiKey.Scope.USAGE_CORRECT

    @extend_schema(
        operation_id="backfill_usage",
        summary="Backfill usage",
        description=schema.BACKFILL_DESCRIPTION,
        request={"application/json": schema.BACKFILL_REQUEST},
        responses=RESPONSES,
        examples=[schema.BACKFILL_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        document = _document(request.data)
        refuse_unknown(document, COMMON_FIELDS | {"events", "replaces"})
        batch = native.decode_items(_limited(document.get("events")))
        replaces = document.get("replaces")
        window = None
        if replaces is not None:
            if not isinstance(replaces, dict):
                raise DomainError("not_an_object", "replaces must be a JSON object.", field="replaces")
            refuse_unknown(replaces, WINDOW_FIELDS, field="replaces")
            window = read_window(replaces, field="replaces")
        return _answer(
            request,
            document,
            lambda reason, at_once: backfill_usage(
                events=batch.events,
                rejections=batch.rejections,
                reason=reason,
                made_by=_by(request),
                replaces=window,
                wait=False,
                at_once=at_once,
            ),
        )


class CorrectionView(APIView):
    """A correction and how far it is."""

    required_scope = ApiKey.Scope.USAGE_CORRECT

    @extend_schema(operation_id="get_correction", summary="A correction", responses={200: schema.RUN, 404: PROBLEM})
    def get(self, request: Request, correction_id: int) -> Response:
        run = CorrectionRun.objects.filter(pk=correction_id).first()
        if run is None:
            problem = ProblemError(f"There is no correction {correction_id}.", code="unknown_correction", field="id")
            problem.status_code = HTTPStatus.NOT_FOUND
            raise problem
        return Response(run_document(run))


def _answer(request: Request, document: Mapping[str, Any], correct: Correct) -> Response:
    preview = document.get("preview", False)
    if not isinstance(preview, bool):
        raise DomainError("invalid_preview", "preview must be true or false.", field="preview")
    reason = document.get("reason", NOT_YET if preview else "")
    if not isinstance(reason, str):
        raise DomainError("invalid_reason", "reason must be a text.", field="reason")
    try:
        if preview:
            effect = preview_correction(lambda: correct(reason or NOT_YET, MOST_PREVIEWED))
            with_money = ApiKey.Scope.BILLING_READ in cast(ApiKey, request.auth).scopes
            return Response({"preview": True, "effect": effect_document(effect, with_money=with_money)})
        done = correct(reason, MOST_AT_ONCE)
    except BackfillRefusedError as error:
        raise ProblemError(
            error.message,
            code=error.code,
            field=error.field,
            events=[
                {"index": index, "id": each.event_id, "code": each.code, "field": each.field, "message": each.message}
                for index, each in error.refused.items()
            ],
        ) from None
    is_done = done.run is None or done.run.state == CorrectionRun.State.DONE
    return Response(
        {"preview": False, "correction": run_document(done.run), "already_voided": done.already},
        status=status.HTTP_200_OK if is_done else status.HTTP_202_ACCEPTED,
    )


def _document(body: Any) -> Mapping[str, Any]:
    try:
        document = decode_json(body if isinstance(body, bytes) else b"")
    except BodyError as error:
        raise ProblemError(str(error), code="invalid_body") from None
    if not isinstance(document, dict):
        raise ProblemError("The body must be a JSON object.", code="invalid_body")
    return document


def _limited(items: Any) -> list[Any]:
    if not isinstance(items, list) or not items:
        raise DomainError("missing_events", "events must be a list with at least one event.", field="events")
    if len(items) > settings.INGEST_MAX_EVENTS:
        raise TooLargeError(
            f"The request has {len(items)} events, at most {settings.INGEST_MAX_EVENTS} are taken: split it, or use "
            "manage.py correct_usage."
        )
    return items


def _by(request: Request) -> str:
    return f"API key {cast(ApiKey, request.auth)}"
