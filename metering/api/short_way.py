"""The short way of usage, in front of Django, whose own way to the view takes as long as all else for a single event.

Only what nearly every request with usage is like goes it: a key that is right, a plain body of known length, an answer
of its dialect. Everything else, and whatever goes wrong, goes on to Django, which finds out what to say.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.db import close_old_connections, connection
from django.utils import timezone

from customers.api.authentication import sent_key
from customers.models import ApiKey
from customers.rate_limits import rate_of
from customers.services.api_keys import find_api_key
from metering.api.call_log import call_of
from metering.api.take_usage import READ_USAGE, read_usage, take_usage
from metering.ingest.dialect import Answer, Dialect, UsageRequest
from metering.ingest.dialects import dialects_by_route
from metering.services.request_log import log_call

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

logger = logging.getLogger(__name__)


class ShortWay:
    """A WSGI application around Django's."""

    def __init__(self, application: Application) -> None:
        self.application = application
        # Routes that catch something from the path are left to Django.
        self.routes = {f"/{route}": dialects for route, dialects in dialects_by_route().items() if "<" not in route}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        dialects = self.routes.get(environ["PATH_INFO"]) if environ["REQUEST_METHOD"] == "POST" else None
        if dialects is not None and _is_plain(environ):
            at, began = timezone.now(), time.perf_counter_ns()
            answer = None
            # Who may not send is not waited for.
            if (key := _key(environ)) is not None:
                body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
                # Django reads it again if it has to.
                environ["wsgi.input"] = BytesIO(body)
                is_whole = len(body) == int(environ["CONTENT_LENGTH"])
                answer = _take(environ, body, dialects, key, at, began) if is_whole else None
            if answer is not None:
                start_response(_STATUS[answer.status], _headers(answer))
                return (answer.content,)
        return self.application(environ, start_response)


_STATUS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


def _is_plain(environ: Mapping[str, Any]) -> bool:
    length = environ.get("CONTENT_LENGTH") or ""
    return (
        length.isascii()
        and length.isdigit()
        and int(length) <= settings.INGEST_MAX_BYTES
        and environ.get("HTTP_CONTENT_ENCODING", "") in ("", "identity")
        and not environ.get("SCRIPT_NAME")
        # Redirects to https are Django's business.
        and not (settings.SECURE_SSL_REDIRECT and environ["wsgi.url_scheme"] != "https")
    )


def _key(environ: Mapping[str, Any]) -> ApiKey | None:
    """The key that was sent if usage may be sent by it without limits."""
    sent = {"Authorization": environ.get("HTTP_AUTHORIZATION", ""), "x-api-key": environ.get("HTTP_X_API_KEY", "")}
    try:
        close_old_connections()
        # Whether the connection still works shows by itself, and if it doesn't Django makes another one.
        connection.health_check_done = True  # type: ignore[attr-defined]
        key = find_api_key(plaintext=sent_key(sent))
    except Exception as error:
        _left_to_django(error)
        return None
    return key if key is not None and _may_send(key) else None


def _left_to_django(error: Exception) -> None:
    logger.debug("left to Django: %r", error)
    close_old_connections()


def _take(
    environ: Environ, body: bytes, dialects: tuple[Dialect, ...], key: ApiKey, at: Any, began: int
) -> Answer | None:
    """What the dialect answers; None if Django is to find out."""
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    headers["content-type"] = environ.get("CONTENT_TYPE", "")
    headers["content-length"] = environ["CONTENT_LENGTH"]
    try:
        asked = UsageRequest(
            path=environ["PATH_INFO"],
            body=body,
            content_type=headers["content-type"].partition(";")[0].strip().lower(),
            query=dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)),
            headers=headers,
        )
        read = read_usage(asked, dialects)
        # Kept for Django: read again, events without an id would be others, and count twice.
        environ[READ_USAGE] = read
        taken = take_usage(asked, read, api_key=key, count_events=lambda count: None)
    except Exception as error:
        # Nothing was taken, or what was is found to be there: to take it again never counts it twice.
        _left_to_django(error)
        return None
    log_call(
        call_of(
            taken.note,
            api_key_id=key.pk,
            sent_key="",
            at=at,
            method="POST",
            path=asked.path,
            status=taken.answer.status,
            nanoseconds=time.perf_counter_ns() - began,
            length=environ["CONTENT_LENGTH"],
        )
    )
    return taken.answer


def _may_send(key: ApiKey) -> bool:
    """Whether the key may send usage, as much as it likes."""
    return ApiKey.Scope.USAGE_WRITE in key.scopes and not rate_of(key, "requests") and not rate_of(key, "events")


def _headers(answer: Answer) -> list[tuple[str, str]]:
    headers = [("X-Content-Type-Options", "nosniff"), *answer.headers.items()]
    if answer.status != HTTPStatus.NO_CONTENT:
        headers += [("Content-Type", answer.content_type), ("Content-Length", str(len(answer.content)))]
    return headers
