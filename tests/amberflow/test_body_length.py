"""Bodies whose length the client doesn't say beforehand."""

from io import BytesIO

import pytest

from amberflow.body_length import KnownLength


class Slow(BytesIO):
    """Hands over what came in so far."""

    def read(self, size=-1):
        return super().read(min(size, 3))


def call(body, **environ):
    seen, started = {}, []

    def application(environ, start_response):
        seen["length"] = environ.get("CONTENT_LENGTH")
        seen["body"] = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start_response("204 No Content", [])
        return ()

    environ = {"REQUEST_METHOD": "POST", "wsgi.input": Slow(body), **environ}
    list(KnownLength(application)(environ, lambda status, headers: started.append(status)))
    return seen, started[0]


CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}


@pytest.mark.parametrize(
    "environ",
    [CHUNKED, {**CHUNKED, "CONTENT_LENGTH": ""}, {"SERVER_PROTOCOL": "HTTP/2", "wsgi.input_terminated": True}],
)
def test_all_of_it_is_read(environ):
    seen, status = call(b'{"id": "a"}', **environ)
    assert (seen["length"], status) == ("11", "204 No Content")


def test_no_more_is_read_than_is_needed_to_refuse_it(settings):
    settings.INGEST_MAX_BYTES, settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 20, 10
    seen, _ = call(b"[" * 1000, **CHUNKED)
    assert seen["length"] == "21"


def test_without_a_body():
    assert call(b"", **{"wsgi.input_terminated": True})[0]["length"] == "0"


@pytest.mark.parametrize("environ", [{"CONTENT_LENGTH": "2"}, {"REQUEST_METHOD": "GET"}, {}])
def test_what_django_understands_by_itself_is_left_to_it(environ):
    seen, status = call(b"ab", **environ)
    assert (seen["length"], status) == (environ.get("CONTENT_LENGTH"), "204 No Content")


def test_a_server_that_cannot_tell_the_end_says_so():
    seen, status = call(b"2\r\nab\r\n0\r\n\r\n", HTTP_TRANSFER_ENCODING="chunked")
    assert (seen, status) == ({}, "411 Length Required")


@pytest.mark.parametrize(
    ("body", "environ"),
    [
        (b'\xef\xbb\xbf [{"id": "a"}]', {}),
        (b"\x0a\x02ab", {"CONTENT_TYPE": "application/x-protobuf"}),
        (b"\x1f\x8b", {"CONTENT_TYPE": "text/csv", "HTTP_CONTENT_ENCODING": "GZIP"}),
    ],
)
def test_a_body_that_says_where_it_ends_is_taken(body, environ):
    assert call(body, **CHUNKED, **environ)[1] == "204 No Content"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"customerId,meterValue\nacme,12", "text/csv"),  # of 1234
        (b"event_name=tokens&payload[value]=12", "application/x-www-form-urlencoded"),
        (b"--x\r\n\r\nacme,12", "multipart/form-data; boundary=x"),
        (b"acme,12", ""),
    ],
)
def test_a_body_whose_rest_nobody_would_miss_is_refused(body, content_type):
    """Servers hand over what came before a connection broke off as if it were all."""
    assert call(body, **CHUNKED, CONTENT_TYPE=content_type) == ({}, "411 Length Required")
