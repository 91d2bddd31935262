"""Three stories of a connection that ends, each with its right code, cause and record.

A connection that vanishes, a peer that breaks the rules, a client that falls silent.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import RelayFactory
from support.daemon import Record
from support.wire import BINARY, CLOSE, PING, TEXT, Wire, close_frame, frame
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

CLIENTS = Path(__file__).parent / "clients"

STRICT = """
[[route]]
path = "/echo"
mode = "echo"
max_message_size = "1KiB"
close_timeout = "300ms"

[[route]]
path = "/text"
mode = "echo"
accept = "text"
"""


@contextmanager
def client_process(url: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A client in a process of its own, connected; and its port."""
    process = subprocess.Popen(
        [sys.executable, str(CLIENTS / "hold.py"), url], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        word, port = process.stdout.readline().split()
        assert word == "open"
        yield process, int(port)
    finally:
        process.kill()
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()


def check_vanished(record: Record, cause: str) -> None:
    assert record["WSRELAY_CAUSE"] == cause
    assert record["WSRELAY_CLOSE_CODE"] == "1006"
    assert record["WSRELAY_CLEAN"] == "no"
    assert record["WSRELAY_INITIATOR"] == "peer"
    assert record["WSRELAY_LAYER"] == "tcp"
    assert record["WSRELAY_CLOSE_ORDER"] == "none"
    assert "WSRELAY_CODE_SENT" not in record and "WSRELAY_CODE_RECEIVED" not in record
    assert int(record["WSRELAY_DURATION_USEC"]) >= int(record["WSRELAY_IDLE_USEC"]) >= 0
    assert record["PRIORITY"] == "5"
    assert f"closed 1006 {cause} /echo 127.0.0.1:" in record["MESSAGE"]


# A connection that vanishes


def test_killed_client(relay: RelayFactory) -> None:
    """The kernel of a killed process sends FIN on its behalf."""
    daemon = relay()
    with client_process(daemon.url()) as (process, port):
        process.kill()
        check_vanished(daemon.closed(peer_port=port), "peer-fin")


def test_fin_without_close(relay: RelayFactory) -> None:
    daemon = relay()
    with Wire.open(daemon.port) as client:
        client.fin()
        check_vanished(daemon.closed(peer_port=client.local_port), "peer-fin")


def test_reset(relay: RelayFactory) -> None:
    daemon = relay()
    with Wire.open(daemon.port) as client:
        client.send(frame(TEXT, b"hello"))
        client.read_frame()
        client.reset()
        record = daemon.closed(peer_port=client.local_port)
    check_vanished(record, "peer-reset")
    assert record["WSRELAY_ERRNO_NAME"] == "ECONNRESET"
    assert record["ERRNO"] == "104"
    assert record["WSRELAY_RX_MESSAGES"] == record["WSRELAY_TX_MESSAGES"] == "1"


# A protocol error

WRONG = {
    "reserved bit": (frame(TEXT, b"x", rsv=4), 1002, "protocol-error"),
    "reserved opcode": (frame(3, b"x"), 1002, "protocol-error"),
    "unmasked": (b"\x81\x01x", 1002, "protocol-error"),
    "continuation of nothing": (frame(0, b"x"), 1002, "protocol-error"),
    "fragmented ping": (frame(PING, b"x", fin=False), 1002, "protocol-error"),
    "long ping": (frame(PING, b"x" * 126), 1002, "protocol-error"),
    "length not minimal": (b"\x82\xfe\x00\x01\0\0\0\0x", 1002, "protocol-error"),
    "length with its top bit": (b"\x82\xff\x80" + b"\0" * 11, 1002, "protocol-error"),
    "close of one byte": (frame(CLOSE, b"\x03"), 1002, "protocol-error"),
    "close with 1005": (close_frame(1005), 1002, "protocol-error"),
    "close with 2999": (close_frame(2999), 1002, "protocol-error"),
    "not UTF-8": (frame(TEXT, b"\xff"), 1007, "invalid-utf8"),
    "not UTF-8, seen early": (frame(TEXT, b"\xc0", fin=False), 1007, "invalid-utf8"),
    "reason not UTF-8": (close_frame(1000, b"\xff"), 1007, "invalid-utf8"),
    "too big": (frame(BINARY, b"x" * 1025), 1009, "message-too-big"),
    "too big in fragments": (
        frame(BINARY, b"x" * 1000, fin=False) + frame(0, b"x" * 25),
        1009,
        "message-too-big",
    ),
    "2^63-1 bytes announced": (b"\x82\xff\x7f" + b"\xff" * 7 + b"\0" * 4, 1009, "message-too-big"),
}


@pytest.mark.parametrize(("sent", "code", "cause"), WRONG.values(), ids=WRONG.keys())
def test_wrong_frame(relay: RelayFactory, sent: bytes, code: int, cause: str) -> None:
    daemon = relay(STRICT)
    with Wire.open(daemon.port) as client:
        # What came before the bad frame is answered before the connection is closed.
        client.send(frame(TEXT, b"good") + sent)
        assert client.read_frame().payload == b"good"
        assert client.read_close()[0] == code
        client.send(close_frame(code))
        client.read_to_end()
        record = daemon.closed(peer_port=client.local_port)
    assert record["WSRELAY_CAUSE"] == cause
    assert record["WSRELAY_CODE_SENT"] == str(code)
    assert record["WSRELAY_INITIATOR"] == "relay"
    assert record["PRIORITY"] == "4"
    assert record["WSRELAY_RX_MESSAGES"] == "1"
    assert record["WSRELAY_CAUSE_DETAIL"]


def test_wrong_kind(relay: RelayFactory) -> None:
    daemon = relay(STRICT)
    with connect(daemon.url("/text")) as client:
        client.send(b"binary")
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(10)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1003
    assert daemon.closed()["WSRELAY_CAUSE"] == "unsupported-data"


def test_largest_message_is_let_through(relay: RelayFactory) -> None:
    daemon = relay(STRICT)
    with Wire.open(daemon.port) as client:
        client.send(frame(BINARY, b"x" * 1024))
        assert client.read_frame().payload == b"x" * 1024
        client.finish()
    assert daemon.closed()["WSRELAY_CAUSE"] == "peer-close"


@pytest.mark.parametrize("code", [1002, 1003, 1007, 1008, 1009, 1010, 1011])
def test_peer_reports_an_error(relay: RelayFactory, code: int) -> None:
    daemon = relay()
    with Wire.open(daemon.port) as client:
        client.send(close_frame(code, b"because"))
        assert client.read_close()[0] == code
        client.read_to_end()
    record = daemon.closed()
    assert record["WSRELAY_CAUSE"] == "peer-close-error"
    assert record["WSRELAY_REASON_RECEIVED"] == "because"


def test_empty_close(relay: RelayFactory) -> None:
    daemon = relay()
    with Wire.open(daemon.port) as client:
        client.send(close_frame())
        assert client.read_close() == (None, b"")
        client.read_to_end()
    record = daemon.closed()
    assert record["WSRELAY_CAUSE"] == "peer-close"
    assert record["WSRELAY_CLOSE_CODE"] == record["WSRELAY_CODE_RECEIVED"] == "1005"


def test_reason_cannot_forge_a_line(relay: RelayFactory) -> None:
    daemon = relay()
    forged = "bye\nWSRELAY_CAUSE=drain\x1b[31m\u2028x"
    with Wire.open(daemon.port) as client:
        client.send(close_frame(3000, forged.encode()))
        client.read_close()
    record = daemon.closed()
    assert record["WSRELAY_CAUSE"] == "peer-close"
    reason = record["WSRELAY_REASON_RECEIVED"]
    assert not set(reason) & set("\n\x1b\u2028") and "bye" in reason


# A silent client

IDLE = """
[[route]]
path = "/echo"
mode = "echo"
idle_timeout = "300ms"
"""
LIVELY = """
[[route]]
path = "/echo"
mode = "echo"
ping_interval = "200ms"
ping_timeout = "300ms"
close_timeout = "300ms"
"""


def test_idle_client(relay: RelayFactory) -> None:
    daemon = relay(IDLE)
    with connect(daemon.url()) as client, pytest.raises(ConnectionClosed) as closed:
        client.recv(10)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1001, "idle timeout")
    record = daemon.closed()
    assert record["WSRELAY_CAUSE"] == "idle-timeout"
    assert record["WSRELAY_CLOSE_CODE"] == record["WSRELAY_CODE_SENT"] == "1001"
    assert record["WSRELAY_INITIATOR"] == "relay"
    assert record["WSRELAY_LAYER"] == "liveness"
    assert record["WSRELAY_CLEAN"] == "yes"
    assert record["PRIORITY"] == "6"
    assert int(record["WSRELAY_DURATION_USEC"]) >= 300_000


def test_stopped_client(relay: RelayFactory) -> None:
    """Its kernel still acknowledges every byte; only the missing pong tells."""
    daemon = relay(LIVELY)
    with client_process(daemon.url()) as (process, port):
        process.send_signal(signal.SIGSTOP)
        record = daemon.closed(peer_port=port)
    assert record["WSRELAY_CAUSE"] == "pong-timeout"
    assert record["WSRELAY_CLOSE_CODE"] == record["WSRELAY_CODE_SENT"] == "1011"
    assert record["WSRELAY_LAYER"] == "liveness"
    assert record["WSRELAY_CLEAN"] == "no"
    assert record["PRIORITY"] == "5"


def test_pongs_keep_a_client(relay: RelayFactory) -> None:
    """Five pings answered, and the connection is still there."""
    daemon = relay(LIVELY)
    with Wire.open(daemon.port) as client:
        for _ in range(5):
            ping = client.read_frame()
            assert ping.opcode == PING
            client.send(frame(10, ping.payload))
        client.finish()
    record = daemon.closed()
    assert record["WSRELAY_CAUSE"] == "peer-close"
    assert int(record["WSRELAY_PING_RTT_USEC"]) > 0
