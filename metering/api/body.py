"""Reads the body of a usage request: plain or gzip, never more than the installation takes."""

import zlib
from codecs import BOM_UTF8
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import BaseParser

from amberflow.api import ProblemError, TooLargeError

# 16 says that the stream has gzip's header and checksum, 15 is the largest window.
_GZIP = zlib.MAX_WBITS | 16
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
        if encoding in _NOT_COMPRESSED:
            return _within(body, limit).removeprefix(BOM_UTF8)
        if encoding not in ("gzip", "x-gzip"):
            raise ProblemError(
                f"Content-Encoding {encoding[:40]!r} is not understood: send gzip or nothing.",
                code="unsupported_encoding",
                field="Content-Encoding",
            )
        return _decompressed(_within(body, limit), limit).removeprefix(BOM_UTF8)


def _decompressed(body: bytes, limit: int) -> bytes:
    gzip = zlib.decompressobj(_GZIP)
    try:
        plain = gzip.decompress(body, limit + 1)
    except zlib.error:
        raise ProblemError("The body is not gzip, as Content-Encoding says.", code="invalid_gzip") from None
    _within(plain, limit)
    if not gzip.eof:
        raise ProblemError("The gzip body is cut off.", code="invalid_gzip")
    if gzip.unused_data:
        # Nothing behind the end may be left unread in silence: it could be events.
        raise ProblemError("The gzip body goes on after its end: send one gzip member.", code="invalid_gzip")
    return plain


def _within(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise TooLargeError(f"The body has more than {limit} bytes (decompressed): send the events in smaller batches.")
    return body
