"""A running stand-in, Stripe's own client for it, and a listener for its webhooks. No database, no Django."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import stripe

from amberflow.stripe_standin import StandIn

TEST_KEY = "sk_test_" + "a" * 32


@pytest.fixture
def connect():
    """Makes a client for the address of a stand-in; by default it leaves retries to the test."""

    def make(url: str, *, key: str = TEST_KEY, retries: int = 0) -> stripe.StripeClient:
        return stripe.StripeClient(key, base_addresses={"api": url}, max_network_retries=retries)

    return make


@pytest.fixture
def standin():
    with StandIn() as running:
        yield running


@pytest.fixture
def client(standin, connect):
    return connect(standin.url)


@pytest.fixture
def customer(client):
    return client.v1.customers.create({"name": "ACME", "email": "ap@acme.test"})


@pytest.fixture
def draft(client, customer):
    """Makes a draft of the customer with one line for each amount in minor units."""

    def make(*amounts: int, currency: str = "usd", **params) -> stripe.Invoice:
        terms = {"collection_method": "send_invoice", "days_until_due": 30}
        invoice = client.v1.invoices.create(
            {"customer": customer.id, "currency": currency, **(terms | params)},
        )
        for number, amount in enumerate(amounts, start=1):
            client.v1.invoice_items.create(
                {"customer": customer.id, "invoice": invoice.id, "amount": amount, "description": f"Line {number}"}
            )
        return client.v1.invoices.retrieve(invoice.id)

    return make


class Listener:
    """Receives webhooks; `statuses` are answered one after the other, then 200 for ever."""

    def __init__(self) -> None:
        self.received: list[tuple[str, bytes]] = []
        self.statuses: list[int] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.received.append((self.headers["Stripe-Signature"], body))
                self.send_response(listener.statuses.pop(0) if listener.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args) -> None:
                """The test output is for test results."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook?source=stripe"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def listener():
    listening = Listener()
    yield listening
    listening.stop()
