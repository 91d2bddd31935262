"""`wsrelay kick`: one connection ends, and nobody else's."""

from __future__ import annotations

import subprocess

import pytest
from conftest import ROUTES, RelayFactory
from support.daemon import BINARY
from support.deadlines import eventually
from support.wire import Wire, close_frame

DEBUG = '\n[log]\ntarget = "stderr"\nformat = "json"\nlevel = "debug"\n'


def kick(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(BINARY), "kick", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=20)


@pytest.mark.threads
def test_one_of_many(relay: RelayFactory) -> None:
    daemon = relay("threads = 2\n" + DEBUG + ROUTES)
    clients = [Wire.open(daemon.port, "/room/1") for _ in range(10)]
    chosen = clients[7]
    opened = daemon.wait("open", 10)
    (record,) = (r for r in opened if r["WSRELAY_PEER_PORT"] == str(chosen.local_port))
    identity = record["WSRELAY_CONNECTION_ID"]
    assert kick("--pid", daemon.pid, identity).returncode == 0
    assert chosen.read_close() == (1008, b"closed by an operator")
    chosen.send(close_frame(1008))
    chosen.read_to_end()
    chosen.fin()
    closed = daemon.closed(cause="kick")
    assert closed["WSRELAY_CONNECTION_ID"] == identity
    assert closed["WSRELAY_INITIATOR"] == "operator"
    assert closed["WSRELAY_LAYER"] == "admin"
    assert closed["WSRELAY_CLEAN"] == "yes"
    for client in clients:
        if client is not chosen:
            client.finish()
    daemon.wait("close", 10)
    # It is gone, and that is said.
    assert kick("--pid", daemon.pid, identity.upper()).returncode == 0
    daemon.wait_message(f"kick: there is no connection {identity}")


def test_one_that_has_not_opened(relay: RelayFactory) -> None:
    daemon = relay("threads = 1\n" + DEBUG + ROUTES)
    with Wire.open(daemon.port) as first:
        (record,) = daemon.wait("open")
        # Identities of one worker follow each other.
        identity = int(record["WSRELAY_CONNECTION_ID"], 16) + 1
        before = daemon.descriptor_count()
        with Wire(daemon.port) as silent:
            eventually(lambda: daemon.descriptor_count() > before, "accepted")
            first.finish()
            daemon.wait("close")
            assert kick("--pid", daemon.pid, f"{identity % 2**64:016x}").returncode == 0
            assert silent.read_to_end() == b""
    assert daemon.closed(cause="kick")["WSRELAY_PHASE"] == "handshake"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([], 64, "which connection?"),
        (["12"], 64, "is no WSRELAY_CONNECTION_ID"),
        (["00000000000000zz"], 64, "is no WSRELAY_CONNECTION_ID"),
        (["--pid", "1", "0" * 16], 64, "is no process id"),
        (["--pid", "x", "0" * 16], 64, "is no process id"),
        (["--pid", str(2**22 + 1), "0" * 16], 69, "No such process"),
    ],
)
def test_what_is_no_request(arguments: list[str], status: int, said: str) -> None:
    done = kick(*arguments)
    assert done.returncode == status
    assert said in done.stderr
    assert done.stdout == ""
