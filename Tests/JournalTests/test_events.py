"""What the journal keeps besides closes: refused and opened connections, the daemon's own life."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from records.daemon import JournalDaemon, JournalRelay
from records.expected import IDENTITY, NUMBER, check, event_fields
from records.journald import Journald
from support.daemon import Record, free_port, supervised
from support.deadlines import eventually
from support.wire import Wire, close_frame, request

pytest_plugins = ["records.fixtures"]

ROUTES = """
[[listen]]
address = "127.0.0.1:PORT"
handshake_timeout = "300ms"
[[route]]
path = "/echo"
mode = "echo"
[[route]]
path = "/one"
mode = "echo"
max_connections = 1
[[route]]
path = "/ours"
mode = "echo"
origins = ["https://example.org"]
[[route]]
path = "/chat"
mode = "echo"
subprotocols = ["chat.v2"]
"""
HEADERS = {"Origin": "https://example.com", "User-Agent": "curl/8"}
SEEN = {"origin": "https://example.com", "user_agent": "curl/8"}
NOT_UPGRADE = b"%s /echo HTTP/1.1\r\nHost: x\r\nUser-Agent: curl/8\r\n\r\n"

# What is sent, and the status, rule and further fields of its record.
REFUSALS: dict[str, tuple[bytes, int, str, Record]] = {
    "not HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n", 400, "not an HTTP request", {}),
    "TLS": (b"\x16\x03\x01\x02\x00", 400, "TLS ClientHello on a plain listener", {}),
    "no common subprotocol": (
        request("/chat", {"Sec-WebSocket-Protocol": "chat.v1"}),
        400,
        "none of the route's subprotocols is offered",
        {"path": "/chat"},
    ),
    "foreign origin": (
        request("/ours?x=1", HEADERS),
        403,
        "origin not allowed on this route",
        {"path": "/ours", **SEEN},
    ),
    "no route": (
        request("/nowhere?token=secret", HEADERS),
        404,
        "no route for this path",
        {"path": "/nowhere", **SEEN},
    ),
    "POST": (
        NOT_UPGRADE % b"POST",
        405,
        "method is POST, only GET can upgrade",
        {"path": "/echo"},
    ),
    "half a request": (
        b"GET /late?token=secret HTTP/1.1\r\nUser-Agent: slowloris\r\n",
        408,
        "the request was not complete in time",
        {"path": "/late", "user_agent": "slowloris"},
    ),
    "long path": (
        request("/" + "x" * 1024),
        414,
        "path longer than 1024 bytes",
        {"path": "/" + "x" * 252 + "…"},
    ),
    "plain GET": (
        NOT_UPGRADE % b"GET",
        426,
        "no Upgrade header field",
        {"path": "/echo", "user_agent": "curl/8"},
    ),
    "long head": (
        request("/echo", {"Cookie": "x" * 9000}),
        431,
        "request head longer than 8192 bytes",
        {"path": "/echo"},
    ),
    "full route": (request("/one"), 503, "too many connections", {"path": "/one"}),
}


@pytest.fixture(scope="module")
def daemon(
    session_journald: Journald, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JournalDaemon]:
    config = tmp_path_factory.mktemp("events") / "wsrelay.conf"
    with (
        supervised(JournalDaemon(config, ROUTES, free_port())) as running,
        Wire.open(running.port, "/one"),
    ):
        yield running


@pytest.mark.parametrize(
    ("sent", "status", "rule", "texts"), REFUSALS.values(), ids=REFUSALS.keys()
)
def test_reject(daemon: JournalDaemon, sent: bytes, status: int, rule: str, texts: Record) -> None:
    with Wire(daemon.port) as client:
        client.send(sent)
        assert client.read_head().startswith(f"HTTP/1.1 {status} ")
        port = client.local_port
    (record,) = daemon.wait("reject", peer_port=port)
    exact = event_fields(
        "reject",
        4 if status == 503 else 5,
        http_status=status,
        rule=rule,
        listener=f"127.0.0.1:{daemon.port}",
        peer="127.0.0.1",
        peer_port=port,
        **texts,
    )
    line = f"refused {status} {texts.get('path', '-')} 127.0.0.1:{port}: {rule}"
    exact["MESSAGE"] = line
    check(record, exact, {**IDENTITY, "WSRELAY_DURATION_USEC": NUMBER})
    assert not daemon.find("close", peer_port=port)


def test_open_at_debug(relay: JournalRelay) -> None:
    daemon = relay(ROUTES + '\n[log]\ntarget = "journal"\nlevel = "debug"\n')
    headers = {**HEADERS, "Origin": "https://example.org", "Sec-WebSocket-Protocol": "chat.v2"}
    with Wire.open(daemon.port, "/chat?room=1&token=secret", headers) as client:
        (record,) = daemon.wait("open")
    exact = event_fields(
        "open",
        7,
        route="/chat",
        path="/chat?room=1&token=***",
        listener=f"127.0.0.1:{daemon.port}",
        peer="127.0.0.1",
        peer_port=client.local_port,
        origin="https://example.org",
        subprotocol="chat.v2",
        user_agent="curl/8",
    )
    exact["MESSAGE"] = f"opened /chat 127.0.0.1:{client.local_port}"
    check(record, exact, IDENTITY)
    assert daemon.closed()["WSRELAY_CONNECTION_ID"] == record["WSRELAY_CONNECTION_ID"]


def check_event(
    record: Record, event: str, priority: int, message: str, **figures: str | int
) -> None:
    wanted = event_fields(event, priority, **figures)
    assert wanted.items() <= record.items()
    assert re.search(message, record["MESSAGE"]), record["MESSAGE"]


def test_life_of_a_daemon(relay: JournalRelay) -> None:
    """Start, a good reload, a bad one, drain and stop: each has its entry, with its figures."""
    daemon = relay(ROUTES)
    count = ROUTES.count("[[route]]")
    place = rf"127\.0\.0\.1:{daemon.port}"
    check_event(daemon.find("start")[0], "start", 5, place, listeners=1, routes=count)
    daemon.configure(ROUTES.replace('"/one"', '"/two"'))
    applied = daemon.reload()
    check_event(applied, "reload", 5, "/two", result="applied", routes_changed=0)
    check_event(applied, "reload", 5, "/one", routes_added=1, routes_removed=1)
    daemon.configure(ROUTES.replace('"/one"', '"/two"') + 'idel_timeout = "1s"\n')
    check_event(daemon.reload(), "reload", 3, "failed", result="failed", errors=1)
    assert any("idel_timeout" in r["MESSAGE"] and r["PRIORITY"] == "3" for r in daemon.records)
    with Wire.open(daemon.port, "/two") as client:
        daemon.signal(signal.SIGTERM)
        assert client.read_close()[0] == 1001
        client.send(close_frame(1001))
        client.read_to_end()
    assert daemon.wait_exit() == 0
    check_event(daemon.find("drain")[0], "drain", 5, "drain", connections=1)
    check_event(daemon.find("stop")[0], "stop", 5, "stopped", closed=1, closed_cleanly=1)
    assert len(daemon.entries("SYSLOG_IDENTIFIER=wsrelay")) == len(daemon.records)


def test_no_more_descriptors(relay: JournalRelay) -> None:
    """Where accepting fails there is no connection to record, so the daemon itself says so."""
    daemon = relay(ROUTES, "prlimit", "--nofile=40:40")
    with ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(Wire(daemon.port))
        warnings = eventually(
            lambda: [r for r in daemon.records if "cannot accept connections" in r["MESSAGE"]],
            "a warning",
        )
        assert warnings[0]["PRIORITY"] == "4" and "WSRELAY_EVENT" not in warnings[0]
        assert "Too many open files" in warnings[0]["MESSAGE"]
    with Wire.open(daemon.port) as client:
        client.finish()
    daemon.closed(peer_port=client.local_port)
