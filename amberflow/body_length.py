"""Bodies of which the client doesn't say beforehand how long they are, as those that it compresses while it sends them.

Django takes a request without `Content-Length` for one without a body, so that what is in it would be lost in silence:
here it is read and counted first. The server doesn't tell a connection that broke off from the end of such a body, and
a part of a number is another number: only a body is taken that itself says where it ends.
"""

from codecs import BOM_UTF8
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
# Each message in them says how long it is.
_PROTOBUF = ("application/x-protobuf", "application/protobuf")


class KnownLength:
    """A WSGI application around another one, which always learns the length of the body.

    At most one byte more is read than the installation takes, which is enough for the request to be refused as too
    large. Answered 411 are bodies that don't say where they end (only JSON, protobuf and what is compressed do), and
    all from servers that can't tell it either.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not environ.get("CONTENT_LENGTH") and environ["REQUEST_METHOD"] not in _BODILESS:
            if environ.get("wsgi.input_terminated"):
                body = _read(environ["wsgi.input"], 1 + _most_bytes())
                if not _says_its_end(environ, body):
                    return _refused(start_response)
                environ["wsgi.input"] = BytesIO(body)
                environ["CONTENT_LENGTH"] = str(len(body))
            elif environ.get("HTTP_TRANSFER_ENCODING"):
                return _refused(start_response)
        return self.application(environ, start_response)


def _refused(start_response: StartResponse) -> Iterable[bytes]:
    status = HTTPStatus.LENGTH_REQUIRED
    start_response(f"{status.value} {status.phrase}", [("Content-Type", "text/plain; charset=utf-8")])
    return (_LENGTH_REQUIRED,)


def _says_its_end(environ: Environ, body: bytes) -> bool:
    """Whether a reader notices that the rest of the body is missing."""
    if environ.get("HTTP_CONTENT_ENCODING", "").strip().lower() not in ("", "identity"):
        return True
    if environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() in _PROTOBUF:
        return True
    return body.removeprefix(BOM_UTF8).lstrip()[:1] in (b"", b"{", b"[")


def _most_bytes() -> int:
    return max(settings.INGEST_MAX_BYTES, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def _read(stream: Any, limit: int) -> bytes:
    parts: list[bytes] = []
    while limit and (part := stream.read(limit)):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)
