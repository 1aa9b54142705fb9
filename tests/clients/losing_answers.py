"""A proxy that hands every request on, but loses the first answers: to the client it seems that the server failed.

So a client that retries sends again what has been counted already.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}
NOT_HANDED_ON = {"host", "connection", "transfer-encoding"}


class LosingProxy(ThreadingHTTPServer):
    """`to_lose` more answers to POST become a 503; `requests` counts all POSTs."""

    daemon_threads = True

    def __init__(self, target: str, to_lose: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(target)
        self.to_lose = to_lose
        self.requests = 0
        self.lock = Lock()

    @property
    def url(self) -> str:
        """Where clients send to."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LosingProxy

    def do_POST(self) -> None:
        body = self._body()
        connection = HTTPConnection(self.server.target.hostname or "", self.server.target.port, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in NOT_HANDED_ON}
        connection.request("POST", self.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        with self.server.lock:
            self.server.requests += 1
            is_lost = self.server.to_lose > 0
            self.server.to_lose -= is_lost
        self.send_response(503 if is_lost else answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        content = b"" if is_lost else content
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the tests' output is for the tests."""


@contextmanager
def losing_answers(target: str, *, to_lose: int = 1) -> Iterator[LosingProxy]:
    """The proxy in front of the server at `target`, while the block runs."""
    proxy = LosingProxy(target, to_lose)
    thread = Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()
