"""Peers that never become clients: what they ask for, and how slowly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from attack.arena import ArenaFactory
from attack.hostile import Answers, HostileWire, drip, each, hold, saying
from support.daemon import free_port
from support.wire import TEXT, frame, request

pytest_plugins = ["attack.fixtures"]

PLAIN = """
[[listen]]
address = "127.0.0.1:PORT"
handshake_timeout = "1s"
"""
ROUTES = """
[[route]]
path = "/open"
mode = "echo"
[[route]]
path = "/origins"
mode = "echo"
origins = ["https://example.com", "https://*.example.net"]
[[route]]
path = "/few"
mode = "echo"
max_connections_per_peer = 5
"""
GET = b"GET /origins HTTP/1.1\r\nHost: a\r\n"


def sending(*requests: bytes, count: int = 20) -> Callable[[int, float], Answers]:
    def act(port: int, seconds: float) -> Answers:
        answers: Answers = Counter()
        for data in requests:
            answers += each(port, count, saying(data))
        return answers

    return act


def origin(value: str) -> bytes:
    return request("/origins", {"Origin": value})


# By name: what is sent, and the one status that answers it.
REFUSED: dict[str, tuple[str, list[bytes]]] = {
    "request line of 9 KiB": ("HTTP 414", [b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n"]),
    "header of 9 KiB": ("HTTP 431", [GET + b"X: " + b"a" * 9000]),
    "200 header fields": ("HTTP 431", [GET + b"X: y\r\n" * 200 + b"\r\n"]),
    "folded and duplicate fields": (
        "HTTP 400",
        [
            GET + b"X: a\r\n b\r\n\r\n",
            GET + b"Host: b\r\n\r\n",
            request("/origins").replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Key: a\r\n\r\n"),
        ],
    ),
    "origins that look right": (
        "HTTP 403",
        [
            origin(o)
            for o in (
                "https://evil-example.com",
                "https://example.com.evil.org",
                "https://example.com:444",
                "http://example.com",
                "https://example.net",
                "null",
                "https://user@example.com",
            )
        ],
    ),
    "not HTTP": ("HTTP 400", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 4 + b"\r\n"]),
    "a body on GET": (
        "HTTP 400",
        [request("/origins", {"Content-Length": "5"}) + b"hello"],
    ),
    "frames behind a refused request": (
        "HTTP 404",
        [request("/nowhere") + frame(TEXT, b"x" * 1000) * 100],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(relay_under_attack: ArenaFactory, name: str) -> None:
    status, requests = REFUSED[name]
    with relay_under_attack(PLAIN + ROUTES) as arena:
        count = 20 * len(requests)
        row = arena.run(name, sending(*requests), count, {"handshake": 1})
        assert row.answers == {status: count}
        assert row.entries == {status: count}


def test_half_open(relay_under_attack: ArenaFactory) -> None:
    """Most of a request, and never the rest."""
    count = 1000
    begun = request("/origins")[:-2] + b"X: " + b"x" * 7000

    def act(port: int, seconds: float) -> Answers:
        return hold(port, count, saying(begun), 5)

    with relay_under_attack(PLAIN + ROUTES) as arena:
        row = arena.run("half-open handshakes", act, count, {"handshake": count})
        assert row.answers == {"HTTP 408": count}
        assert row.entries == {"HTTP 408": count}


def test_slowloris(relay_under_attack: ArenaFactory) -> None:
    """The deadline is not put off by what comes."""

    def act(port: int, seconds: float) -> Answers:
        return drip(port, 50, request("/origins"), 0.1, 5)

    with relay_under_attack(PLAIN + ROUTES) as arena:
        row = arena.run("a byte of the request at a time", act, 50, {"handshake": 50})
        assert row.answers == {"HTTP 408": 50}
        assert row.entries == {"HTTP 408": 50}


def test_connections_per_peer(relay_under_attack: ArenaFactory) -> None:
    def act(port: int, seconds: float) -> Answers:
        return hold(port, 200, saying(request("/few")), 1)

    with relay_under_attack(ROUTES) as arena:
        row = arena.run("above max_connections_per_peer", act, 200, {"idle": 200})
        assert row.answers == {"HTTP 429": 195, "HTTP 101": 5}
        assert row.entries == {"HTTP 429": 195, "peer-fin": 5}


def test_churn(relay_under_attack: ArenaFactory) -> None:
    """Connections that are reset as soon as they are made."""

    def act(port: int, seconds: float) -> Answers:
        for _ in range(2000):
            HostileWire.opened(port, "/open").reset()
        return Counter({"connections": 2000})

    with relay_under_attack(PLAIN + ROUTES) as arena:
        row = arena.run("open and reset", act, 2000, {"idle": 100})
        assert row.entries == {"peer-reset": 2000}


PROXY_V2 = b"\r\n\r\n\0\r\nQUIT\n"


def test_proxy_headers(relay_under_attack: ArenaFactory) -> None:
    """On a listener that demands the PROXY protocol."""
    port = free_port()
    listener = f'[[listen]]\naddress = "127.0.0.1:{port}"\nproxy_protocol = true\n'
    listener += 'handshake_timeout = "1s"\n'
    headers = [
        request("/origins"),
        b"PROXY TCP4 999.1.1.1 127.0.0.1 1 2\r\n",
        b"PROXY " + b"A" * 200,
        # 64 KiB of options are announced, a version and a command that there are not.
        PROXY_V2 + b"\x21\x11\xff\xff" + bytes(12),
        PROXY_V2 + b"\x91\x11\x00\x0c" + bytes(12),
        PROXY_V2 + b"\x2f\x11\x00\x0c" + bytes(12),
        # Begun and never finished.
        b"PROXY TCP4 ",
        PROXY_V2[:7],
    ]
    count = 10 * len(headers)

    def act(_: int, seconds: float) -> Answers:
        answers: Answers = Counter()
        for header in headers:
            answers += hold(port, 10, saying(header), 4)
        return answers

    with relay_under_attack(PLAIN + listener + ROUTES) as arena:
        row = arena.run("PROXY headers", act, count, {"handshake": count})
        assert set(row.answers) <= {"HTTP 400", "HTTP 408"}
        assert row.entries == row.answers
