"""Every cause in docs/close-events.md, brought about by real sockets, as the journal keeps it."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from records import refuse_calls
from records.catalogue import CAUSES
from records.causes import CASES, ROUTES, Case
from records.daemon import JournalDaemon, JournalRelay
from records.expected import check_close, close_fields, relay_closed, unanswered
from records.journald import Journald
from support.certificates import Authority
from support.daemon import BINARY as WSRELAY
from support.daemon import free_port, supervised
from support.wire import BINARY, Wire, close_frame, frame, request

pytest_plugins = ["records.fixtures"]

# Brought about below, or in test_network.py, by a daemon of its own.
ELSEWHERE = {
    "internal-error",
    "tls-failure",
    "kick",
    "shed",
    "drain",
    "restart",
    "route-removed",
    "network-timeout",
}
# Ahead of TERM: a restart is meant, and nothing can be kept over it (RTMIN+4).
RESTART_WITHOUT_STORE = signal.SIGRTMIN + 4


def test_each_cause_is_here() -> None:
    table = {name.split()[0].rstrip(",") for name in CASES}
    assert table | ELSEWHERE == set(CAUSES)
    assert all(name.startswith(case.record["WSRELAY_CAUSE"]) for name, case in CASES.items())


@pytest.fixture(scope="module")
def daemon(
    session_journald: Journald, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JournalDaemon]:
    config = tmp_path_factory.mktemp("causes") / "wsrelay.conf"
    with supervised(JournalDaemon(config, ROUTES, free_port())) as running:
        yield running


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_cause(daemon: JournalDaemon, case: Case) -> None:
    port = case.act(daemon)
    record = daemon.closed(peer_port=port)
    listener = {"WSRELAY_LISTENER": f"127.0.0.1:{daemon.port}"}
    check_close(record, port, case.record | listener, case.forms)


@pytest.mark.parametrize("policy", ["newest", "oldest"])
def test_slow_consumer_that_may_stay(daemon: JournalDaemon, policy: str) -> None:
    """What is left out for a slow member is counted, and nothing else is."""
    path = f"/{policy}/x"
    published = 1600
    with Wire.open(daemon.port, path) as slow, Wire.open(daemon.port, path) as loud:
        for _ in range(published):
            loud.send(frame(BINARY, bytes(1 << 14)))
        loud.finish()
        slow.send(close_frame(1000))
        slow.read_to_end()
    record = daemon.closed(peer_port=slow.local_port)
    sent, left_out = int(record["WSRELAY_TX_MESSAGES"]), int(record["WSRELAY_DROPPED_MESSAGES"])
    assert left_out > 0 and sent + left_out == published
    assert int(record["WSRELAY_TX_BYTES"]) == sent << 14
    assert record["WSRELAY_CAUSE"] == "peer-close"
    assert record["WSRELAY_CLEAN"] == "yes" and record["WSRELAY_UNSENT_BYTES"] == "0"
    assert daemon.closed(peer_port=loud.local_port)["WSRELAY_RX_MESSAGES"] == str(published)


# Causes that need a daemon of their own


def check_operators_close(
    daemon: JournalDaemon, client: Wire, cause: str, path: str, reason: str, code: int = 1001
) -> None:
    """The relay closes on the operator's word; the peer answers."""
    assert client.read_close() == (code, reason.encode())
    client.send(close_frame(code))
    client.read_to_end()
    client.fin()
    if cause in ("drain", "restart"):
        assert daemon.wait_exit() == 0
    exact = close_fields(cause, path, relay_closed(code), reason_sent=reason)
    exact["WSRELAY_LISTENER"] = f"127.0.0.1:{daemon.port}"
    check_close(daemon.closed(peer_port=client.local_port), client.local_port, exact)


def test_route_removed(relay: JournalRelay) -> None:
    daemon = relay(ROUTES)
    with Wire.open(daemon.port, "/text") as client:
        daemon.configure(ROUTES.replace('"/text"', '"/other"'))
        daemon.reload()
        check_operators_close(daemon, client, "route-removed", "/text", "route removed")


def test_tls_failure(relay: JournalRelay, tmp_path: Path) -> None:
    """Either end may give TLS up, and the record says which did, and why."""
    pair = Authority(tmp_path / "authority").issue("localhost", "IP:127.0.0.1")
    daemon = relay(f'{ROUTES}\n[[listen]]\naddress = "127.0.0.1:PORT"\ntls = {pair.toml}\n')
    with Wire(daemon.port) as client:
        client.send(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
        client.read_to_end()
        relays = client.local_port
    with socket.create_connection(("127.0.0.1", daemon.port), 20) as raw:
        peers = int(raw.getsockname()[1])
        with pytest.raises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(raw, server_hostname="127.0.0.1")
    for port, initiator, detail in (
        (relays, "relay", "what the peer sent is not TLS"),
        (peers, "peer", "alert from the peer: unknown CA"),
    ):
        exact = close_fields("tls-failure", None, phase="handshake", cause_detail=detail)
        exact |= {"WSRELAY_INITIATOR": initiator, "WSRELAY_CLOSE_CODE": "1015"}
        exact |= {"WSRELAY_CLOSE_NAME": "TLS Handshake"}
        exact["WSRELAY_LISTENER"] = f"127.0.0.1:{daemon.port}"
        check_close(daemon.closed(peer_port=port), port, exact)


def test_kick(relay: JournalRelay) -> None:
    daemon = relay(ROUTES + '[log]\ntarget = "journal"\nlevel = "debug"\n')
    with Wire.open(daemon.port) as client:
        identity = daemon.wait("open")[0]["WSRELAY_CONNECTION_ID"]
        subprocess.run([WSRELAY, "kick", "--pid", str(daemon.pid), identity], check=True)
        assert client.read_close() == (1008, b"closed by an operator")
        client.send(close_frame(1008))
        client.read_to_end()
    exact = close_fields("kick", "/echo", relay_closed(1008), reason_sent="closed by an operator")
    exact["WSRELAY_LISTENER"] = f"127.0.0.1:{daemon.port}"
    check_close(daemon.closed(peer_port=client.local_port), client.local_port, exact)


def test_drain(relay: JournalRelay) -> None:
    daemon = relay(ROUTES)
    with Wire.open(daemon.port) as client:
        daemon.signal(signal.SIGTERM)
        check_operators_close(daemon, client, "drain", "/echo", "service stopping")


def test_restart_that_keeps_nothing(relay: JournalRelay) -> None:
    daemon = relay(ROUTES)
    with Wire.open(daemon.port) as client:
        os.kill(daemon.pid, RESTART_WITHOUT_STORE)
        daemon.signal(signal.SIGTERM)
        check_operators_close(daemon, client, "restart", "/echo", "service restart", 1012)


def test_drain_without_an_answer(relay: JournalRelay) -> None:
    daemon = relay(ROUTES.replace('grace = "1s"', 'grace = "100ms"'))
    with Wire.open(daemon.port) as client:
        daemon.signal(signal.SIGTERM)
        assert daemon.wait_exit() == 0
    (record,) = daemon.find("close")
    exact = close_fields("drain", "/echo", unanswered(1001), reason_sent="service stopping")
    exact["WSRELAY_LISTENER"] = f"127.0.0.1:{daemon.port}"
    check_close(record, client.local_port, exact)


def refusing(call: str, error: str, descriptor: int) -> tuple[str, ...]:
    """Before a daemon's command: the kernel refuses it this call, from that descriptor on."""
    return sys.executable, str(Path(refuse_calls.__file__)), call, error, str(descriptor)


def test_internal_error(relay: JournalRelay) -> None:
    """A system call fails in a way that nobody foresaw."""
    daemon = relay(ROUTES, *refusing("recvfrom", "EIO", 1))
    with Wire(daemon.port) as client:
        # The relay receives at once: it may be gone before there is a request.
        with suppress(ConnectionError):
            client.send(request())
        assert client.read_to_end() == b""
    record = daemon.closed(cause="internal-error")
    exact = close_fields("internal-error", None, phase="handshake", errno=5)
    exact["WSRELAY_LISTENER"] = f"127.0.0.1:{daemon.port}"
    check_close(record, client.local_port, exact)
    daemon.expected_faults = 1


def test_shed(relay: JournalRelay) -> None:
    """The kernel has no memory left to watch one more connection with."""
    daemon = relay(ROUTES, *refusing("epoll_ctl", "ENOMEM", 40))
    with ExitStack() as stack, pytest.raises(OSError, match="reset"):
        for _ in range(100):
            client = stack.enter_context(Wire(daemon.port))
            client.send(request())
            client.read_head()
    record = daemon.closed(cause="shed")
    exact = close_fields("shed", None, phase="handshake", errno=12)
    exact["WSRELAY_LISTENER"] = f"127.0.0.1:{daemon.port}"
    # It is watched once it has asked, if it was quick, or before.
    if "WSRELAY_PATH" in record:
        exact["WSRELAY_PATH"] = "/echo"
    check_close(record, int(record["WSRELAY_PEER_PORT"]), exact)
