"""What the relay answers to requests it does not upgrade, with curl and on the wire."""

from __future__ import annotations

import subprocess

import pytest
from conftest import ROUTES, RelayFactory
from support.daemon import Daemon
from support.deadlines import eventually
from support.wire import Wire, request


def curl(daemon: Daemon, *arguments: str, path: str = "/echo") -> tuple[int, str]:
    """The status and the whole answer, head and body."""
    run = subprocess.run(
        ["curl", "--silent", "--include", "--noproxy", "*", "--max-time", "10", *arguments]
        + [f"http://127.0.0.1:{daemon.port}{path}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(run.stdout.split()[1]), run.stdout


def refusal(daemon: Daemon, sent: bytes) -> tuple[int, str]:
    """Sends a request and reads to the end: each refusal ends the connection."""
    with Wire(daemon.port) as wire:
        wire.send(sent)
        answer = wire.read_to_end().decode("latin-1")
    assert answer, "no answer"
    head, _, body = answer.partition("\r\n\r\n")
    assert "content-type: text/plain" in head.lower()
    assert body.strip(), "a refusal says why"
    return int(answer.split()[1]), answer


def rejected(daemon: Daemon, status: int, count: int = 1) -> None:
    """There is one record for each refusal, and it has the status."""
    records = daemon.wait("reject", count=count)
    assert len(records) == count
    assert str(status) in records[-1].values(), records[-1]
    assert not daemon.find("close"), "a refused handshake is a reject record, not a close"


def test_plain_get_is_told_to_upgrade(relay: RelayFactory) -> None:
    daemon = relay()
    status, answer = curl(daemon)
    assert status == 426
    assert "sec-websocket-version: 13" in answer.lower()
    rejected(daemon, 426)


def test_post_is_not_allowed(relay: RelayFactory) -> None:
    daemon = relay()
    status, _ = curl(daemon, "--data", "x=1")
    assert status == 405
    rejected(daemon, 405)


def test_no_route(relay: RelayFactory) -> None:
    daemon = relay()
    status, _ = refusal(daemon, request("/nowhere"))
    assert status == 404
    rejected(daemon, 404)


def test_the_query_takes_no_part_in_routing(relay: RelayFactory) -> None:
    daemon = relay()
    with Wire.open(daemon.port, "/echo?token=secret") as wire:
        wire.finish()
    assert daemon.closed()["WSRELAY_ROUTE"] == "/echo"


def test_another_version(relay: RelayFactory) -> None:
    daemon = relay()
    status, answer = refusal(daemon, request(headers={"Sec-WebSocket-Version": "12"}))
    assert status == 426
    assert "sec-websocket-version: 13" in answer.lower()


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n\r\n",
        b"GET /echo\r\n\r\n",
        b"GET /echo HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
        request(headers={"Sec-WebSocket-Key": "short"}),
        request().replace(b"Sec-WebSocket-Key", b"X-Other"),
        request().replace(b"Host", b"X-Other"),
    ],
    ids=["no request", "no version", "bad header", "bad key", "no key", "no host"],
)
def test_malformed(relay: RelayFactory, sent: bytes) -> None:
    daemon = relay()
    status, _ = refusal(daemon, sent)
    assert status == 400
    rejected(daemon, 400)


def test_too_long(relay: RelayFactory) -> None:
    daemon = relay()
    assert refusal(daemon, request("/" + "a" * 7000))[0] == 414
    assert refusal(daemon, request(headers={"X-Filler": "a" * 9000}))[0] == 431
    daemon.wait("reject", count=2)


def test_origins(relay: RelayFactory) -> None:
    allowed = 'origins = ["https://example.org", "https://*.example.org"]\n'
    daemon = relay('[[route]]\npath = "/echo"\nmode = "echo"\n' + allowed)
    for origin in ("https://example.org", "https://chat.example.org"):
        with Wire.open(daemon.port, headers={"Origin": origin}) as wire:
            wire.finish()
    refused = [
        "https://evil-example.org",
        "https://example.org.evil.net",
        "http://example.org",
        "https://example.org:444",
        "null",
    ]
    for origin in refused:
        assert refusal(daemon, request(headers={"Origin": origin}))[0] == 403, origin
    assert len(daemon.wait("reject", count=len(refused))) == len(refused)


def test_subprotocols(relay: RelayFactory) -> None:
    daemon = relay('[[route]]\npath = "/echo"\nmode = "echo"\nsubprotocols = ["b", "a"]\n')
    with Wire(daemon.port) as wire:
        wire.send(request(headers={"Sec-WebSocket-Protocol": "a, b"}))
        assert "sec-websocket-protocol: b" in wire.read_head().lower()
        wire.finish()
    assert daemon.closed()["WSRELAY_SUBPROTOCOL"] == "b"
    assert refusal(daemon, request(headers={"Sec-WebSocket-Protocol": "c"}))[0] == 400


def test_limit_of_connections(relay: RelayFactory) -> None:
    daemon = relay(ROUTES + '\n[[route]]\npath = "/one"\nmode = "echo"\nmax_connections = 1\n')
    with Wire.open(daemon.port, "/one") as one:
        status, answer = refusal(daemon, request("/one"))
        assert status == 503
        assert "retry-after:" in answer.lower()
        one.finish()
    daemon.closed()
    # The place is free again.
    with Wire.open(daemon.port, "/one") as one:
        one.finish()


def test_slow_handshake_is_cut_off(relay: RelayFactory) -> None:
    """The deadline is absolute: a byte now and then does not move it."""
    listen = '[[listen]]\naddress = "127.0.0.1:PORT"\nhandshake_timeout = "300ms"\n'
    daemon = relay(ROUTES + listen)
    with Wire(daemon.port) as wire:
        wire.send(b"GET /echo HTTP/1.1\r\nHost: x\r\n")
        wire.read_to_end()
    records = eventually(
        lambda: daemon.find("reject") + daemon.find("close"), "a record of the handshake"
    )
    assert len(records) == 1
