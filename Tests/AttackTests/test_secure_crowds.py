"""Crowds before a listener with TLS: no stranger can ask for anything that costs more."""

from __future__ import annotations

import os
import ssl
from collections import Counter
from contextlib import ExitStack, suppress

import pytest
from attack.arena import ArenaFactory
from attack.hostile import Answers, HostileWire
from support.certificates import Authority, Pair
from support.daemon import free_port

pytest_plugins = ["attack.fixtures"]

ROUTES = '[[route]]\npath = "/echo"\nmode = "echo"\n'
PLAIN = '[[listen]]\naddress = "127.0.0.1:PORT"\n'
COUNT = 500
NOISE = 200


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def listener(port: int, pair: Pair) -> str:
    return f'[[listen]]\naddress = "127.0.0.1:{port}"\ntls = {pair.toml}\n'


class Handshake:
    """A client's part of a TLS handshake, apart from any socket."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="127.0.0.1")
        self.go_on()

    def go_on(self) -> bool:
        """Whether it is done."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def finish(self, wire: HostileWire) -> str:
        """Takes what the relay says until it is done, or is not going to be."""
        while data := wire.socket.recv(1 << 16):
            self.incoming.write(data)
            if self.go_on():
                wire.send(self.outgoing.read())
                return "TLS"
        return "FIN"


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_handshakes(relay_under_attack: ArenaFactory, authority: Authority, kind: str) -> None:
    """All say hello at the same moment, and not a word once the relay has signed for them."""
    port = free_port()
    pair = authority.issue("IP:127.0.0.1", kind=kind, label=kind)

    def act(_: int, seconds: float) -> Answers:
        context = authority.client()
        answers: Answers = Counter()
        with ExitStack() as stack:
            # What a hello costs its sender is spent before.
            handshakes = [Handshake(context) for _ in range(COUNT)]
            wires = [stack.enter_context(HostileWire(port)) for _ in range(COUNT)]
            for wire, handshake in zip(wires, handshakes, strict=True):
                wire.send(handshake.outgoing.read())
            for wire, handshake in zip(wires, handshakes, strict=True):
                answers[handshake.finish(wire)] += 1
        return answers

    with relay_under_attack(PLAIN + listener(port, pair) + ROUTES) as arena:
        row = arena.run(f"{COUNT} TLS handshakes at once, {kind}", act, COUNT, {"tls": COUNT})
        assert row.answers == {"TLS": COUNT}
        # A reset is the kernel's: they leave without having read the tickets.
        assert set(row.entries) <= {"peer-reset", "peer-fin"}


def test_noise(relay_under_attack: ArenaFactory, authority: Authority) -> None:
    """What is no TLS, what begins as if it were, and a hello that never ends."""
    port = free_port()
    pair = authority.issue("IP:127.0.0.1", label="noise")
    begun = b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03"
    noise = [os.urandom(4000), begun + os.urandom(8000), b"GET /echo HTTP/1.1\r\n\r\n"]

    def act(_: int, seconds: float) -> Answers:
        answers: Answers = Counter()
        for number in range(NOISE):
            with HostileWire(port) as wire, suppress(ConnectionError):
                wire.send(noise[number % len(noise)])
                wire.half_close()
                answers["HTTP 400" if wire.read_to_end().startswith(b"HTTP") else "end"] += 1
        return answers

    with relay_under_attack(PLAIN + listener(port, pair) + ROUTES) as arena:
        row = arena.run("no TLS where it is demanded", act, NOISE, {"tls": 1})
        assert row.answers["HTTP 400"] == NOISE // len(noise)
        assert row.entries == {"tls-failure": NOISE}
