"""Stopping: drain by TERM, at once by a second one, and starting again after kill -9."""

from __future__ import annotations

import signal
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest
from conftest import ROUTES, RelayFactory
from support.daemon import running
from support.wire import Wire, close_frame
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect, unix_connect

PATIENT = '\n[drain]\ngrace = "60s"\n'


@pytest.mark.threads
def test_term_drains(relay: RelayFactory) -> None:
    daemon = relay("threads = 2\n" + ROUTES)
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(daemon.url())) for _ in range(20)]
        daemon.signal(signal.SIGTERM)
        for client in clients:
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(10)
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001
    assert daemon.wait_exit() == 0
    records = daemon.find("close", cause="drain", code_sent=1001, close_order="sent-first")
    assert len(records) == len(daemon.find("close")) == 20
    assert all(r["WSRELAY_CLEAN"] == "yes" for r in records)
    assert daemon.find("drain")


def test_int_drains_as_well(relay: RelayFactory) -> None:
    daemon = relay()
    daemon.signal(signal.SIGINT)
    assert daemon.wait_exit() == 0


def test_nobody_new_while_draining(relay: RelayFactory) -> None:
    daemon = relay(ROUTES + PATIENT)
    with Wire.open(daemon.port) as client:
        daemon.signal(signal.SIGTERM)
        assert client.read_close()[0] == 1001
        daemon.wait("drain")
        # Refused by TCP, or answered with 503: both tell a client to go elsewhere.
        try:
            with connect(daemon.url(), open_timeout=5):
                pytest.fail("a draining relay took a connection")
        except ConnectionRefusedError:
            pass
        except Exception as error:
            assert "503" in str(error)
        client.send(close_frame(1001))
        client.read_to_end()
    assert daemon.wait_exit() == 0


def test_second_term_stops_at_once(relay: RelayFactory) -> None:
    route = '[[route]]\npath = "/echo"\nmode = "echo"\nclose_timeout = "60s"\n'
    daemon = relay(route + PATIENT)
    with Wire.open(daemon.port) as client:
        daemon.signal(signal.SIGTERM)
        assert client.read_close()[0] == 1001
        # This client does not answer, so only the second signal can end the wait.
        daemon.signal(signal.SIGTERM)
        assert daemon.wait_exit(10) == 0
    assert len(daemon.find("close")) == 1
    assert daemon.find("close")[0]["WSRELAY_CAUSE"] == "drain"


def test_grace_ends_the_wait(relay: RelayFactory) -> None:
    route = '[[route]]\npath = "/echo"\nmode = "echo"\nclose_timeout = "60s"\n'
    daemon = relay(route + '\n[drain]\ngrace = "300ms"\n')
    with Wire.open(daemon.port) as client:
        daemon.signal(signal.SIGTERM)
        assert client.read_close()[0] == 1001
        assert daemon.wait_exit(10) == 0
    assert [r["WSRELAY_CAUSE"] for r in daemon.find("close")] == ["drain"]


def test_kill_9_then_start_again(tmp_path: Path) -> None:
    path = tmp_path / "relay.sock"
    listen = f'[[listen]]\naddress = "127.0.0.1:PORT"\n[[listen]]\naddress = "unix:{path}"\n'
    with running(tmp_path, ROUTES + listen) as first:
        with connect(first.url()) as client:
            first.signal(signal.SIGKILL)
            with pytest.raises(ConnectionClosed):
                client.recv(10)
        first.wait_exit()
    assert path.exists(), "the socket of the killed one is left behind"
    with running(tmp_path, ROUTES + listen, port=first.port) as second:
        for connection in (
            connect(second.url()),
            unix_connect(str(path), uri="ws://localhost/echo"),
        ):
            with connection as client:
                client.send("again")
                assert client.recv() == "again"


def test_usr1_counts(relay: RelayFactory) -> None:
    """USR1 logs counters; above all it must not end the process."""
    daemon = relay()
    with connect(daemon.url()) as client:
        daemon.signal(signal.SIGUSR1)
        client.send("still here")
        assert client.recv() == "still here"


def test_port_is_free_after_the_stop(relay: RelayFactory) -> None:
    daemon = relay()
    daemon.stop()
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", daemon.port))
