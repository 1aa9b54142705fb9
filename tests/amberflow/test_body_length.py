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
    seen, _ = call(b"x" * 1000, **CHUNKED)
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
