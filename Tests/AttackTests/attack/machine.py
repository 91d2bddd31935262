"""The processors of this machine: who gets which, and how much of them others use."""

from __future__ import annotations

import os
import time
from pathlib import Path


def processors() -> tuple[int, int]:
    """The relay's, and that of everybody else."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def pinned(*command: str, cpu: str, priority: tuple[str, ...]) -> tuple[str, ...]:
    """The command on a processor; with the priority, where that may be given."""
    is_root = os.geteuid() == 0
    return ("taskset", "--cpu-list", cpu, *(priority if is_root else ()), *command)


class Others:
    """How much of the processors goes to processes that are not this suite's.

    The suite's are this one, its children that have ended, and those named.
    """

    def __init__(self, *pids: int) -> None:
        self.pids = pids
        self.began = time.monotonic()
        self.before = self._used()

    def share(self) -> float:
        """Of all processors since this was made."""
        elapsed = (time.monotonic() - self.began) * (os.cpu_count() or 1)
        return max(0.0, (self._used() - self.before) / elapsed)

    def _used(self) -> float:
        fields = [int(n) for n in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
        # User, nice, system, interrupts, and what the host took.
        busy = sum(fields[i] for i in (0, 1, 2, 5, 6, 7)) / os.sysconf("SC_CLK_TCK")
        times = os.times()
        own = times.user + times.system + times.children_user + times.children_system
        return busy - own - sum(map(processor_seconds, self.pids))


def processor_seconds(pid: int) -> float:
    """What a process has used so far, system calls included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
