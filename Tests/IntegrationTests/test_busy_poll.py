"""`busy_poll`: whoever asks soon finds a worker awake, and one that has nothing to do sleeps."""

from __future__ import annotations

from pathlib import Path

from conftest import ROUTES, RelayFactory
from support.daemon import Daemon
from support.deadlines import eventually
from support.wire import TEXT, Wire, frame

MESSAGES = 500
QUESTION = b"?"


def threads(daemon: Daemon) -> list[Path]:
    return list(Path(f"/proc/{daemon.pid}/task").iterdir())


def sleep_count(daemon: Daemon) -> int:
    """How often the threads of the daemon have gone to sleep."""
    count = 0
    for thread in threads(daemon):
        for line in (thread / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches:"):
                count += int(line.split()[1])
    return count


def are_asleep(daemon: Daemon) -> bool:
    # After the name, which is in parentheses.
    return all(
        (thread / "stat").read_text().rpartition(")")[2].split()[0] == "S"
        for thread in threads(daemon)
    )


def sleeps_while_answering(daemon: Daemon, wire: Wire) -> int:
    """How often somebody went to sleep while so many messages were echoed one after the other."""
    before = sleep_count(daemon)
    for _ in range(MESSAGES):
        wire.send(frame(TEXT, QUESTION))
        assert wire.read_frame().payload == QUESTION
    return sleep_count(daemon) - before


def test_without_it_a_worker_sleeps_before_each_message(relay: RelayFactory) -> None:
    daemon = relay("threads = 1\n" + ROUTES)
    with Wire.open(daemon.port) as wire:
        assert sleeps_while_answering(daemon, wire) > MESSAGES / 2


def test_with_it_a_worker_is_awake(relay: RelayFactory) -> None:
    daemon = relay("threads = 1\nbusy_poll = true\n" + ROUTES)
    with Wire.open(daemon.port) as wire:
        # On a machine with other things to do the client may be too slow for a while.
        eventually(
            lambda: sleeps_while_answering(daemon, wire) < MESSAGES / 4,
            "a worker that finds messages without having slept",
        )
        eventually(lambda: are_asleep(daemon), "every thread asleep while nothing comes")


def test_it_needs_a_restart(relay: RelayFactory) -> None:
    daemon = relay("threads = 1\n" + ROUTES)
    daemon.configure("threads = 1\nbusy_poll = true\n" + ROUTES)
    assert daemon.reload()["WSRELAY_RESTART_NEEDED"] == "busy_poll"
