"""Reload by HUP: atomic, live connections stay, removed routes close theirs."""

from __future__ import annotations

import socket

import pytest
from conftest import ROUTES, RelayFactory
from support.daemon import LISTEN, free_port
from support.deadlines import eventually
from support.wire import TEXT, Wire, frame, request
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK
from websockets.sync.client import connect

NEW_ROUTE = '\n[[route]]\npath = "/new"\nmode = "echo"\n'
ONLY_BROADCAST = '[[route]]\npath = "/broadcast"\nmode = "broadcast"\n'


def refuses(port: int) -> bool:
    """Whether nobody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except ConnectionRefusedError:
        return True
    return False


def status(port: int, path: str) -> int:
    with Wire(port) as wire:
        wire.send(request(path))
        return int(wire.read_head().split()[1])


def test_good_file(relay: RelayFactory) -> None:
    daemon = relay()
    with connect(daemon.url()) as client:
        assert status(daemon.port, "/new") == 404
        daemon.configure(ROUTES + NEW_ROUTE)
        daemon.reload()
        assert status(daemon.port, "/new") == 101
        client.send("still here")
        assert client.recv() == "still here"
    assert daemon.wait("close", route="/echo")[0]["WSRELAY_CAUSE"] == "peer-close"


def test_bad_file_changes_nothing(relay: RelayFactory) -> None:
    daemon = relay()
    with connect(daemon.url()) as client:
        daemon.configure(NEW_ROUTE + 'idel_timeout = "1s"\n')
        record = daemon.reload()
        assert int(record["PRIORITY"]) <= 4, record
        client.send("still here")
        assert client.recv() == "still here"
        assert status(daemon.port, "/new") == 404
        assert status(daemon.port, "/echo") == 101
    assert any("idel_timeout" in value for r in daemon.records for value in r.values())
    # The next good file is taken again.
    daemon.configure(ROUTES + NEW_ROUTE)
    daemon.reload()
    assert status(daemon.port, "/new") == 101


def test_removed_route_closes_its_connections(relay: RelayFactory) -> None:
    daemon = relay()
    with connect(daemon.url("/echo")) as gone, connect(daemon.url("/broadcast")) as stays:
        daemon.configure(ONLY_BROADCAST)
        daemon.reload()
        with pytest.raises((ConnectionClosedOK, ConnectionClosedError)) as closed:
            gone.recv(10)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001
        record = daemon.closed(cause="route-removed")
        assert record["WSRELAY_CODE_SENT"] == "1001"
        assert record["WSRELAY_CLOSE_ORDER"] == "sent-first"
        assert record["WSRELAY_CLEAN"] == "yes"
        assert record["WSRELAY_INITIATOR"] == "operator"
        stays.ping().wait(10)
    assert daemon.closed(route="/broadcast")["WSRELAY_CAUSE"] == "peer-close"


def test_limits_apply_to_live_connections(relay: RelayFactory) -> None:
    daemon = relay()
    with Wire.open(daemon.port) as client:
        client.send(frame(TEXT, b"x" * 100))
        assert client.read_frame().payload == b"x" * 100
        daemon.configure('[[route]]\npath = "/echo"\nmode = "echo"\nmax_message_size = "64B"\n')
        daemon.reload()
        client.send(frame(TEXT, b"x" * 100))
        assert client.read_close()[0] == 1009
    assert daemon.closed()["WSRELAY_CAUSE"] == "message-too-big"


def test_the_address_is_opened_up(relay: RelayFactory) -> None:
    daemon = relay()
    with connect(daemon.url()) as client:
        for address in ("*", "0.0.0.0", "127.0.0.1"):
            daemon.configure(f'{ROUTES}\n[[listen]]\naddress = "{address}:PORT"\n')
            assert daemon.reload()["WSRELAY_RESULT"] == "applied"
            assert status(daemon.port, "/echo") == 101
        client.send("accepted before")
        assert client.recv() == "accepted before"


def test_an_address_that_is_taken(relay: RelayFactory) -> None:
    daemon = relay()
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        daemon.configure(f'{ROUTES}{LISTEN}\n[[listen]]\naddress = "{taken}"\n')
        record = daemon.reload()
    assert record["MESSAGE"] == (
        f"reload failed: cannot listen on {taken}: something else already does; `ss -ltnp` shows "
        "what; the configuration in force is unchanged"
    )
    assert status(daemon.port, "/echo") == 101


def test_listeners_come_and_go(relay: RelayFactory) -> None:
    daemon = relay()
    other = free_port()
    with connect(daemon.url()) as client:
        daemon.configure(f'{ROUTES}{LISTEN}\n[[listen]]\naddress = "127.0.0.1:{other}"\n')
        daemon.reload()
        assert status(other, "/echo") == 101
        daemon.configure(f'{ROUTES}\n[[listen]]\naddress = "127.0.0.1:{other}"\n')
        daemon.reload()
        eventually(lambda: refuses(daemon.port), "the removed listener is closed")
        client.send("accepted before")
        assert client.recv() == "accepted before"


def test_many_reloads_under_load(relay: RelayFactory) -> None:
    daemon = relay()
    with connect(daemon.url()) as client:
        for turn in range(30):
            bad = turn % 3 == 2
            daemon.configure(ROUTES + (NEW_ROUTE if turn % 2 else "") + ("x = [" if bad else ""))
            daemon.reload()
            client.send(str(turn))
            assert client.recv() == str(turn)
    assert len(daemon.find("reload")) == 30
