"""Bodies of which the client doesn't say beforehand how long they are, as those that it compresses while it sends them.

Django takes a request without `Content-Length` for one without a body, so that what is in it would be lost in silence:
here it is read and counted first.
"""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from io import BytesIO
from typing import Any

from django.conf import settings

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

_BODILESS = ("GET", "HEAD", "OPTIONS", "TRACE")
_LENGTH_REQUIRED = b"The length of the body isn't known: send it with Content-Length.\n"


class KnownLength:
    """A WSGI application around another one, which always learns the length of the body.

    At most one byte more is read than the installation takes, which is enough for the request to be refused as too
    large. A server that can't tell where such a body ends is answered 411.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not environ.get("CONTENT_LENGTH") and environ["REQUEST_METHOD"] not in _BODILESS:
            if environ.get("wsgi.input_terminated"):
                body = _read(environ["wsgi.input"], 1 + _most_bytes())
                environ["wsgi.input"] = BytesIO(body)
                environ["CONTENT_LENGTH"] = str(len(body))
            elif environ.get("HTTP_TRANSFER_ENCODING"):
                status = HTTPStatus.LENGTH_REQUIRED
                start_response(f"{status.value} {status.phrase}", [("Content-Type", "text/plain; charset=utf-8")])
                return (_LENGTH_REQUIRED,)
        return self.application(environ, start_response)


def _most_bytes() -> int:
    return max(settings.INGEST_MAX_BYTES, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def _read(stream: Any, limit: int) -> bytes:
    parts: list[bytes] = []
    while limit and (part := stream.read(limit)):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)
