"""How each cause of a close is brought about by a client, and the record it must leave.

Each case is one connection to the routes below, of a daemon that many cases share. What needs a
daemon, a kernel or a network of its own is in test_causes.py and test_network.py.

Longer than 450 lines because it is one table, in which every field of every record is written out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import websocket
from support.daemon import Daemon, Record
from support.deadlines import eventually
from support.wire import BINARY, TEXT, Wire, close_frame, frame
from websockets.exceptions import ConnectionClosed
from websockets.http11 import USER_AGENT
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from records.expected import close_fields, peer_closed, relay_closed, unanswered

ROUTES = """
threads = 1
[drain]
grace = "1s"
[[route]]
path = "/echo"
mode = "echo"
[[route]]
path = "/deflate"
mode = "echo"
compression = "on"
[[route]]
path = "/small"
mode = "echo"
max_message_size = "1KiB"
close_timeout = "300ms"
[[route]]
path = "/text"
mode = "echo"
accept = "text"
[[route]]
path = "/idle"
mode = "echo"
idle_timeout = "200ms"
close_timeout = "200ms"
[[route]]
path = "/life"
mode = "echo"
max_lifetime = "200ms"
[[route]]
path = "/lively"
mode = "echo"
ping_interval = "100ms"
ping_timeout = "200ms"
close_timeout = "200ms"
[[route]]
path = "/rate"
mode = "echo"
max_message_rate = 5
[[route]]
path = "/room/{name}"
mode = "broadcast"
subprotocols = ["chat.v2"]
[[route]]
path = "/crowd/{name}"
mode = "broadcast"
send_buffer = "64KiB"
max_message_size = "32KiB"
close_timeout = "200ms"
[[route]]
path = "/newest/{name}"
mode = "broadcast"
send_buffer = "64KiB"
max_message_size = "32KiB"
slow_consumer = "drop-newest"
[[route]]
path = "/oldest/{name}"
mode = "broadcast"
send_buffer = "64KiB"
max_message_size = "32KiB"
slow_consumer = "drop-oldest"
"""

# Acts as a client and returns the port it did so from.
Act = Callable[[Daemon], int]


@dataclass(frozen=True)
class Case:
    """One way to end a connection, and its record, but for peer, port and listener."""

    act: Act
    record: Record
    forms: Record = field(default_factory=dict)


def wire(
    *sent: bytes,
    path: str = "/echo",
    headers: dict[str, str] | None = None,
    close: bytes | None = None,
) -> Act:
    """Opens, sends, reads until the relay's Close frame, may answer it, and waits for FIN."""

    def act(daemon: Daemon) -> int:
        with Wire.open(daemon.port, path, headers) as client:
            client.send(b"".join(sent))
            client.read_close()
            if close is not None:
                client.send(close)
            client.read_to_end()
            return client.local_port

    return act


def silent(path: str) -> Act:
    """Opens and says nothing more; the socket stays open until the relay has given it up."""

    def act(daemon: Daemon) -> int:
        with Wire.open(daemon.port, path) as client:
            daemon.wait("close", peer_port=client.local_port)
            return client.local_port

    return act


# Clients that nobody here wrote


def websockets_closes(daemon: Daemon) -> int:
    with connect(daemon.url("/room/a"), subprotocols=[CHAT], origin=ORIGIN) as client:
        port = int(client.local_address[1])
        client.send("hello")
        client.close(1001, "leaving, grüße")
    return port


def websockets_is_closed(path: str, *sent: str | bytes) -> Act:
    """Sends and reads until the relay closes; the client answers by itself."""

    def act(daemon: Daemon) -> int:
        with connect(daemon.url(path)) as client:
            port = int(client.local_address[1])
            for message in sent:
                client.send(message)
            with contextlib.suppress(ConnectionClosed):
                for _ in client:
                    pass
        return port

    return act


def websocket_client_closes(daemon: Daemon) -> int:
    client = websocket.create_connection(daemon.url("/text"), suppress_origin=True)
    assert client.sock is not None
    port = int(client.sock.getsockname()[1])
    client.send("hello")
    assert client.recv() == "hello"
    client.close(1000, b"done")
    return port


# Ends without a closing handshake


def vanish(how: Callable[[Wire], None], *sent: bytes) -> Act:
    """An open connection that says something, has its echo, and is gone."""

    def act(daemon: Daemon) -> int:
        with Wire.open(daemon.port) as client:
            for data in sent:
                client.send(data)
                client.read_frame()
            how(client)
            return client.local_port

    return act


def vanish_early(how: Callable[[Wire], None]) -> Act:
    """A connection that is gone in the midst of its request."""

    def act(daemon: Daemon) -> int:
        known = daemon.descriptor_count()
        with Wire(daemon.port) as client:
            client.send(b"GET /echo HTTP/1.1\r\nHo")
            # A reset before the relay has accepted would leave it nothing to record.
            eventually(lambda: daemon.descriptor_count() > known, "accepted")
            how(client)
            return client.local_port

    return act


def keep_after_close(daemon: Daemon) -> int:
    """Begins the closing handshake and then keeps TCP open."""
    with Wire.open(daemon.port, "/small") as client:
        client.send(close_frame(1000))
        client.read_close()
        daemon.wait("close", peer_port=client.local_port)
        return client.local_port


def fin_after_close(daemon: Daemon) -> int:
    """Ends TCP on the relay's Close frame and does not answer it."""
    with Wire.open(daemon.port, "/life") as client:
        client.read_close()
        client.fin()
        return client.local_port


def read_nothing(daemon: Daemon) -> int:
    """A member that reads nothing, of a channel in which another one says a lot."""
    with Wire.open(daemon.port, "/crowd/x") as slow, Wire.open(daemon.port, "/crowd/x") as loud:
        while not daemon.find("close", peer_port=slow.local_port):
            loud.send(frame(BINARY, bytes(1 << 14)) * 64)
        loud.finish()
        return slow.local_port


CHAT = Subprotocol("chat.v2")
ORIGIN = Origin("https://example.org")

# What the relay tells a peer that has broken a rule.
TOO_BIG = "message of 1025 bytes, limit 1024"
UNMASKED = "client frame not masked (RFC 6455 5.1)"
NOT_DEFLATE = "compressed message does not inflate (RFC 7692 7.2.2)"
NOT_UTF8 = "text is not UTF-8 (RFC 6455 8.1)"
REASON_NOT_UTF8 = "close reason is not UTF-8 (RFC 6455 5.5.1)"
WRONG_KIND = "binary is not accepted here"

CASES: dict[str, Case] = {
    # The peer closes
    "peer-close by a browser's manners": Case(
        websockets_closes,
        close_fields(
            "peer-close",
            "/room/a",
            peer_closed(1001),
            rx=(1, 5),
            reason_received="leaving, grüße",
            route="/room/{name}",
            channel="/room/a",
            origin=ORIGIN,
            user_agent=USER_AGENT,
            subprotocol=CHAT,
        ),
    ),
    "peer-close by websocket-client": Case(
        websocket_client_closes,
        close_fields(
            "peer-close", "/text", peer_closed(1000), rx=(1, 5), tx=(1, 5), reason_received="done"
        ),
    ),
    "peer-close without a code": Case(
        wire(close_frame()), close_fields("peer-close", "/echo", peer_closed(1005))
    ),
    "peer-close with a code of its own": Case(
        wire(frame(TEXT, b"12345678"), close_frame(4000, b"mine")),
        close_fields(
            "peer-close", "/echo", peer_closed(4000), rx=(1, 8), tx=(1, 8), reason_received="mine"
        ),
    ),
    "peer-close-error": Case(
        wire(close_frame(1011, b"out of cheese")),
        # No script can send this code, so a browser had failed the connection by itself.
        close_fields(
            "peer-close-error",
            "/echo",
            replace(peer_closed(1011), saw="1006 wasClean=false"),
            reason_received="out of cheese",
        ),
    ),
    "close-timeout": Case(
        keep_after_close,
        close_fields(
            "close-timeout",
            "/small",
            replace(peer_closed(1000), clean=False),
            cause_detail="close_timeout=300ms",
        ),
    ),
    # TCP ends
    "peer-fin": Case(
        vanish(Wire.fin, frame(BINARY, b"123")),
        close_fields("peer-fin", "/echo", rx=(1, 3), tx=(1, 3)),
    ),
    "peer-fin in the handshake": Case(
        vanish_early(Wire.fin), close_fields("peer-fin", None, phase="handshake")
    ),
    "peer-reset": Case(
        vanish(Wire.reset, frame(TEXT, b"1"), frame(TEXT, b"22")),
        close_fields("peer-reset", "/echo", errno=104, rx=(2, 3), tx=(2, 3)),
    ),
    "peer-reset in the handshake": Case(
        vanish_early(Wire.reset), close_fields("peer-reset", None, phase="handshake", errno=104)
    ),
    # Time passes
    "idle-timeout": Case(
        websockets_is_closed("/idle"),
        close_fields(
            "idle-timeout",
            "/idle",
            relay_closed(1001),
            reason_sent="idle timeout",
            reason_received="idle timeout",
            cause_detail="idle_timeout=200ms",
            user_agent=USER_AGENT,
        ),
    ),
    "idle-timeout, and no answer": Case(
        silent("/idle"),
        close_fields(
            "idle-timeout",
            "/idle",
            unanswered(1001),
            reason_sent="idle timeout",
            cause_detail="idle_timeout=200ms close_timeout=200ms",
        ),
    ),
    "pong-timeout": Case(
        silent("/lively"),
        close_fields(
            "pong-timeout",
            "/lively",
            unanswered(1011),
            reason_sent="pong timeout",
            cause_detail="ping_timeout=200ms unsent=0 close_timeout=200ms",
        ),
    ),
    "max-lifetime": Case(
        wire(path="/life", close=close_frame(1001, b"see you")),
        close_fields(
            "max-lifetime",
            "/life",
            relay_closed(1001),
            reason_sent="maximum lifetime",
            reason_received="see you",
            cause_detail="max_lifetime=200ms",
        ),
    ),
    "max-lifetime, and FIN in place of an answer": Case(
        fin_after_close,
        close_fields(
            "max-lifetime",
            "/life",
            unanswered(1001),
            reason_sent="maximum lifetime",
            cause_detail="max_lifetime=200ms",
        ),
    ),
    # The peer breaks a rule
    "protocol-error": Case(
        wire(frame(TEXT, b"good"), b"\x81\x01x"),
        close_fields(
            "protocol-error",
            "/echo",
            replace(unanswered(1002), saw="1002 wasClean=true"),
            rx=(1, 4),
            tx=(1, 4),
            reason_sent=UNMASKED,
            cause_detail=UNMASKED,
        ),
    ),
    "unsupported-data": Case(
        websockets_is_closed("/text", "text", b"binary"),
        close_fields(
            "unsupported-data",
            "/text",
            relay_closed(1003),
            rx=(1, 4),
            tx=(1, 4),
            reason_sent=WRONG_KIND,
            reason_received=WRONG_KIND,
            cause_detail="accept=text got=binary",
            user_agent=USER_AGENT,
        ),
    ),
    "invalid-utf8": Case(
        wire(frame(TEXT, b"\xc3("), close=close_frame(1007)),
        close_fields(
            "invalid-utf8",
            "/echo",
            relay_closed(1007),
            reason_sent=NOT_UTF8,
            cause_detail=NOT_UTF8,
        ),
    ),
    "invalid-utf8 in a close reason": Case(
        wire(close_frame(1000, b"\xff")),
        close_fields(
            "invalid-utf8",
            "/echo",
            replace(unanswered(1007), saw="1007 wasClean=true"),
            reason_sent=REASON_NOT_UTF8,
            cause_detail=REASON_NOT_UTF8,
        ),
    ),
    "invalid-deflate": Case(
        wire(
            frame(TEXT, b"\xff\xff", rsv=4),
            path="/deflate",
            headers={"Sec-WebSocket-Extensions": "permessage-deflate"},
            close=close_frame(1007),
        ),
        close_fields(
            "invalid-deflate",
            "/deflate",
            relay_closed(1007),
            reason_sent=NOT_DEFLATE,
            cause_detail=NOT_DEFLATE,
        ),
    ),
    "message-too-big": Case(
        websockets_is_closed("/small", b"x" * 1025),
        close_fields(
            "message-too-big",
            "/small",
            relay_closed(1009),
            reason_sent=TOO_BIG,
            reason_received=TOO_BIG,
            cause_detail="max_message_size=1024 got=1025",
            user_agent=USER_AGENT,
        ),
    ),
    "rate-limit": Case(
        # In one segment: the relay takes them at one instant.
        wire(frame(TEXT, b"x") * 6, path="/rate", close=close_frame(1008)),
        close_fields(
            "rate-limit",
            "/rate",
            relay_closed(1008),
            rx=(5, 5),
            tx=(5, 5),
            reason_sent="more than 5 messages a second",
            cause_detail="max_message_rate=5",
        ),
    ),
    "slow-consumer": Case(
        read_nothing,
        close_fields(
            "slow-consumer",
            "/crowd/x",
            unanswered(1013),
            reason_sent="slow consumer",
            route="/crowd/{name}",
            channel="/crowd/x",
        ),
        {
            "WSRELAY_CAUSE_DETAIL": r"send_buffer=65536 waiting=\d+ close_timeout=200ms",
            "WSRELAY_TX_MESSAGES": r"[1-9]\d*",
            "WSRELAY_TX_BYTES": r"[1-9]\d*",
            "WSRELAY_DROPPED_MESSAGES": r"[1-9]\d*",
            "WSRELAY_UNSENT_BYTES": r"[1-9]\d*",
        },
    ),
}
