"""wss://: relaying through TLS, how it ends, and what is said of what fails."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import struct
from collections.abc import Sequence
from typing import Any

import pytest
from conftest import RelayFactory
from support.certificates import Authority, Pair
from support.daemon import Daemon, free_port
from support.secure import BufferedClient, dial, handshake, secure
from support.wire import BINARY, PING, PONG, TEXT, Wire, close_frame, frame, request
from websockets.asyncio.client import connect


async def converse(url: str, messages: Sequence[str | bytes], **options: Any) -> None:
    """Sends all messages while it receives their echoes, on one thread as `Client` says why."""
    async with connect(url, max_size=None, **options) as client:

        async def send_all() -> None:
            for message in messages:
                await client.send(message)

        sending = asyncio.create_task(send_all())
        for message in messages:
            assert await asyncio.wait_for(client.recv(), 20) == message
        await sending


@pytest.mark.parametrize("size", [0, 1, 125, 16_384, 65_536, 1 << 20])
def test_echo(relay: RelayFactory, authority: Authority, local: Pair, size: int) -> None:
    daemon = relay(secure(local.toml))
    url = f"wss://127.0.0.1:{daemon.port}/echo"
    messages: list[str | bytes] = [b"\xa5" * size, "ö" * (size // 2)]
    asyncio.run(converse(url, messages, ssl=authority.client()))
    record = daemon.closed()
    assert record["WSRELAY_CAUSE"] == "peer-close"
    assert record["WSRELAY_CLEAN"] == "yes"
    assert record["WSRELAY_RX_MESSAGES"] == "2"


@pytest.mark.threads
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_many_messages_in_flight(
    relay: RelayFactory, authority: Authority, local: Pair, version: ssl.TLSVersion
) -> None:
    daemon = relay("threads = 2\n" + secure(local.toml))
    url = f"wss://127.0.0.1:{daemon.port}/echo"
    context = authority.client(minimum_version=version, maximum_version=version)
    messages = [str(i) * (i % 700) for i in range(5000)]

    async def several() -> None:
        await asyncio.gather(*(converse(url, messages, ssl=context) for _ in range(4)))

    asyncio.run(several())


@pytest.mark.threads
def test_plain_and_secure_members_of_one_channel(
    relay: RelayFactory, authority: Authority, local: Pair
) -> None:
    port = free_port()
    plain = f'[[listen]]\naddress = "127.0.0.1:{port}"\n'
    daemon = relay("threads = 2\n" + secure(local.toml, plain))
    with (
        dial(daemon, authority, "/broadcast") as first,
        Wire.open(port, "/broadcast") as second,
        dial(daemon, authority, "/broadcast") as third,
    ):
        for message in ("a", "b" * 100_000, "c"):
            second.send(frame(TEXT, message.encode()))
            assert first.hear() == message
            assert third.hear() == message
        first.say("d")
        assert second.read_frame().payload == b"d"


def test_a_slow_reader_gets_everything_in_order(
    relay: RelayFactory, authority: Authority, local: Pair
) -> None:
    text = '[[route]]\npath = "/echo"\nmode = "echo"\nsend_buffer = "64MiB"\n'
    listen = f'[[listen]]\naddress = "127.0.0.1:PORT"\ntls = {local.toml}\n'
    daemon = relay(text + listen)
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", daemon.port))
    messages = [bytes([i % 251]) * (900_000 + i) for i in range(20)]
    url = f"wss://127.0.0.1:{daemon.port}/echo"
    asyncio.run(converse(url, messages, ssl=authority.client(), sock=raw))
    assert daemon.closed()["WSRELAY_CLEAN"] == "yes"


def test_proxy_header_in_front_of_tls(
    relay: RelayFactory, authority: Authority, local: Pair
) -> None:
    daemon = relay(secure(local.toml, "proxy_protocol = true"))
    raw = socket.create_connection(("127.0.0.1", daemon.port), 20)
    raw.sendall(b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n")
    with Wire.over(authority.client().wrap_socket(raw, server_hostname="127.0.0.1")) as wire:
        wire.send(request())
        assert wire.read_head().startswith("HTTP/1.1 101 ")
        wire.finish()
    record = daemon.closed()
    assert record["WSRELAY_PEER"] == "203.0.113.9"
    assert record["WSRELAY_CLEAN"] == "yes"


@pytest.mark.parametrize("pieces", [1, 7, 10_000])
def test_proxy_header_and_hello_in_one_go_or_in_bits(
    relay: RelayFactory, authority: Authority, local: Pair, pieces: int
) -> None:
    daemon = relay(secure(local.toml, "proxy_protocol = true"))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = authority.client().wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    first = b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n" + outgoing.read()
    with socket.create_connection(("127.0.0.1", daemon.port), 20) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(first), pieces):
            raw.sendall(first[start : start + pieces])
        while True:
            incoming.write(raw.recv(65_536))
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                continue
        raw.sendall(outgoing.read())
        client.write(request())
        raw.sendall(outgoing.read())
        answer = b""
        while b"\r\n\r\n" not in answer:
            incoming.write(raw.recv(65_536))
            try:
                answer += client.read()
            except ssl.SSLWantReadError:
                continue
        assert answer.startswith(b"HTTP/1.1 101 ")


# What fails, and what is said of it


def failure(daemon: Daemon) -> tuple[str, str]:
    record = daemon.closed(cause="tls-failure")
    assert record["WSRELAY_CLOSE_CODE"] == "1015"
    assert record["WSRELAY_LAYER"] == "tls"
    assert record["WSRELAY_PHASE"] == "handshake"
    assert record["WSRELAY_CLEAN"] == "no"
    assert len(daemon.find("close")) + len(daemon.find("reject")) == 1
    return record["WSRELAY_INITIATOR"], record["WSRELAY_CAUSE_DETAIL"]


def test_a_plain_request_is_told(relay: RelayFactory, local: Pair) -> None:
    daemon = relay(secure(local.toml))
    with Wire(daemon.port) as wire:
        wire.send(request())
        assert wire.read_to_end().endswith(b"use wss:// in place of ws://.\n")
    assert failure(daemon) == ("relay", "a plain HTTP request where TLS was expected")


def test_nonsense(relay: RelayFactory, local: Pair) -> None:
    daemon = relay(secure(local.toml))
    with Wire(daemon.port) as wire:
        wire.send(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
        wire.read_to_end()
    assert failure(daemon) == ("relay", "what the peer sent is not TLS")


def test_a_client_that_does_not_trust_the_certificate(relay: RelayFactory, local: Pair) -> None:
    daemon = relay(secure(local.toml))
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(daemon, ssl.create_default_context())
    assert failure(daemon) == ("peer", "alert from the peer: unknown CA")


def test_a_client_that_leaves_within_the_handshake(
    relay: RelayFactory, authority: Authority, local: Pair
) -> None:
    daemon = relay(secure(local.toml))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = authority.client().wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    with Wire(daemon.port) as wire:
        wire.send(outgoing.read())
        assert wire.socket.recv(1)
        wire.half_close()
        wire.read_to_end()
    assert failure(daemon) == ("peer", "the peer ended TCP within the TLS handshake")


def test_a_handshake_that_takes_too_long(relay: RelayFactory, local: Pair) -> None:
    daemon = relay(secure(local.toml, 'handshake_timeout = "200ms"'))
    with Wire(daemon.port) as wire:
        wire.send(b"\x16\x03\x01")
        assert wire.read_to_end() == b""
    assert failure(daemon) == ("relay", "handshake_timeout=200ms")


def test_a_request_that_takes_too_long_is_refused_through_tls(
    relay: RelayFactory, authority: Authority, local: Pair
) -> None:
    daemon = relay(secure(local.toml, 'handshake_timeout = "500ms"'))
    with handshake(daemon, authority.client()) as client:
        assert client.recv(4096).startswith(b"HTTP/1.1 408 ")
    assert daemon.wait("reject")[0]["WSRELAY_HTTP_STATUS"] == "408"


def test_no_request_at_all_is_no_failure_of_tls(
    relay: RelayFactory, authority: Authority, local: Pair
) -> None:
    daemon = relay(secure(local.toml))
    Wire(daemon.port).fin()
    assert daemon.closed(cause="peer-fin")["WSRELAY_PHASE"] == "handshake"
    # With TLS 1.3 it would leave tickets unread, which makes its end a reset.
    version = ssl.TLSVersion.TLSv1_2
    handshake(daemon, authority.client(maximum_version=version)).close()
    assert len(daemon.wait("close", 2, cause="peer-fin")) == 2


def test_a_record_that_was_tampered_with(
    relay: RelayFactory, authority: Authority, local: Pair
) -> None:
    daemon = relay(secure(local.toml))
    with Wire.over(handshake(daemon, authority.client())) as wire:
        wire.send(request())
        wire.read_head()
        # Under TLS, on the very same socket.
        raw = socket.socket(fileno=socket.dup(wire.socket.fileno()))
        raw.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)
        with pytest.raises(ssl.SSLError):
            wire.socket.recv(1)
        raw.close()
    record = daemon.closed()
    assert record["WSRELAY_CAUSE"] == "tls-failure"
    assert record["WSRELAY_PHASE"] == "open"
    assert record["WSRELAY_INITIATOR"] == "relay"
    assert "bad record mac" in record["WSRELAY_CAUSE_DETAIL"]


@pytest.mark.parametrize("how", ["tls-then-tcp", "tcp-alone", "reset"])
def test_an_end_without_a_close_frame(
    relay: RelayFactory, authority: Authority, local: Pair, how: str
) -> None:
    daemon = relay(secure(local.toml))
    client = handshake(daemon, authority.client())
    wire = Wire.over(client)
    wire.send(request() + frame(TEXT, b"hello"))
    assert wire.read_head().startswith("HTTP/1.1 101 ")
    assert wire.read_frame().payload == b"hello"
    if how == "tls-then-tcp":
        client.unwrap().close()
    elif how == "tcp-alone":
        client.close()
    else:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    record = daemon.closed()
    assert record["WSRELAY_CAUSE"] == ("peer-reset" if how == "reset" else "peer-fin")
    assert record["WSRELAY_CLOSE_CODE"] == "1006"


def opened_member(daemon: Daemon, authority: Authority, port: int, how: str) -> Wire:
    """A member of /large, where `port` is the one without TLS."""
    member: Wire
    if how == "plain":
        member = Wire(port)
    elif how == "tls":
        member = Wire.over(handshake(daemon, authority.client()))
    else:
        member = BufferedClient(daemon.port, authority)
    member.send(request("/large"))
    assert member.read_head().startswith("HTTP/1.1 101 ")
    return member


@pytest.mark.parametrize("how", ["plain", "tls", "close_notify"])
def test_what_waits_reaches_a_peer_that_ends_tcp_behind_its_close(
    relay: RelayFactory, authority: Authority, local: Pair, how: str
) -> None:
    port = free_port()
    more = f'[[listen]]\naddress = "127.0.0.1:{port}"\n'
    more += '[[route]]\npath = "/large"\nmode = "broadcast"\nsend_buffer = "64MiB"\n'
    daemon = relay(secure(local.toml, more))
    # More than any socket takes.
    message, count = b"\xa5" * 65_536, 256
    with (
        Wire.open(port, "/large") as sender,
        opened_member(daemon, authority, port, how) as member,
        # Under TLS, which goes on being read.
        socket.socket(fileno=socket.dup(member.socket.fileno())) as tcp,
    ):
        for _ in range(count):
            sender.send(frame(BINARY, message))
        # The second Pong comes of a later turn than the last message.
        for _ in range(2):
            sender.send(frame(PING))
            assert sender.read_frame().opcode == PONG
        if isinstance(member, BufferedClient):
            member.send_last(close_frame(1000))
        else:
            member.send(close_frame(1000))
        tcp.shutdown(socket.SHUT_WR)
        for _ in range(count):
            assert member.read_frame().payload == message
        assert member.read_close()[0] == 1000
        assert member.read_to_end() == b""
        record = daemon.closed()
    assert record["WSRELAY_CAUSE"] == "peer-close"
    assert record["WSRELAY_CLEAN"] == "yes"


def test_a_stop_says_goodbye_through_tls(
    relay: RelayFactory, authority: Authority, local: Pair
) -> None:
    daemon = relay(secure(local.toml))
    with Wire.over(handshake(daemon, authority.client())) as wire:
        wire.send(request())
        wire.read_head()
        daemon.signal(signal.SIGTERM)
        assert wire.read_close()[0] == 1001
        wire.send(frame(8, b"\x03\xe9"))
        # The end of TLS, then of TCP: nothing was cut off.
        assert wire.read_to_end() == b""
    assert daemon.wait_exit() == 0
    assert daemon.closed(cause="drain")["WSRELAY_CLEAN"] == "yes"
