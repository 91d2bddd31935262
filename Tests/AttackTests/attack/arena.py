"""One attack beside well-behaved clients: what each side got, and what it cost the relay.

The relay has a processor of its own, at the highest ordinary priority; the well-behaved clients
have the other one in real time, and the attackers what is left of it: what attackers' own work
costs would otherwise look like a cost of the relay's.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from attack.bound import Bound
from attack.good import ROUTES, Good, GoodClients
from attack.hostile import ADDRESS, Answers
from attack.machine import Others, pinned, processor_seconds, processors
from records.daemon import LIFE, JournalDaemon
from support.daemon import Daemon, Record, free_port, supervised
from support.deadlines import DEADLINE, eventually

# The short form, for CI.
IS_SHORT = os.environ.get("ATTACK_SHORT") == "1"
# How long each attack goes on, if it does not end by itself.
SECONDS = 0.5 if IS_SHORT else 3.0
HAS_JOURNAL = os.environ.get("WSRELAY_REAL_JOURNAL") == "1"

# How much longer the slowest of a hundred may take. Below the floor a doubling is a matter of when
# a timer fires.
FACTOR = 2.0
FLOOR_US = 1000.0
# Above this a row says nothing of the relay's p99, and it is not asserted.
MAXIMUM_OTHERS = 0.05

ArenaFactory = Callable[..., AbstractContextManager["Arena"]]
# Takes the port and the seconds; runs in a process of its own.
Act = Callable[[int, float], Answers]


@dataclass
class Row:
    """One line of the table."""

    attack: str
    answers: Answers = field(default_factory=Counter)
    entries: Counter[str] = field(default_factory=Counter)
    rss_kib: int = 0
    allowed_kib: int = 0
    before: Good = field(default_factory=lambda: Good(0, 0, ""))
    during: Good = field(default_factory=lambda: Good(0, 0, ""))
    # The share of this machine's processors that went to whoever else uses it.
    others: float = 0.0

    @property
    def is_disturbed(self) -> bool:
        return self.others > MAXIMUM_OTHERS


ROWS: list[Row] = []


def show(row: Row) -> None:
    """Puts a row into the table, in place of an earlier one of the same attack."""
    ROWS[:] = [*(earlier for earlier in ROWS if earlier.attack != row.attack), row]


class SlowGoodClientsError(AssertionError):
    """The p99 was above its bound. What is the relay's doing is so each time; but a host that stops
    this machine for a moment is not seen by it, so scripts/test has the attack made again, twice at
    most."""


def _attack(act: Act, port: int, seconds: float, results: multiprocessing.Queue[object]) -> None:
    os.sched_setaffinity(0, {processors()[1]})
    try:
        results.put(act(port, seconds))
    except BaseException as error:  # noqa: BLE001 - it is raised again where the test is
        results.put(error)
        raise


class Arena:
    """A relay, and what is done to it."""

    def __init__(self, daemon: Daemon, bound: Bound, journald: int | None) -> None:
        self.daemon = daemon
        self.bound = bound
        self.journald = journald

    # The relay

    def entries(self) -> list[Record]:
        """The close and reject entries of the attackers' connections."""
        if isinstance(self.daemon, JournalDaemon):
            return self.daemon.entries(
                "WSRELAY_EVENT=close", "WSRELAY_EVENT=reject", f"WSRELAY_PEER={ADDRESS}"
            )
        found = self.daemon.find("close") + self.daemon.find("reject")
        return [r for r in found if r.get("WSRELAY_PEER") == ADDRESS]

    def messages(self) -> list[str]:
        """The MESSAGE of everything the relay has said."""
        if isinstance(self.daemon, JournalDaemon):
            return [r["MESSAGE"] for r in self.daemon.entries()]
        return [r["MESSAGE"] for r in list(self.daemon.records)]

    def forget_peak(self) -> None:
        """VmHWM starts again at what there is now."""
        Path(f"/proc/{self.daemon.pid}/clear_refs").write_text("5")

    def processor_seconds(self) -> float:
        """What the relay has used so far, system calls included."""
        return processor_seconds(self.daemon.pid)

    def watch_others(self) -> Others:
        return Others(self.daemon.pid, *([] if self.journald is None else [self.journald]))

    # An attack

    def run(self, name: str, act: Act, count: int, at: dict[str, int]) -> Row:
        """Measures without and with an attack of `count` connections.

        `at` says how many at a time are at what, as `Bound` has it.
        """
        row = Row(name)
        others = self.watch_others()
        row.before = self.measure_without()
        base = self.daemon.memory_kib("VmRSS")
        self.forget_peak()
        results: multiprocessing.Queue[object] = multiprocessing.Queue()
        arguments = (act, self.daemon.port, SECONDS, results)
        attacker = multiprocessing.Process(target=_attack, args=arguments)
        good = GoodClients(self.daemon.port, SECONDS)
        attacker.start()
        outcome = results.get(timeout=SECONDS + 60)
        attacker.join(DEADLINE)
        row.during = good.finish()
        row.others = others.share()
        if isinstance(outcome, BaseException):
            raise outcome
        assert isinstance(outcome, Counter)
        row.answers = outcome
        row.rss_kib = self.daemon.memory_kib("VmHWM")
        row.allowed_kib = int(1.1 * (base + self.bound.process(at) / 1024))
        row.entries = self.count_entries(count)
        show(row)
        self.check(row)
        return row

    def measure_without(self) -> Good:
        """What the well-behaved clients have without an attack; in the short form once for all."""
        if IS_SHORT and ROWS:
            return ROWS[0].before
        return GoodClients(self.daemon.port, SECONDS).finish()

    def count_entries(self, count: int) -> Counter[str]:
        """Waits for one entry for each connection; one more would be one too many."""
        eventually(lambda: len(self.entries()) >= count, f"{count} entries", DEADLINE)
        found = self.entries()
        assert len(found) == count, f"{len(found)} entries of {count} connections"
        assert len({r["WSRELAY_CONNECTION_ID"] for r in found}) == count
        return Counter(
            r.get("WSRELAY_CAUSE", f"HTTP {r.get('WSRELAY_HTTP_STATUS')}") for r in found
        )

    def check(self, row: Row) -> None:
        """What holds under every attack."""
        for good in (row.before, row.during):
            assert good.lost == 0 and not good.faults, f"{row.attack}: {good}"
        assert row.rss_kib <= row.allowed_kib, f"{row.attack}: {row.rss_kib} KiB"
        # CI shares its machine with others, also where nobody is seen to disturb. And a second
        # worker shares its processor with the attackers: its clients wait until it is its turn.
        if not row.is_disturbed and not IS_SHORT and self.bound.threads == 1:
            before = max(row.before.p99_us, FLOOR_US)
            if row.during.p99_us > FACTOR * before:
                raise SlowGoodClientsError(f"{row.attack}: {row}")


@contextmanager
def arena(
    folder: Path, text: str, bound: Bound, *prefix: str, journald: int | None = None
) -> Iterator[Arena]:
    """A relay with one worker (if the text does not say otherwise) on a processor of its own."""
    cpus = str(processors()[0]) if bound.threads == 1 else ",".join(map(str, processors()))
    text = f"threads = {bound.threads}\n" + text + ROUTES
    command = pinned(*prefix, cpu=cpus, priority=("nice", "--adjustment=-20"))
    daemon: Daemon
    if HAS_JOURNAL:
        daemon = JournalDaemon(folder / "relay.conf", text, free_port(), *command, follow=LIFE)
    else:
        daemon = _PinnedDaemon(folder / "relay.conf", text, free_port(), command)
    with supervised(daemon):
        yield Arena(daemon, bound, journald)


class _PinnedDaemon(Daemon):
    def __init__(self, config: Path, text: str, port: int, prefix: tuple[str, ...]) -> None:
        self.prefix = prefix
        super().__init__(config, text, port)
