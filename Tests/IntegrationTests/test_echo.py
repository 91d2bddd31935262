"""Echo, with clients nobody here wrote: websockets (asyncio and sync) and websocket-client."""

from __future__ import annotations

import asyncio
import os

import pytest
import websocket
from conftest import RelayFactory
from support.wire import BINARY, PING, PONG, TEXT, Wire, frame, request
from websockets.asyncio.client import connect as connect_async
from websockets.sync.client import connect

# Around the places where the frame header changes its form, RFC 6455 §5.2.
SIZES = [0, 1, 124, 125, 126, 127, 65534, 65535, 65536, 65537, 1 << 20]


@pytest.mark.parametrize("size", SIZES)
def test_sync_client(relay: RelayFactory, size: int) -> None:
    daemon = relay()
    payload = os.urandom(size)
    with connect(daemon.url(), max_size=None) as client:
        client.send(payload)
        assert client.recv() == payload
        client.send("é" * (size // 2))
        assert client.recv() == "é" * (size // 2)
    record = daemon.closed()
    assert record["WSRELAY_CAUSE"] == "peer-close"
    assert record["WSRELAY_CLOSE_CODE"] == "1000"
    assert record["WSRELAY_CLEAN"] == "yes"
    assert record["WSRELAY_CLOSE_ORDER"] == "received-first"
    assert record["WSRELAY_RX_MESSAGES"] == record["WSRELAY_TX_MESSAGES"] == "2"
    assert record["WSRELAY_RX_BYTES"] == record["WSRELAY_TX_BYTES"] == str(size + size // 2 * 2)


def test_many_asyncio_clients(relay: RelayFactory) -> None:
    daemon = relay()

    async def one(number: int) -> None:
        async with connect_async(daemon.url()) as client:
            for turn in range(50):
                await client.send(f"{number}/{turn}")
            for turn in range(50):
                assert await client.recv() == f"{number}/{turn}"

    async def all_of_them() -> None:
        await asyncio.gather(*(one(number) for number in range(100)))

    asyncio.run(all_of_them())
    assert len(daemon.wait("close", count=100, cause="peer-close", close_code=1000)) == 100


def test_websocket_client(relay: RelayFactory) -> None:
    daemon = relay()
    client = websocket.create_connection(daemon.url(), timeout=10)
    client.send("hello")
    assert client.recv() == "hello"
    client.send_binary(b"\x00\xff")
    assert client.recv() == b"\x00\xff"
    client.close(status=3001, reason=b"done")
    record = daemon.closed()
    assert record["WSRELAY_CODE_RECEIVED"] == "3001"
    assert record["WSRELAY_REASON_RECEIVED"] == "done"


def test_asyncio_client_fragments(relay: RelayFactory) -> None:
    daemon = relay()

    async def talk() -> str | bytes:
        async with connect_async(daemon.url()) as client:
            await client.send(["hel", "lo ", "world"])
            return await client.recv()

    assert asyncio.run(talk()) == "hello world"


def test_control_frames_between_fragments(relay: RelayFactory) -> None:
    """RFC 6455 §5.4: control frames may be injected in the middle of a fragmented message."""
    daemon = relay()
    with Wire.open(daemon.port) as client:
        client.send(frame(TEXT, b"one ", fin=False) + frame(PING, b"now") + frame(0, b"two"))
        pong, echo = client.read_frame(), client.read_frame()
        assert (pong.opcode, pong.payload) == (PONG, b"now")
        assert (echo.opcode, echo.payload) == (TEXT, b"one two")
        client.finish()


def test_order_of_pipelined_messages(relay: RelayFactory) -> None:
    daemon = relay()
    with Wire.open(daemon.port) as client:
        client.send(b"".join(frame(BINARY, bytes([n])) for n in range(200)))
        assert [client.read_frame().payload for _ in range(200)] == [bytes([n]) for n in range(200)]
        client.finish()


def test_message_right_behind_the_handshake(relay: RelayFactory) -> None:
    """A client may send before it has seen the answer; nothing of it may be lost."""
    daemon = relay()
    with Wire(daemon.port) as client:
        client.send(request() + frame(TEXT, b"early"))
        assert client.read_head().startswith("HTTP/1.1 101 ")
        assert client.read_frame().payload == b"early"
        client.finish()
