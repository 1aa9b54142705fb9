"""Notes each call of the API: a middleware that times it, and what views add to the note."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request

from customers.api.authentication import sent_key
from customers.api.throttling import RATE_HEADERS
from customers.models import ApiKey
from customers.services.api_keys import SHOWN_CHARACTERS
from metering.ingest.results import IngestResult
from metering.services.request_log import Call, log_call

_NOTE = "_call_note"
_PATH_LENGTH, _CODE_LENGTH, _MESSAGE_LENGTH, _METHOD_LENGTH = 200, 60, 500, 8


@dataclass(slots=True)
class CallNote:
    """What a view says about its call. `code` and `message` are of the first event that was rejected."""

    dialect: str = ""
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    code: str = ""
    message: str = ""


def note_of(*, dialect: str, result: IngestResult) -> CallNote:
    """In whose format events came and what became of them."""
    note = CallNote(dialect, result.accepted, result.duplicates, result.rejected)
    if note.rejected:
        first = next(event for event in result.events if event.status == "rejected")
        note.code, note.message = first.code, first.message
    return note


def note_call(request: Request | HttpRequest, note: CallNote) -> None:
    """Note this of the call, in place of what was noted before."""
    setattr(getattr(request, "_request", request), _NOTE, note)


class CallLogMiddleware:
    """Logs the calls of views that need an API key (those with a `required_scope`) or that left a note."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        at, began = timezone.now(), time.perf_counter_ns()
        response = self.get_response(request)
        note: CallNote | None = getattr(request, _NOTE, None)
        if note is not None or _is_api(request):
            for name, value in getattr(request, RATE_HEADERS, {}).items():
                response.headers.setdefault(name, value)
            _log(request, response, note or CallNote(), at, time.perf_counter_ns() - began)
        return response


def _is_api(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and hasattr(getattr(match.func, "cls", None), "required_scope")


def _log(request: HttpRequest, response: HttpResponseBase, note: CallNote, at: Any, nanoseconds: int) -> None:
    key = getattr(request, "auth", None)
    status = response.status_code
    code, message = note.code, note.message
    if status >= 400:
        data = getattr(response, "data", None)
        if isinstance(data, Mapping):
            code, message = str(data.get("code", code)), str(data.get("detail", message))
    note.code, note.message = code, message
    log_call(
        call_of(
            note,
            api_key_id=key.pk if isinstance(key, ApiKey) else None,
            sent_key="" if isinstance(key, ApiKey) else _beginning(sent_key(request.headers)),
            at=at,
            method=request.method or "",
            path=request.path,
            status=status,
            nanoseconds=nanoseconds,
            length=request.META.get("CONTENT_LENGTH") or "0",
        )
    )


def call_of(
    note: CallNote,
    *,
    api_key_id: int | None,
    sent_key: str,
    at: Any,
    method: str,
    path: str,
    status: int,
    nanoseconds: int,
    length: str,
) -> Call:
    """What is logged of a call; `length` is the header of that name."""
    return Call(
        api_key_id=api_key_id,
        sent_key=sent_key,
        at=at,
        method=method[:_METHOD_LENGTH],
        path=_storable(path, _PATH_LENGTH),
        dialect=note.dialect,
        status=status,
        accepted=note.accepted,
        duplicates=note.duplicates,
        rejected=note.rejected,
        code=note.code[:_CODE_LENGTH],
        message=_storable(note.message, _MESSAGE_LENGTH),
        duration_us=min(nanoseconds // 1000, 2**31 - 1),
        body_bytes=min(int(length), 2**62) if length.isascii() and length.isdigit() else 0,
    )


def _beginning(text: str) -> str:
    """Enough to recognise a key, and never so much of a short secret that the rest could be guessed."""
    return _storable(text, min(SHOWN_CHARACTERS, len(text) // 4))


def _storable(text: str, length: int) -> str:
    return text[:length].replace("\0", "\ufffd").encode("utf-8", "replace").decode()
