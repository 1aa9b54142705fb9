"""A taken port is named, with its holder and the remedy."""

import os
import socket

import pytest

from amberflow.devtools.ports import PortTakenError, ensure_free, holder


@pytest.fixture
def taken():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_taken_port_names_its_holder_and_the_remedy(taken):
    with pytest.raises(PortTakenError) as caught:
        ensure_free(taken, variable="AMBERFLOW_PORT")
    assert f"Port {taken} is taken by process {os.getpid()} (" in str(caught.value)
    assert f"AMBERFLOW_PORT={taken + 1} make demo" in str(caught.value)


def test_a_free_port_passes():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ensure_free(port, variable="AMBERFLOW_PORT")
    assert holder(port) is None


@pytest.mark.parametrize("port", [0, 65536])
def test_a_number_that_is_no_port_is_refused(port):
    with pytest.raises(PortTakenError, match=f"AMBERFLOW_PORT={port} is not a port"):
        ensure_free(port, variable="AMBERFLOW_PORT")
