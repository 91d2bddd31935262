"""Where the relay listens: IPv4, IPv6, Unix sockets, several at once."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from conftest import ROUTES, RelayFactory
from websockets.sync.client import connect, unix_connect


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_unix_socket(relay: RelayFactory, tmp_path: Path) -> None:
    path = tmp_path / "relay.sock"
    daemon = relay(f'{ROUTES}[[listen]]\naddress = "unix:{path}"\n')
    with unix_connect(str(path), uri="ws://localhost/echo") as client:
        client.send("hello")
        assert client.recv() == "hello"
    record = daemon.closed()
    assert record["WSRELAY_LISTENER"] == f"unix:{path}"
    assert record["WSRELAY_CAUSE"] == "peer-close"
    daemon.stop()
    assert not path.exists(), "an orderly stop removes the socket"


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
def test_ipv6(relay: RelayFactory) -> None:
    daemon = relay(f'{ROUTES}[[listen]]\naddress = "[::1]:PORT"\n')
    with connect(f"ws://[::1]:{daemon.port}/echo") as client:
        client.send("hello")
        assert client.recv() == "hello"
    record = daemon.closed()
    assert record["WSRELAY_PEER"] == "::1"
    assert record["WSRELAY_LISTENER"] == f"[::1]:{daemon.port}"


def test_one_channel_over_two_listeners(relay: RelayFactory, tmp_path: Path) -> None:
    path = tmp_path / "relay.sock"
    listen = f'[[listen]]\naddress = "127.0.0.1:PORT"\n[[listen]]\naddress = "unix:{path}"\n'
    daemon = relay(ROUTES + listen)
    with (
        connect(daemon.url("/broadcast")) as tcp,
        unix_connect(str(path), uri="ws://localhost/broadcast") as unix,
    ):
        tcp.send("over TCP")
        assert unix.recv(10) == "over TCP"
        unix.send("over Unix")
        assert tcp.recv(10) == "over Unix"


def test_listen_on_the_command_line_comes_first(relay: RelayFactory, tmp_path: Path) -> None:
    path = tmp_path / "flag.sock"
    daemon = relay(ROUTES, "--listen", f"unix:{path}")
    with unix_connect(str(path), uri="ws://localhost/echo") as client:
        client.send("hello")
        assert client.recv() == "hello"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", daemon.port), 5)
