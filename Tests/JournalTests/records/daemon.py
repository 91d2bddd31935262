"""A wsrelay whose records are read back from the journal."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

from support.daemon import Daemon, Record

from records.journald import entries

LOG = '\n[log]\ntarget = "journal"\n'


class JournalDaemon(Daemon):
    """One running wsrelay that logs to the journal, followed by a journalctl of ours.

    `follow` is what to follow of its entries, by default all: under a load that is too much.
    """

    def __init__(
        self, config: Path, text: str, port: int, *prefix: str, follow: tuple[str, ...] = ()
    ) -> None:
        self.prefix = prefix
        self.follow = follow
        super().__init__(config, text, port)

    def configure(self, text: str) -> None:
        super().configure(text if "[log]" in text else text + LOG)

    def record_stream(self) -> IO[str]:
        # journald itself sets _PID: nobody else can write these entries.
        self.match = f"_PID={self.pid}"
        command = ["journalctl", "--quiet", "--all", "--follow", "--lines=all", "-o", "json"]
        self._follower = subprocess.Popen(
            [*command, self.match, *self.follow],
            stdout=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._end_stream, daemon=True).start()
        assert self._follower.stdout is not None
        return self._follower.stdout

    def _end_stream(self) -> None:
        self.process.wait()
        self._follower.terminate()

    def entries(self, *matches: str) -> list[Record]:
        """What a query gives of the entries of this process."""
        return entries(self.match, *matches)

    def wait_exit(self, deadline: float = 20) -> int:
        """Waits for the end; afterwards `records` is all that the journal has of what we follow."""
        status = self.process.wait(deadline)
        self._follower.wait(deadline)
        self._reader.join(deadline)
        assert self._follower.stdout is not None and self.process.stderr is not None
        if not self._follower.stdout.closed:
            self._follower.stdout.close()
            self.records = self.entries(*self.follow)
            # With the journal as its target, standard error is for what is wrong.
            self.other_lines += self.process.stderr.read().splitlines()
        return status


# What to follow under a load: all but the closes.
LIFE = tuple(f"WSRELAY_EVENT={event}" for event in ("start", "reload", "drain", "gap"))

JournalRelay = Callable[..., JournalDaemon]
