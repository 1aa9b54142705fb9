"""The one view by which usage comes in over HTTP: it finds the dialect, ingests, and answers in the dialect."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, cast

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import APIException
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from amberflow.api import problem_of
from customers.api.throttling import count_against_rate
from customers.models import ApiKey
from metering.api.body import RawBodyParser
from metering.api.call_log import CallNote, note_call
from metering.api.take_usage import READ_USAGE, read_usage, take_usage
from metering.ingest.dialect import Answer, Dialect, UsageRequest
from metering.ingest.dialects import choose_dialect


class IngestView(APIView):
    """Usage in one of the dialects that share a route."""

    dialects: ClassVar[tuple[Dialect, ...]]
    parser_classes = [RawBodyParser]
    required_scope: Any = ApiKey.Scope.USAGE_WRITE

    def ingest(self, request: Request, captures: Mapping[str, str]) -> HttpResponse:
        """Take the events of the request in."""
        asked = usage_request(request, captures)
        taken = take_usage(
            asked,
            request.META.get(READ_USAGE) or read_usage(asked, self.dialects),
            api_key=cast(ApiKey, request.auth),
            count_events=lambda count: count_against_rate(request, "events", count),
        )
        note_call(request, taken.note)
        return http_answer(taken.answer)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        """The dialect alone decides about the form of the answer, whatever the client says that it accepts."""
        if request.method != "POST":
            return super().perform_content_negotiation(request, force)
        return JSONRenderer(), JSONRenderer.media_type

    def handle_exception(self, exc: Exception) -> Response:
        """Tell the client in its own dialect what is wrong. What nobody foresaw is raised again (a logged 500)."""
        request = cast(Request, self.request)
        if request.method != "POST":
            return super().handle_exception(exc)
        problem = problem_of(exc)
        if problem is None:
            raise exc
        note_call(request, CallNote(code=problem.code, message=problem.message))
        asked = usage_request(request, self.kwargs, unread=True)
        # Not through Response: it would be rendered again.
        return cast(Response, http_answer(choose_dialect(self.dialects, asked).problem(asked, problem)))


def ingest_view(dialects: Sequence[Dialect], *, reads: type[APIView] | None = None, is_documented: bool = True) -> Any:
    """The view function for a route that these dialects share; GET is answered as `reads` does. The API's description
    shows the route as the last one's, which gets what no other recognises."""
    shown = dialects[-1]

    # A function of its own for each route: the description is kept on it.
    def post(self: IngestView, request: Request, **captures: str) -> HttpResponse:
        return self.ingest(request, captures)

    others = ", ".join(each.label for each in dialects[:-1])
    told = shown.schema.get("description", "")
    description = {"description": f"{told}\n\nUnderstood here too: {others}."} if others and told else {}
    schema = {"operation_id": f"send_{shown.name}", **shown.schema, **description, "exclude": not is_documented}
    own: dict[str, Any] = {"dialects": tuple(dialects), "post": extend_schema(**schema)(post)}
    if reads is not None:
        own["required_scope"] = reads.required_scope  # type: ignore[attr-defined]
    bases = (IngestView,) if reads is None else (IngestView, reads)
    view: type[IngestView] = type("IngestView", bases, own)
    return view.as_view()


def usage_request(request: Request, captures: Mapping[str, str], *, unread: bool = False) -> UsageRequest:
    """The request as dialects see it; `unread` where its body may be what is wrong with it."""
    body: Any = b""
    try:
        # Without any body the parser isn't called and there are no bytes.
        body = request.data
    except (APIException, OSError):
        if not unread:
            raise
    return UsageRequest(
        path=request.path,
        body=body if isinstance(body, bytes) else b"",
        content_type=(request.content_type or "").partition(";")[0].strip().lower(),
        query=request.query_params.dict(),
        headers={name.lower(): value for name, value in request.headers.items()},
        captures=captures,
    )


def http_answer(answer: Answer) -> HttpResponse:
    """What a dialect answers, as Django sends it."""
    response = HttpResponse(answer.content, status=answer.status, headers=dict(answer.headers))
    if answer.status == HTTPStatus.NO_CONTENT:
        del response["Content-Type"]
    else:
        response["Content-Type"] = answer.content_type
    return response
