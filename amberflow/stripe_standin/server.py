"""HTTP: addresses to the API or to a page, texts to bytes."""

import json
import socket
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from amberflow.stripe_standin import pages
from amberflow.stripe_standin.api import API_VERSION, Api
from amberflow.stripe_standin.errors import ParameterError, StripeError
from amberflow.stripe_standin.service import Answer, Call, Service, read_form, refusal
from amberflow.stripe_standin.store import Store


class Server(ThreadingHTTPServer):
    """Listens at once; `serve_forever` answers. Closing it also closes connections that clients keep open."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], store: Store, service: Service, public_url: str | None) -> None:
        self.store, self.service, self.public_url = store, service, public_url
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        # HTTPServer would look up the host's name, which can take seconds without a name server.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        with self._connections_lock:
            self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; anything else gets the usual report."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def server_close(self) -> None:
        super().server_close()
        with self._connections_lock:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # closed by the client already


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are kept in the service's log, not on the terminal."""

    def do_GET(self) -> None:
        self._handle()

    do_POST = do_DELETE = do_GET

    def _handle(self) -> None:
        address = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode(errors="replace")
        if address.path.startswith("/v1/"):
            self._handle_api(address.path, address.query, body)
        elif self.command == "GET" and address.path == "/healthz":
            self._reply(200, "ok\n", "text/plain")
        elif self.command == "GET" and address.path == "/":
            self._reply(200, pages.overview(self.server.store), "text/html")
        elif address.path.startswith("/i/"):
            self._handle_invoice(address.path.strip("/").split("/")[1:], address.query, body)
        else:
            self._not_found()

    def _handle_api(self, path: str, query: str, body: str) -> None:
        try:
            call = Call(
                method=self.command,
                path=path,
                form=read_form(query, body),
                base_url=self._base_url(),
                authorization=self.headers.get("Authorization") or "",
                idempotency_key=self.headers.get("Idempotency-Key"),
            )
            answer = self.server.service.answer(call)
        except ParameterError as error:
            answer = refusal(error)
        except Exception:
            self.log_error("the stand-in failed")
            self._reply_json(
                Answer(500, json.dumps({"error": {"type": "api_error", "message": "The stand-in failed."}}))
            )
            raise
        self._reply_json(answer)

    def _handle_invoice(self, parts: list[str], query: str, body: str) -> None:
        if self.command == "GET" and len(parts) == 1:
            page = pages.invoice_page(self.server.store, parts[0], declined="declined" in query)
            self._reply(200, page, "text/html") if page else self._not_found()
        elif self.command == "POST" and len(parts) == 2 and parts[1] == "pay":
            card = dict(parse_qsl(body)).get("card", "")
            if card not in pages.CARDS:
                self._reply(400, pages.message_page("Unknown card", "Choose good or declining."), "text/html")
            else:
                self._pay(parts[0], card)
        else:
            self._not_found()

    def _pay(self, identifier: str, card: str) -> None:
        try:
            with self.server.store.transaction():
                paid = pages.pay(Api(self.server.store, self._base_url()), identifier, card)
        except StripeError as error:
            self._reply(error.status, pages.message_page("Not paid", error.message), "text/html")
            return
        self.server.service.changed()
        self.send_response(303)
        self.send_header("Location", f"/i/{identifier}" + ("" if paid else "?declined"))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _base_url(self) -> str:
        """The address under which the caller reached this server, unless one was fixed for the public."""
        host = self.headers.get("Host") or f"{self.server.server_name}:{self.server.server_port}"
        return self.server.public_url or f"http://{host}"

    def _not_found(self) -> None:
        self._reply(
            404,
            pages.message_page("Not found", "There is no such page, or the invoice is a draft."),
            "text/html",
        )

    def _reply_json(self, answer: Answer) -> None:
        if answer.status is None:
            self.close_connection = True
            return
        headers = (("Request-Id", "req_standin"), ("Stripe-Version", API_VERSION), *answer.headers)
        self._reply(answer.status, answer.body, "application/json", headers)

    def _reply(self, status: int, text: str, content_type: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{content_type}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
