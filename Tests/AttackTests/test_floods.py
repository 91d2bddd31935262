"""Peers that send as fast as they can: others on the same worker go on being served."""

from __future__ import annotations

from collections import Counter

import pytest
from attack.arena import Act, ArenaFactory
from attack.hostile import Answers, Flood, HostileWire, masked_flood
from support.wire import BINARY, CONTINUATION, PING

pytest_plugins = ["attack.fixtures"]

FINAL = 0x80
ROUTES = """
[[route]]
path = "/echo"
mode = "echo"
[[route]]
path = "/member"
mode = "broadcast"
[[route]]
path = "/rated"
mode = "echo"
max_message_rate = 100
"""
COUNT = 4

TINY = masked_flood([(FINAL | BINARY, b"x")], 256 << 10)
PINGS = masked_flood([(FINAL | PING, b"12345678")], 256 << 10)
EMPTY_PINGS = masked_flood([(FINAL | PING, b"")], 256 << 10)
# 65,536 fragments of one byte each in a message.
FRAGMENTS = masked_flood(
    [(BINARY, b"a"), *[(CONTINUATION, b"b")] * 65_534, (FINAL | CONTINUATION, b"c")], 1
)
LARGE = masked_flood([(FINAL | BINARY, bytes(125))], 256 << 10)


def flooding(path: str, data: bytes, reads: bool = True) -> Act:
    def act(port: int, seconds: float) -> Answers:
        wires = [HostileWire.opened(port, path) for _ in range(COUNT)]
        sent = Flood(wires, data, reads).run(seconds)
        for wire in wires:
            wire.reset()
        return Counter({"KiB taken": sent // 1024})

    return act


FLOODS = {
    "tiny messages, echoed": flooding("/echo", TINY),
    "tiny messages, published": flooding("/member", TINY),
    "tiny messages, echoes not read": flooding("/echo", TINY, reads=False),
    "messages of 125 bytes, echoed": flooding("/echo", LARGE),
    "pings, pongs read": flooding("/echo", PINGS),
    "empty pings to a member": flooding("/member", EMPTY_PINGS),
    "pings, pongs not read": flooding("/echo", PINGS, reads=False),
    "pings of a member, pongs not read": flooding("/member", PINGS, reads=False),
    "fragments of one byte": flooding("/echo", FRAGMENTS),
}


@pytest.mark.parametrize("name", FLOODS)
def test_flood(relay_under_attack: ArenaFactory, name: str) -> None:
    with relay_under_attack(ROUTES) as arena:
        row = arena.run(name, FLOODS[name], COUNT, {"worst": COUNT})
        # The attacker resets in the end, if it was not too slow a member for what it published.
        assert set(row.entries) <= {"peer-reset", "slow-consumer"}


def test_message_rate(relay_under_attack: ArenaFactory) -> None:
    def act(port: int, seconds: float) -> Answers:
        answers: Answers = Counter()
        for _ in range(20):
            with HostileWire.opened(port, "/rated") as wire:
                wire.send(TINY[: 200 * 7])
                answers[wire.answer()] += 1
        return answers

    with relay_under_attack(ROUTES) as arena:
        row = arena.run("more messages than max_message_rate", act, 20, {"worst": 1})
        assert row.answers == {"1008": 20}
        assert row.entries == {"rate-limit": 20}
