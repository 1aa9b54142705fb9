"""What is answered where there is nothing: a page to people, a document to programs, which can't read pages."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.defaults import page_not_found

from amberflow.api import PROBLEM_CONTENT_TYPE, Problem

# The beginnings of the addresses that programs ask: ours, and those of the systems whose clients are served.
_OF_PROGRAMS = ("/api/", "/v1/", "/v2/", "/1.0/", "/ingest")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The answer to an address that doesn't exist."""
    if not request.path.startswith(_OF_PROGRAMS):
        return page_not_found(request, exception)
    message = f"There is nothing at {request.method} {request.path[:200]}: /api/docs/ shows what there is."
    # Stripe's and Flexprice's clients look for the error in an object, others for a message beside it.
    error: dict[str, Any] = {"message": message, "type": "invalid_request_error", "internal_error": message}
    problem = Problem(HTTPStatus.NOT_FOUND, "not_found", message, extra={"message": message, "error": error})
    return JsonResponse(problem.document(), status=problem.status, content_type=PROBLEM_CONTENT_TYPE)
