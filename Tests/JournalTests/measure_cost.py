"""What recording a close costs a worker, in CPU time of its thread. A figure, not a verdict:

    PYTHONPATH=Tests/IntegrationTests:Tests/JournalTests Tests/journald-run.sh --bare \
      .venv/bin/python Tests/JournalTests/measure_cost.py

Connections that say nothing are ended by FIN, one after another, and what the one worker's thread
spent (schedstat: nanoseconds on a CPU) is divided by their number: with a journald that takes every
record, so that the worker queues it and now and then wakes the writer; with one that is stopped,
where it only queues; and behind a full queue, where it counts the record as lost. All of it is in
the figures, from accepting to closing. That they differ by less than 3 µs is what the daemon
promises of the writer beside a worker; what the append alone costs, which is in all three, is
measured by JournalMeasurements.swift. Other work on the machine adds to all of them.
"""

from __future__ import annotations

import re
import signal
import tempfile
from pathlib import Path
from statistics import median

from records.daemon import LIFE, JournalDaemon
from records.journald import Journald
from records.load import Load
from support.daemon import free_port, supervised

COUNT = 30_000
ROUNDS = 3
CAPACITY = 100_000
ROUTES = 'threads = 1\n[[route]]\npath = "/echo"\nmode = "echo"\n'


def worker_time(daemon: JournalDaemon) -> int:
    """Nanoseconds that the worker has been on a CPU."""
    for task in Path(f"/proc/{daemon.pid}/task").iterdir():
        if re.fullmatch(r"wsrelay-\d+\n", (task / "comm").read_text()):
            return int((task / "schedstat").read_text().split()[0])
    raise AssertionError("no worker")


def end_all(daemon: JournalDaemon, count: int) -> None:
    with Load(daemon.port, count, "silent", processes=1) as load:
        load.finish()


def cost(daemon: JournalDaemon) -> float:
    """Microseconds of the worker for one connection."""
    before = worker_time(daemon)
    end_all(daemon, COUNT)
    return (worker_time(daemon) - before) / COUNT / 1000


def one_round(journald: Journald, folder: Path) -> tuple[float, float, float]:
    with supervised(
        JournalDaemon(folder / "wsrelay.conf", ROUTES, free_port(), follow=LIFE)
    ) as daemon:
        end_all(daemon, 2000)
        written = cost(daemon)
        journald.send(signal.SIGSTOP)
        queued = cost(daemon)
        end_all(daemon, CAPACITY - COUNT + 1000)
        lost = cost(daemon)
        journald.send(signal.SIGCONT)
        daemon.wait("gap")
    return written, queued, lost


def main() -> None:
    journald = Journald()
    journald.repair()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            results.append(one_round(journald, Path(folder)))
            show("once", results[-1])
    journald.end()
    show("median", tuple(median(column) for column in zip(*results, strict=True)))


def show(what: str, costs: tuple[float, ...]) -> None:
    columns = zip(("written", "queued", "lost"), costs, strict=True)
    print(f"{what}: " + ", ".join(f"{name} {cost:.2f} µs" for name, cost in columns), flush=True)


if __name__ == "__main__":
    main()
