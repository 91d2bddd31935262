"""More connections than there is room for, at once or for long."""

from __future__ import annotations

import resource
import threading
import time
from collections import Counter
from contextlib import ExitStack

import pytest
from attack.arena import IS_SHORT, Arena, ArenaFactory, Row, show
from attack.bound import Bound
from attack.good import GoodClients
from attack.hostile import Answers, HostileWire
from support.deadlines import eventually
from support.wire import request

pytest_plugins = ["attack.fixtures"]

STORM = 10_000
ROUTES = '[[route]]\npath = "/echo"\nmode = "echo"\n'
DESCRIPTORS = 64
CLIENTS = 500
# How many are let in afterwards, one after the other.
ENTRIES = 5
# In seconds.
FULL = 4.0 if IS_SHORT else 10.0
SLOT_DEADLINE = 0.1
MAXIMUM_LOAD = 0.05


def _raise_descriptor_limit() -> int:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


@pytest.mark.parametrize("threads", [1, 2])
def test_connection_storm(relay_under_attack: ArenaFactory, threads: int) -> None:
    """All connect at once, then all ask, then all leave: and each worker gets its share."""
    if _raise_descriptor_limit() < STORM + 500:
        pytest.skip(f"needs {STORM + 500} descriptors")

    def act(port: int, seconds: float) -> Answers:
        with ExitStack() as stack:
            wires = [stack.enter_context(HostileWire(port)) for _ in range(STORM)]
            for wire in wires:
                wire.send(request("/echo"))
            answers: Answers = Counter()
            for wire in wires:
                answers[wire.read_head().split(" ")[1]] += 1
        return answers

    name = f"10,000 connects at once, {threads} worker{'s' * (threads - 1)}"
    with relay_under_attack(ROUTES, Bound(threads=threads)) as arena:
        row = arena.run(name, act, STORM, {"handshake": STORM})
        assert row.answers == {"101": STORM}
        assert row.entries == {"peer-fin": STORM}
        # The identities that a worker gives have the upper half in common.
        workers = Counter(r["WSRELAY_CONNECTION_ID"][:8] for r in arena.entries())
        counts = [n for _, n in workers.most_common(threads)]
        assert sum(counts) == STORM, workers
        assert max(counts) - min(counts) <= 0.1 * STORM, workers


def test_no_descriptors(relay_under_attack: ArenaFactory) -> None:
    """500 clients where 64 descriptors are all there is."""
    prefix = ("prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}")
    text = '[[listen]]\naddress = "127.0.0.1:PORT"\nhandshake_timeout = "60s"\n' + ROUTES
    row = Row(f"{CLIENTS} clients, {DESCRIPTORS} descriptors")
    with relay_under_attack(text, Bound(), *prefix) as arena:
        others = arena.watch_others()
        row.before = arena.measure_without()
        base = arena.daemon.memory_kib("VmRSS")
        arena.forget_peak()
        own = arena.daemon.descriptor_count()
        good = GoodClients(arena.daemon.port, FULL + 5)
        eventually(lambda: arena.daemon.descriptor_count() >= own + 8, "good clients are in")
        with ExitStack() as stack:
            wires, waiting = fill(arena, stack)
            load, lines = watch(arena, FULL)
            waits = [time_to_enter(wires[n], waiting[n]) for n in range(ENTRIES)]
        row.during = good.finish()
        row.others = others.share()
        row.rss_kib = arena.daemon.memory_kib("VmHWM")
        held = arena.bound.process({"idle": 8, "handshake": DESCRIPTORS})
        row.allowed_kib = int(1.1 * (base + held / 1024))
        # Also those who were never let in while they were there.
        row.entries = arena.count_entries(CLIENTS)
    row.answers = Counter({"let in once there was room": ENTRIES})
    show(row)
    print(f"processor {load:.1%}, {lines} lines in {FULL:.0f} s, let in after {max(waits):.3f} s")
    assert load < MAXIMUM_LOAD
    assert 1 <= lines <= FULL + 1
    assert max(waits) <= SLOT_DEADLINE or row.is_disturbed
    arena.check(row)


def fill(arena: Arena, stack: ExitStack) -> tuple[list[HostileWire], list[HostileWire]]:
    """Silent connections until no descriptor is left; those and the others, which have asked."""
    wires = []
    while (known := arena.daemon.descriptor_count()) < DESCRIPTORS:
        wires.append(stack.enter_context(HostileWire(arena.daemon.port)))
        wait_accepted(arena, known)
    waiting = [
        stack.enter_context(HostileWire(arena.daemon.port)) for _ in range(CLIENTS - len(wires))
    ]
    for wire in waiting:
        wire.send(request("/echo"))
    return wires, waiting


def wait_accepted(arena: Arena, known: int) -> None:
    eventually(lambda: arena.daemon.descriptor_count() > known, "the connection is accepted")


def watch(arena: Arena, seconds: float) -> tuple[float, int]:
    """The relay's share of a processor in so many seconds, and the lines it wrote about it."""
    began, used = time.monotonic(), arena.processor_seconds()
    threading.Event().wait(seconds)
    load = (arena.processor_seconds() - used) / (time.monotonic() - began)
    lines = [m for m in arena.messages() if "cannot accept" in m]
    return load, len(lines)


def time_to_enter(silent: HostileWire, next_in_line: HostileWire) -> float:
    """How long after one is gone the next in line has its 101."""
    silent.fin()
    freed = time.monotonic()
    head = next_in_line.read_head()
    assert head.startswith("HTTP/1.1 101 "), head
    return time.monotonic() - freed
