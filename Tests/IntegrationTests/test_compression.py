"""permessage-deflate (RFC 7692) with clients that have an implementation of their own."""

from __future__ import annotations

import random
import string
import zlib
from contextlib import ExitStack

import pytest
from conftest import RelayFactory
from support.wire import BINARY, TEXT, Wire, frame
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import ClientConnection, connect

CONFIG = """
threads = 2

[[route]]
path = "/echo/on"
mode = "echo"
compression = "on"

[[route]]
path = "/echo/context"
mode = "echo"
compression = "context"

[[route]]
path = "/room/on"
mode = "broadcast"
compression = "on"

[[route]]
path = "/room/context"
mode = "broadcast"
compression = "context"
"""

MIB = 1 << 20


def texts(seed: int, count: int, size: int) -> list[str]:
    """Messages of many sizes that compress more or less well."""
    source = random.Random(seed)
    words = ["relay", "grüße", "日本", "temperature", "{}", "0.25", "\N{PILE OF POO}"]
    messages = []
    for _ in range(count):
        length = source.choice([0, 1, 10, 63, 64, 125, 126, 1000, size])
        text = " ".join(source.choice(words) for _ in range(length // 4 + 1))
        noise = "".join(source.choice(string.printable) for _ in range(length // 10))
        messages.append((text + noise)[:length])
    return messages


def compressing(url: str, **parameters: int | bool) -> ClientConnection:
    """A client that offers compression with these parameters only."""
    client = connect(
        url,
        compression=None,
        extensions=[ClientPerMessageDeflateFactory(**parameters)],  # type: ignore[arg-type]
        max_size=4 * MIB,
    )
    assert client.protocol.extensions, "compression was not agreed on"
    return client


@pytest.mark.threads
@pytest.mark.parametrize("mode", ["on", "context"])
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"client_max_window_bits": True},
        {"client_max_window_bits": 10, "server_max_window_bits": 10},
        {"server_max_window_bits": 9, "server_no_context_takeover": True},
        {"client_no_context_takeover": True},
    ],
)
def test_echo(relay: RelayFactory, mode: str, parameters: dict[str, int | bool]) -> None:
    daemon = relay(CONFIG)
    with compressing(daemon.url(f"/echo/{mode}"), **parameters) as client:
        for text in texts(1, 50, 60_000):
            client.send(text)
            assert client.recv(10) == text
            client.send(text.encode())
            assert client.recv(10) == text.encode()
        client.send(["frag", "ments ", "of one message " * 100])
        assert client.recv(10) == "fragments " + "of one message " * 100


@pytest.mark.threads
@pytest.mark.parametrize("mode", ["on", "context"])
def test_broadcast_to_members_of_every_kind(relay: RelayFactory, mode: str) -> None:
    daemon = relay(CONFIG)
    url = daemon.url(f"/room/{mode}")
    kinds: list[dict[str, int]] = [{}, {}, {}, {"server_max_window_bits": 9}]
    with ExitStack() as stack:
        clients = [
            stack.enter_context(connect(url, compression=None, max_size=4 * MIB)) for _ in range(2)
        ]
        clients += [stack.enter_context(compressing(url, **kind)) for kind in kinds]
        sent = [
            [f"{index} {text}" for text in texts(10 + index, 40, 30_000)]
            for index in range(len(clients))
        ]
        for turn in zip(*sent, strict=True):
            for client, text in zip(clients, turn, strict=True):
                client.send(text)
        for index, client in enumerate(clients):
            received: list[list[str]] = [[] for _ in clients]
            for _ in range(sum(map(len, sent)) - len(sent[index])):
                text = str(client.recv(20))
                received[int(text.split(" ")[0])].append(text)
            expected = [[] if n == index else texts for n, texts in enumerate(sent)]
            assert received == expected, f"member {index}"


def test_browser_like_default_of_a_client(relay: RelayFactory) -> None:
    daemon = relay(CONFIG)
    with connect(daemon.url("/echo/on")) as client:
        assert client.response is not None
        assert "permessage-deflate" in client.response.headers["Sec-WebSocket-Extensions"]
        client.send("hello " * 100)
        assert client.recv(10) == "hello " * 100


@pytest.mark.parametrize("mode", ["on", "context"])
def test_decompression_bomb(relay: RelayFactory, mode: str) -> None:
    """A gigabyte in one megabyte: the relay stops inflating at the limit of a message."""
    daemon = relay(CONFIG)
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = b"".join(deflater.compress(bytes(MIB)) for _ in range(1000))
    bomb += deflater.flush(zlib.Z_SYNC_FLUSH)[:-4]
    assert len(bomb) < MIB
    before = daemon.memory_kib("VmHWM")
    for _ in range(20):
        headers = {"Sec-WebSocket-Extensions": "permessage-deflate"}
        with Wire.open(daemon.port, f"/echo/{mode}", headers) as wire:
            wire.send(frame(BINARY, bomb, rsv=4))
            assert wire.read_close()[0] == 1009
            wire.reset()
    assert daemon.memory_kib("VmHWM") - before < 16 << 10
    records = daemon.wait("close", 20)
    assert {r["WSRELAY_CAUSE"] for r in records} == {"message-too-big"}
    assert {r["WSRELAY_CAUSE_DETAIL"] for r in records} == {
        f"max_message_size={MIB} got=more, inflated"
    }


def test_broken_compression(relay: RelayFactory) -> None:
    daemon = relay(CONFIG)
    headers = {"Sec-WebSocket-Extensions": "permessage-deflate"}
    with Wire.open(daemon.port, "/echo/on", headers) as wire:
        wire.send(frame(TEXT, b"\xff\xff\xff", rsv=4))
        code, reason = wire.read_close()
        assert code == 1007 and b"7692" in reason
        record = daemon.closed(cause="invalid-deflate")
        assert record["WSRELAY_CODE_SENT"] == "1007" and record["WSRELAY_LAYER"] == "frame"
