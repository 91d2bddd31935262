"""Where the relay listens: IPv4, IPv6, Unix sockets, several at once."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROUTES, RelayFactory
from support.daemon import BINARY, Daemon, complete, free_port, supervised
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


ACTIVATE = (sys.executable, str(Path(__file__).parent / "clients" / "activate.py"))
INHERITED = ROUTES + "".join(
    f'[[listen]]\naddress = "systemd:{name}"\n' for name in ("public", "admin")
)


class ActivatedDaemon(Daemon):
    """A daemon that is handed its sockets by name: port 0 is one that does not listen."""

    def __init__(self, config: Path, text: str, **sockets: int) -> None:
        self.prefix = (*ACTIVATE, *(f"{name}={port}" for name, port in sockets.items()), "--")
        super().__init__(config, text, 0)


def test_inherited_sockets_are_known_by_their_names(tmp_path: Path) -> None:
    ports = {"admin": free_port(), "public": free_port()}
    daemon = ActivatedDaemon(tmp_path / "wsrelay.conf", INHERITED, **ports)
    with supervised(daemon):
        for name, port in ports.items():
            with connect(f"ws://127.0.0.1:{port}/echo") as client:
                client.send(name)
                assert client.recv(10) == name
            assert daemon.closed(listener=f"systemd:{name}")["WSRELAY_CAUSE"] == "peer-close"


@pytest.mark.parametrize("admin", [[], ["admin=0"]], ids=["absent", "not listening"])
def test_missing_inherited_socket(tmp_path: Path, admin: list[str]) -> None:
    """Nobody guesses which socket was meant: the error names the one that is not there."""
    config = tmp_path / "wsrelay.conf"
    config.write_text(complete(INHERITED, 0))
    command = [*ACTIVATE, f"public={free_port()}", *admin, "--"]
    command += [str(BINARY), "serve", "--config", str(config)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert run.returncode == 69, run.stderr
    assert "FileDescriptorName=admin" in run.stderr
