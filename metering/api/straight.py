"""Takes requests with usage past what only pages need: sessions, users, forms, messages, static files."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, ResolverMatch, resolve

from metering.api.ingest import IngestView


class StraightToIngestion:
    """Middleware that calls the view of a request with usage itself; for a single event all that comes after it would
    take as long as the view."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        match = _ingestion(request) if request.method == "POST" else None
        if match is None:
            return self.get_response(request)
        request.resolver_match = match
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        return response


def _ingestion(request: HttpRequest) -> ResolverMatch | None:
    """Where the request leads, if that takes usage in."""
    try:
        match = resolve(request.path_info)
    except Resolver404:
        return None
    view = getattr(match.func, "cls", None)
    return match if isinstance(view, type) and issubclass(view, IngestView) else None
