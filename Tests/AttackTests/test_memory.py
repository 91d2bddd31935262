"""Peers that make the relay hold what it can neither send nor use."""

from __future__ import annotations

import time
import zlib
from collections import Counter
from contextlib import ExitStack, suppress

from attack.arena import Act, ArenaFactory
from attack.bound import KIB, MIB, Bound
from attack.hostile import Answers, Flood, HostileWire, answers_of, each, masked_flood, saying
from support.deadlines import DEADLINE
from support.wire import BINARY, CONTINUATION, PING, TEXT, frame, request

pytest_plugins = ["attack.fixtures"]

CROWD = """
[[route]]
path = "/crowd"
mode = "broadcast"
send_buffer = "256KiB"
max_message_size = "64KiB"
"""
CROWD_BOUND = Bound(send_buffer=256 * KIB, max_message_size=64 * KIB)
OFFER = {"Sec-WebSocket-Extensions": "permessage-deflate"}


def deflate(data: bytes) -> bytes:
    """RFC 7692 §7.2.1: without the last four bytes of a flush."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]


def publishing(members: int, path: str, data: bytes, pings: bytes = b"", at_least: int = 0) -> Act:
    """Members that read nothing, and one that publishes as fast as it can, `at_least` so many bytes
    if the machine is slow."""

    def act(port: int, seconds: float) -> Answers:
        with ExitStack() as stack:
            slow = [
                stack.enter_context(HostileWire.opened(port, path, receive_buffer=4096))
                for _ in range(members)
            ]
            loud = stack.enter_context(HostileWire.opened(port, path))
            publisher = Flood([loud], data)
            end = time.monotonic() + seconds
            latest = end + DEADLINE
            while (now := time.monotonic()) < end or (publisher.sent < at_least and now < latest):
                publisher.run(0.05)
                for wire in slow if pings else []:
                    wire.socket.setblocking(False)
                    with suppress(OSError):
                        wire.socket.send(pings)
            # Those who are kept are answered by nothing but what they do not read.
            return Counter({"kept": members}) if pings else answers_of(slow, 0.3)

    return act


def test_slow_consumers(relay_under_attack: ArenaFactory) -> None:
    with relay_under_attack(CROWD, CROWD_BOUND) as arena:
        # Beyond what the sockets of the publisher and of a member hold, and the relay for it.
        act = publishing(50, "/crowd", frame(BINARY, bytes(16 << 10)) * 4, at_least=64 * MIB)
        row = arena.run("slow consumers, disconnect", act, 51, {"worst": 51})
        assert row.entries == {"slow-consumer": 50, "peer-fin": 1}


def test_slow_consumers_that_are_kept(relay_under_attack: ArenaFactory) -> None:
    """Under drop-oldest, with a Ping between the messages: blocks must not be pinned by Pongs."""
    with relay_under_attack(CROWD + 'slow_consumer = "drop-oldest"\n', CROWD_BOUND) as arena:
        act = publishing(50, "/crowd", frame(BINARY, bytes(16 << 10)) * 4, frame(PING, b"x"))
        row = arena.run("slow consumers, drop-oldest, pings", act, 51, {"worst": 51})
        assert sum(row.entries.values()) == 51
        assert set(row.entries) <= {"peer-fin", "peer-reset", "slow-consumer"}


def test_everybody_holds_a_lot(relay_under_attack: ArenaFactory) -> None:
    """Each within its own bound, all together above that of the process."""
    text = (
        'max_buffer_memory = "64MiB"\n[[route]]\npath = "/crowd"\nmode = "broadcast"\n'
        'send_buffer = "16MiB"\n'
    )
    bound = Bound(send_buffer=16 * MIB, max_buffer_memory=64 * MIB)
    with relay_under_attack(text, bound) as arena:
        act = publishing(40, "/crowd", frame(BINARY, bytes(60 << 10)) * 4)
        row = arena.run("slow consumers above max_buffer_memory", act, 41, {"waiting": 41})
        assert row.entries["shed"] >= 10, row
        assert set(row.entries) <= {"shed", "slow-consumer", "peer-fin", "peer-reset"}


def test_messages_that_are_never_finished(relay_under_attack: ArenaFactory) -> None:
    text = 'max_buffer_memory = "64MiB"\n[[route]]\npath = "/echo"\nmode = "echo"\n'
    begun = frame(BINARY, bytes(1 << 20))[:-1]

    def act(port: int, seconds: float) -> Answers:
        with ExitStack() as stack:
            wires = [stack.enter_context(HostileWire.opened(port, "/echo")) for _ in range(100)]
            for wire in wires:
                wire.send(begun)
            return answers_of(wires, seconds / 2)

    with relay_under_attack(text, Bound(max_buffer_memory=64 * MIB)) as arena:
        row = arena.run("messages never finished", act, 100, {"receiving": 100})
        assert row.answers["1013"] == row.entries["shed"] >= 36, row
        assert set(row.entries) == {"shed", "peer-fin"}


def test_fragments_that_are_never_finished(relay_under_attack: ArenaFactory) -> None:
    """Fragments are bounded by the bytes they hold, not by their number."""
    text = '[[route]]\npath = "/echo"\nmode = "echo"\nmax_message_size = "64KiB"\n'
    fragments = masked_flood([(BINARY, b"a")], 1) + masked_flood([(CONTINUATION, b"b")], 1) * 65_600

    def act(port: int, seconds: float) -> Answers:
        return each(port, 50, saying(fragments), "/echo")

    with relay_under_attack(text, Bound(max_message_size=64 * KIB)) as arena:
        row = arena.run("fragments never finished", act, 50, {"receiving": 1})
        assert row.answers == {"1009": 50}
        assert row.entries == {"message-too-big": 50}


def test_decompression_bomb(relay_under_attack: ArenaFactory) -> None:
    text = (
        '[[route]]\npath = "/deflate"\nmode = "echo"\ncompression = "on"\n'
        'max_message_size = "64KiB"\n'
    )
    # 60 MB in less than 64 KiB: within what a compressed message may have.
    bomb = frame(TEXT, deflate(bytes(60_000_000)), rsv=4)

    def act(port: int, seconds: float) -> Answers:
        answers: Answers = Counter()
        for _ in range(100):
            with HostileWire.opened(port, "/deflate", OFFER) as wire:
                wire.send(bomb)
                answers[wire.answer()] += 1
        return answers

    with relay_under_attack(text, Bound(max_message_size=64 * KIB, compression="on")) as arena:
        row = arena.run("decompression bombs", act, 100, {"worst": 1})
        assert row.answers == {"1009": 100}
        assert row.entries == {"message-too-big": 100}


def test_contexts_are_hoarded(relay_under_attack: ArenaFactory) -> None:
    """Each connection has a message of its own put into both contexts, and stays."""
    text = '[[route]]\npath = "/context"\nmode = "echo"\ncompression = "context"\n'
    message = frame(TEXT, deflate(b"0123456789abcdef" * 4096), rsv=4)
    count = 500

    def act(port: int, seconds: float) -> Answers:
        with ExitStack() as stack:
            for _ in range(count):
                wire = stack.enter_context(HostileWire.opened(port, "/context", OFFER))
                wire.send(message)
                assert wire.read_frame().opcode == TEXT
        return Counter({"contexts": count})

    with relay_under_attack(text, Bound(compression="context")) as arena:
        row = arena.run("contexts are hoarded", act, count, {"idle": count})
        # What it was sent and did not read makes its end a reset.
        assert row.entries["peer-fin"] + row.entries["peer-reset"] == count


def test_contexts_above_the_bound(relay_under_attack: ArenaFactory) -> None:
    """Where there is no memory for contexts, clients are let in without."""
    text = (
        'max_buffer_memory = "16MiB"\n'
        '[[route]]\npath = "/context"\nmode = "echo"\ncompression = "context"\n'
    )
    count = 400

    def act(port: int, seconds: float) -> Answers:
        answers: Answers = Counter()
        with ExitStack() as stack:
            for _ in range(count):
                wire = stack.enter_context(HostileWire(port))
                wire.send(request("/context", OFFER))
                head = wire.read_head()
                kept = "server_no_context_takeover" not in head
                answers["contexts" if kept else "no context"] += 1
        return answers

    bound = Bound(compression="context", max_buffer_memory=16 * MIB)
    with relay_under_attack(text, bound) as arena:
        row = arena.run("contexts above max_buffer_memory", act, count, {"idle": count})
        assert row.answers["contexts"] >= 150 and row.answers["no context"] >= 150
        assert row.entries == {"peer-fin": count}
