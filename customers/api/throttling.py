"""Counts requests and events against the rate of their API key, and keeps what the answer's headers say of it."""

from typing import Any

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from customers.models import ApiKey
from customers.rate_limits import Kind, check_rate

# Where a request keeps the headers, for a middleware to put into the answer.
RATE_HEADERS = "_rate_headers"


class KeyThrottle(BaseThrottle):
    """Counts each request before the view does anything. Raises RateLimitedError, which says more than a refusal."""

    def allow_request(self, request: Request, view: Any) -> bool:
        count_against_rate(request, "requests", 1)
        return True


def count_against_rate(request: Request | HttpRequest, kind: Kind, count: int) -> None:
    """Count so many for the key of an authenticated request. Raises RateLimitedError."""
    key = getattr(request, "auth", None)
    if isinstance(key, ApiKey):
        headers = check_rate(key, kind, count)
        if headers:
            setattr(getattr(request, "_request", request), RATE_HEADERS, headers)
