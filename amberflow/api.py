"""Errors of the HTTP API, all as `application/problem+json` (RFC 9457).

A problem has a `status`, a stable `code` for programs, a `title`, a `detail` that says what to do, and the `field`
at fault if there is one.
"""

import dataclasses
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from amberflow.lib.errors import DomainError

PROBLEM_CONTENT_TYPE = "application/problem+json"
AUTHENTICATE = 'Bearer realm="amberflow"'

# How the API's description shows a problem.
PROBLEM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "field": {"type": "string"},
    },
}
DATABASE_RETRY_S = 2

logger = logging.getLogger(__name__)


class ProblemError(exceptions.APIException):
    """A request that can't be carried out; `extra` members go into the problem as they are.

    `retry_after` (whole seconds) and `headers` go into the headers of the answer.
    """

    status_code: int = HTTPStatus.BAD_REQUEST
    code = "bad_request"

    def __init__(
        self,
        detail: str,
        *,
        code: str = "",
        field: str = "",
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.message = detail
        self.code = code or self.code
        self.field = field
        self.retry_after = retry_after
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)
        self.extra = extra


class TooLargeError(ProblemError):
    """More than the installation takes in one request."""

    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "too_large"


class DatabaseUnavailableError(ProblemError):
    """Out of connections, restarting, too slow, deadlocked: it may be tried again."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    code = "database_unavailable"

    def __init__(self) -> None:
        super().__init__(
            "The database can't be reached or is overloaded: send the same request again. Events that were taken "
            "nevertheless count once.",
            retry_after=DATABASE_RETRY_S,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a request as a whole: HTTP status, stable code, text with the remedy, the field at fault.

    `retry_after` (seconds) says that the same request may succeed later. `extra` members go into the document.
    """

    status: int
    code: str
    message: str
    field: str = ""
    retry_after: int | None = None
    extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    more_headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As `application/problem+json`."""
        document = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": int(self.status),
            "code": self.code,
            "detail": self.message,
        }
        if self.field:
            document["field"] = self.field
        return {**document, **self.extra}

    def headers(self) -> dict[str, str]:
        """The headers of an answer that tells of it, whatever its body."""
        headers = dict(self.more_headers)
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = AUTHENTICATE
        return headers


def problem_of(exc: Exception) -> Problem | None:
    """What an exception of an API view means for the client; None for one that nobody foresaw."""
    if isinstance(exc, ProblemError):
        return Problem(exc.status_code, exc.code, exc.message, exc.field, exc.retry_after, exc.extra, exc.headers)
    if isinstance(exc, DomainError):
        return Problem(HTTPStatus.BAD_REQUEST, exc.code, exc.message, exc.field)
    if isinstance(exc, OperationalError | InterfaceError):
        logger.warning("The database failed a request: %s", exc)
        return problem_of(DatabaseUnavailableError())
    if isinstance(exc, DataError) and "NUL (0x00)" in str(exc):
        # Wherever it stood in the request: no text that is there contains one.
        message = "A text of the request contains a NUL character, which can't be stored: leave it out."
        return Problem(HTTPStatus.BAD_REQUEST, "invalid_character", message)
    if isinstance(exc, Http404):
        exc = exceptions.NotFound()
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    if isinstance(exc, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        # DRF says 403 where no header tells how to authenticate; ours always does.
        return Problem(HTTPStatus.UNAUTHORIZED, _code(exc), _text(exc.detail))
    if isinstance(exc, exceptions.APIException):
        wait = getattr(exc, "wait", None)
        return Problem(exc.status_code, _code(exc), _text(exc.detail), retry_after=int(wait) + 1 if wait else None)
    return None


def problem_response(exc: Exception, context: dict[str, Any]) -> Response | None:
    """The answer to an exception of an API view; None (a logged 500) for one that nobody foresaw."""
    problem = problem_of(exc)
    if problem is None:
        return None
    return Response(
        problem.document(), status=problem.status, headers=problem.headers(), content_type=PROBLEM_CONTENT_TYPE
    )


def _code(exc: exceptions.APIException) -> str:
    codes = exc.get_codes()
    return codes if isinstance(codes, str) else "invalid"


def _text(detail: Any) -> str:
    if isinstance(detail, dict):
        return " ".join(f"{field}: {_text(value)}" for field, value in detail.items())
    if isinstance(detail, list):
        return " ".join(_text(value) for value in detail)
    return str(detail)
