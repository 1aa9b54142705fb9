"""Reads the body of a usage request: plain, gzip or deflate, never more than the installation takes."""

import zlib
from codecs import BOM_UTF8
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import BaseParser

from amberflow.api import ProblemError, TooLargeError

# 16 says that the stream has gzip's header and checksum, 15 is the largest window. Deflate has zlib's header, or, from
# clients that took its name at its word, none.
_GZIP, _ZLIB, _RAW = zlib.MAX_WBITS | 16, zlib.MAX_WBITS, -zlib.MAX_WBITS
_NOT_COMPRESSED = ("", "identity")


class RawBodyParser(BaseParser):
    """Hands over the decompressed bytes without a byte order mark, whatever the content type says. Raises
    ProblemError."""

    media_type = "*/*"

    # What a view gets as `request.data` is whatever its parser returns.
    def parse(  # type: ignore[override]
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> bytes:
        assert parser_context is not None
        encoding = parser_context["request"].headers.get("Content-Encoding", "").strip().lower()
        limit = settings.INGEST_MAX_BYTES
        body = stream.read(limit + 1)
        _check_whole(body, parser_context["request"].META.get("CONTENT_LENGTH") or "", limit)
        if encoding in _NOT_COMPRESSED:
            return _within(body, limit).removeprefix(BOM_UTF8)
        if encoding not in ("gzip", "x-gzip", "deflate"):
            raise ProblemError(
                f"Content-Encoding {encoding[:40]!r} is not understood: send gzip, deflate or nothing.",
                code="unsupported_encoding",
                field="Content-Encoding",
            )
        name = "deflate" if encoding == "deflate" else "gzip"
        return _decompressed(_within(body, limit), limit, name).removeprefix(BOM_UTF8)


def _check_whole(body: bytes, length: str, limit: int) -> None:
    """A connection that broke leaves a part of the body, and a part of a number is another number."""
    announced = min(int(length), limit + 1) if length.isascii() and length.isdigit() else 0
    if len(body) < announced:
        raise ProblemError(
            f"The body ended after {len(body)} of {length} bytes: send it again as a whole.", code="incomplete_body"
        )


def _decompressed(body: bytes, limit: int, name: str) -> bytes:
    stream, plain = None, b""
    for window in (_ZLIB, _RAW) if name == "deflate" else (_GZIP,):
        stream = zlib.decompressobj(window)
        try:
            plain = stream.decompress(body, limit + 1)
            break
        except zlib.error:
            stream = None
    code = f"invalid_{name}"
    if stream is None:
        raise ProblemError(f"The body is not {name}, as Content-Encoding says.", code=code)
    _within(plain, limit)
    if not stream.eof:
        raise ProblemError(f"The {name} body is cut off.", code=code)
    if stream.unused_data:
        # Nothing behind the end may be left unread in silence: it could be events.
        raise ProblemError(f"The {name} body goes on after its end: send it in one piece.", code=code)
    return plain


def _within(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise TooLargeError(f"The body has more than {limit} bytes (decompressed): send the events in smaller batches.")
    return body
