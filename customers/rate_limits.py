"""How many requests and events per second an API key may send.

Each process counts on its own, in memory: with N web processes a key may reach N times its rate. That costs nothing on
the way of an event and still stops a client that runs wild, which is what the limits are for.
"""

import math
import threading
from http import HTTPStatus
from time import monotonic
from typing import Literal

from django.conf import settings

from amberflow.api import ProblemError
from customers.models import ApiKey

Kind = Literal["requests", "events"]
_MAX_REMEMBERED = 50_000

_lock = threading.Lock()
# Per kind and key: how many may be sent at once now (below zero: owed), and when that was so.
_buckets: dict[tuple[Kind, int], tuple[float, float]] = {}


class RateLimitedError(ProblemError):
    """The key sends more than it may; `retry_after` is in whole seconds."""

    status_code = HTTPStatus.TOO_MANY_REQUESTS
    code = "rate_limited"


def check_rate(key: ApiKey, kind: Kind, count: int = 1) -> dict[str, str]:
    """Count so many requests or events of the key. Returns headers that say how it stands; none without a limit.

    A second's worth may be sent at once. A batch that is larger is taken too, and what was too much of it is waited for
    before the next one. Raises RateLimitedError, and counts nothing, while it is.
    """
    rate = rate_of(key, kind)
    if not rate:
        return {}
    now = monotonic()
    with _lock:
        if len(_buckets) > _MAX_REMEMBERED:
            _buckets.clear()
        left, since = _buckets.get((kind, key.pk), (float(rate), now))
        left = min(float(rate), left + (now - since) * rate)
        is_allowed = left > 0 if kind == "events" else left >= 1
        if is_allowed:
            left -= count
        _buckets[kind, key.pk] = (left, now)
    headers = {
        "X-RateLimit-Limit": str(rate),
        "X-RateLimit-Remaining": str(max(0, math.floor(left))),
        "X-RateLimit-Reset": str(math.ceil((rate - left) / rate)),
    }
    if is_allowed:
        return headers
    remedy = "send larger batches less often" if kind == "requests" else "wait before sending the next batch"
    raise RateLimitedError(
        f"The API key {key.prefix}… may send {rate:,} {kind} per second and has sent more: {remedy}.",
        retry_after=max(1, math.ceil((1 - left) / rate)),
        headers=headers,
    )


def rate_of(key: ApiKey, kind: Kind) -> int:
    """Per second: the key's own rate, or the installation's; 0 is no limit."""
    if kind == "events":
        own, common = key.events_per_second, settings.RATE_LIMIT_EVENTS
    else:
        own, common = key.requests_per_second, settings.RATE_LIMIT_REQUESTS
    return int(common if own is None else own)


def forget_rates() -> None:
    """Nobody has sent anything yet."""
    with _lock:
        _buckets.clear()
