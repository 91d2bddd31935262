"""Peers that break the rules of framing, and ends that race with data."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from attack.arena import ArenaFactory
from attack.bound import KIB, Bound
from attack.hostile import Answers, HostileWire, each, saying
from support.wire import BINARY, CLOSE, CONTINUATION, PING, TEXT, close_frame, frame

pytest_plugins = ["attack.fixtures"]

ROUTES = """
[[route]]
path = "/echo"
mode = "echo"
max_message_size = "256KiB"
[[route]]
path = "/member"
mode = "broadcast"
"""
COUNT = 20
KEY = b"\0\0\0\0"


def length(head: bytes) -> bytes:
    """A binary frame that announces a length in these bytes."""
    return b"\x82" + head + KEY + b"some"


# By name: what is sent, the code that answers it, the cause in the entry.
BROKEN: dict[str, tuple[list[bytes], str, str]] = {
    "64-bit lengths that cannot be": (
        [
            length(b"\xff" + b"\xff" * 8),
            length(b"\xff\x80" + bytes(7)),
            length(b"\xff" + bytes(7) + b"\x7d"),
            length(b"\xff" + bytes(6) + b"\xff\xff"),
            length(b"\xfe\x00\x7d"),
        ],
        "1002",
        "protocol-error",
    ),
    "64-bit lengths above the bound": (
        [length(b"\xff\x7f" + b"\xff" * 7), length(b"\xff" + bytes(4) + b"\x00\x04\x00\x01")],
        "1009",
        "message-too-big",
    ),
    "fragments that add up above the bound": (
        [frame(BINARY, b"x", fin=False) + b"\x00\xff\x7f" + b"\xff" * 7 + KEY],
        "1009",
        "message-too-big",
    ),
    "frames without a mask": ([b"\x81\x05hello", b"\x88\x00"], "1002", "protocol-error"),
    "bits and opcodes that mean nothing": (
        [frame(TEXT, b"x", rsv=1), frame(TEXT, b"x", rsv=4), frame(3), frame(11), frame(15)],
        "1002",
        "protocol-error",
    ),
    "fragments out of order": (
        [frame(CONTINUATION, b"x"), frame(TEXT, b"a", fin=False) + frame(TEXT, b"b")],
        "1002",
        "protocol-error",
    ),
    "control frames in pieces, or too long": (
        [frame(PING, b"x", fin=False), frame(PING, bytes(126)), frame(CLOSE, b"x")],
        "1002",
        "protocol-error",
    ),
    "text that fails at its last byte": (
        [frame(TEXT, b"a" * (200 << 10) + b"\xc3"), frame(TEXT, b"a" * (200 << 10) + b"\xff")],
        "1007",
        "invalid-utf8",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken(relay_under_attack: ArenaFactory, name: str) -> None:
    frames, code, cause = BROKEN[name]

    def act(port: int, seconds: float) -> Answers:
        answers: Answers = Counter()
        for data in frames:
            answers += each(port, COUNT, saying(data), "/echo")
        return answers

    with relay_under_attack(ROUTES, Bound(max_message_size=256 * KIB)) as arena:
        row = arena.run(name, act, COUNT * len(frames), {"worst": 1})
        assert row.answers == {code: COUNT * len(frames)}
        assert row.entries == {cause: COUNT * len(frames)}


def test_hostile_reasons(relay_under_attack: ArenaFactory) -> None:
    """Text that would forge lines and fields of the journal, or act on a terminal."""
    reasons = [
        b"x\nWSRELAY_CAUSE=kick\nPRIORITY=0",
        b"x\x00\x1b[2J\x1b]0;owned\x07",
        "x\u2028y\u202e\u0085z\\x41".encode(),
    ]

    def act(port: int, seconds: float) -> Answers:
        answers: Answers = Counter()
        for reason in reasons:
            data = close_frame(4001, reason)
            answers += each(port, COUNT, saying(data), "/echo")
        return answers

    with relay_under_attack(ROUTES) as arena:
        row = arena.run("reasons that forge entries", act, COUNT * len(reasons), {"worst": 1})
        assert row.answers == {"4001": COUNT * len(reasons)}
        assert row.entries == {"peer-close": COUNT * len(reasons)}
        for entry in arena.entries():
            text = entry["MESSAGE"] + entry["WSRELAY_REASON_RECEIVED"]
            assert all(character.isprintable() for character in text), entry


def test_resets_amid_data(relay_under_attack: ArenaFactory) -> None:
    """Members and echoes that vanish at a random point of what they send and are sent."""
    count = 300

    def act(port: int, seconds: float) -> Answers:
        choice = random.Random(port)
        data = frame(BINARY, bytes(20_000)) * 3 + close_frame(1000)
        answers: Answers = Counter()
        for _ in range(count):
            wire = HostileWire.opened(port, choice.choice(["/echo", "/member"]))
            wire.send(data[: choice.randrange(1, len(data))])
            end = choice.choice([wire.reset, wire.fin, wire.half_close])
            end()
            answers[end.__name__] += 1
            wire.socket.close()
        return answers

    with relay_under_attack(ROUTES) as arena:
        row = arena.run("ends amid data", act, count, {"worst": 1})
        assert set(row.entries) <= {"peer-reset", "peer-fin"}
