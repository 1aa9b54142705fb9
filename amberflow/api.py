"""Errors of the HTTP API, all as `application/problem+json` (RFC 9457).

A problem has a `status`, a stable `code` for programs, a `title`, a `detail` that says what to do, and the `field`
at fault if there is one.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from amberflow.lib.errors import DomainError

PROBLEM_CONTENT_TYPE = "application/problem+json"
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


def as_problem(exc: Exception) -> ProblemError | None:
    """The problem that an error of ours or of the database is to a caller; None for any other exception."""
    if isinstance(exc, ProblemError):
        return exc
    if isinstance(exc, DomainError):
        return ProblemError(exc.message, code=exc.code, field=exc.field)
    if isinstance(exc, OperationalError | InterfaceError):
        logger.warning("The database failed a request: %s", exc)
        return DatabaseUnavailableError()
    return None


def problem_response(exc: Exception, context: dict[str, Any]) -> Response | None:
    """The answer to an exception of an API view; None (a logged 500) for one that nobody foresaw."""
    problem = as_problem(exc)
    if problem is not None:
        response = _problem(problem.status_code, problem.code, problem.message, problem.field, **problem.extra)
        for name, value in problem.headers.items():
            response[name] = value
        return response
    if isinstance(exc, Http404):
        exc = exceptions.NotFound()
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    if isinstance(exc, exceptions.APIException):
        response = _problem(exc.status_code, _code(exc), _text(exc.detail))
        if getattr(exc, "auth_header", None):
            response["WWW-Authenticate"] = exc.auth_header  # type: ignore[attr-defined]
        if getattr(exc, "wait", None):
            response["Retry-After"] = str(int(exc.wait) + 1)  # type: ignore[attr-defined]
        return response
    return None


def _problem(status: int, code: str, detail: str, field: str = "", **extra: Any) -> Response:
    problem = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "code": code,
        "detail": detail,
    }
    if field:
        problem["field"] = field
    return Response({**problem, **extra}, status=status, content_type=PROBLEM_CONTENT_TYPE)


def _code(exc: exceptions.APIException) -> str:
    codes = exc.get_codes()
    return codes if isinstance(codes, str) else "invalid"


def _text(detail: Any) -> str:
    if isinstance(detail, dict):
        return " ".join(f"{field}: {_text(value)}" for field, value in detail.items())
    if isinstance(detail, list):
        return " ".join(_text(value) for value in detail)
    return str(detail)
