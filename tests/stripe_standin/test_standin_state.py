"""What survives a restart, and the command line."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from amberflow.stripe_standin import StandIn
from amberflow.stripe_standin.store import StateError


@pytest.fixture
def state(tmp_path):
    return tmp_path / "below" / "stripe.sqlite3"


def test_objects_keys_and_numbers_survive_a_restart(state, connect):
    with StandIn(state=state) as first:
        client = connect(first.url)
        customer = client.v1.customers.create({"name": "ACME"}, {"idempotency_key": "k1"})
        port = int(first.url.rpartition(":")[2])
        invoice = client.v1.invoices.create({"customer": customer.id})
        client.v1.invoice_items.create({"customer": customer.id, "invoice": invoice.id, "amount": 5})
        before = client.v1.invoices.finalize_invoice(invoice.id)
        endpoint = client.v1.webhook_endpoints.create(
            {"url": "http://127.0.0.1:9/", "enabled_events": ["invoice.voided"]}
        ).id
    # The client keeps its connection open over the restart, on the same port.
    with StandIn(state=state, port=port) as second:
        assert client.v1.invoices.retrieve(invoice.id).to_dict() == before.to_dict()
        assert client.v1.customers.create({"name": "ACME"}, {"idempotency_key": "k1"}).id == customer.id
        assert [one["id"] for one in second.objects("customer")] == [customer.id]
        assert client.v1.webhook_endpoints.retrieve(endpoint).status == "enabled"
        following = client.v1.invoices.create({"customer": customer.id})
        assert client.v1.invoices.finalize_invoice(following.id).number == f"{customer.invoice_prefix}-0002"


def test_undelivered_webhooks_resume_in_order(state, connect, listener):
    listener.statuses = [503] * 1000
    with StandIn(state=state) as first:
        client = connect(first.url)
        client.v1.webhook_endpoints.create({"url": listener.url, "enabled_events": ["*"]})
        for name in ("one", "two"):
            client.v1.customers.create({"name": name})
        assert not first.wait_until_delivered(timeout=0.05)
    listener.statuses.clear()
    listener.received.clear()
    with StandIn(state=state) as second:
        assert second.wait_until_delivered()
    assert [json.loads(body)["data"]["object"]["name"] for _, body in listener.received] == ["one", "two"]


def test_events_wait_for_a_server_that_is_not_up_yet(standin, client, listener):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    endpoint = client.v1.webhook_endpoints.create({"url": address, "enabled_events": ["*"]})
    client.v1.customers.create({"name": "Patient"})
    assert not standin.wait_until_delivered(timeout=0.1)
    client.v1.webhook_endpoints.update(endpoint.id, {"url": listener.url})
    assert standin.wait_until_delivered()
    assert len(listener.received) == 1


def test_two_cannot_share_a_state_or_a_port(state):
    with StandIn(state=state) as first:
        with pytest.raises(StateError, match="name another file"):
            StandIn(state=state)
        with pytest.raises(OSError, match="in use"):
            StandIn(port=int(first.url.rpartition(":")[2]))


def test_a_file_that_is_no_state_is_refused_and_kept(tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("not a database, and dear to somebody" * 20)
    with pytest.raises(StateError, match=r"notes\.txt"):
        StandIn(state=notes)
    assert notes.read_text().startswith("not a database")


def run(*options):
    """The command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "amberflow.stripe_standin", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_command_says_when_it_is_ready_and_stops_cleanly(state, connect, stop):
    with run("--port", "0", "--state", str(state)) as process:
        word, _, url = process.stdout.readline().strip().partition(" ")
        assert word == "ready"
        with urllib.request.urlopen(f"{url}/healthz") as answer:
            assert (answer.status, answer.read()) == (200, b"ok\n")
        customer = connect(url).v1.customers.create({"name": "ACME"})
        process.send_signal(stop)
        assert process.wait(timeout=5) == 0
        assert process.stderr.read() == ""
    with StandIn(state=state) as again:
        assert [one["id"] for one in again.objects("customer")] == [customer.id]


def test_a_killed_process_loses_nothing_it_answered(state, connect):
    with run("--port", "0", "--state", str(state)) as process:
        url = process.stdout.readline().split()[1]
        customer = connect(url).v1.customers.create({"name": "ACME"})
        process.kill()
    with StandIn(state=state) as again:
        assert [one["id"] for one in again.objects("customer")] == [customer.id]


def test_a_taken_port_is_explained(standin):
    port = standin.url.rpartition(":")[2]
    with run("--port", port) as process:
        assert process.wait(timeout=5) == 1
        message = process.stderr.read()
    assert message.startswith(f"Can't listen on 127.0.0.1:{port}")
    assert "--port" in message
