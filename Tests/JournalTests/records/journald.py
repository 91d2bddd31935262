"""A systemd-journald that tests stop, kill and start again, and what journalctl says of it.

Like the service manager, this holds journald's sockets itself: they outlive a journald that ends,
and what waits in them is read by the next one. `Tests/journald-run.sh --bare` makes the /run that
all of it lives in, away from the machine's own journal.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from support.daemon import Record
from support.deadlines import DEADLINE, eventually

PROGRAM = "/lib/systemd/systemd-journald"
FOLDER = Path("/run/systemd/journal")
SOCKET = FOLDER / "socket"

# systemd passes descriptors from 3 on, for the process whose number is in LISTEN_PID.
ACTIVATE = 'exec 3<&"$1" 4<&"$2" 5<&"$3"; LISTEN_PID=$$ LISTEN_FDS=3 exec "$0"'


class Journald:
    """journald and its sockets; `start` after any end, in the same journal."""

    def __init__(self) -> None:
        if os.environ.get("WSRELAY_REAL_JOURNAL") != "1":
            pytest.fail("needs a journald of its own: run Tests/journald-run.sh --bare pytest …")
        self.sockets: list[int] = []
        self.process: subprocess.Popen[bytes] | None = None

    # The sockets, which outlive the process

    def hold_sockets(self) -> None:
        """Makes the three sockets of systemd-journald's socket units."""
        for name, kind in (
            ("socket", socket.SOCK_DGRAM),
            ("stdout", socket.SOCK_STREAM),
            ("dev-log", socket.SOCK_DGRAM),
        ):
            path = FOLDER / name
            path.unlink(missing_ok=True)
            with socket.socket(socket.AF_UNIX, kind) as made:
                made.bind(str(path))
                path.chmod(0o666)
                if kind == socket.SOCK_STREAM:
                    made.listen()
                else:
                    made.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
                # Out of the way of 3, 4 and 5.
                self.sockets.append(fcntl.fcntl(made, fcntl.F_DUPFD_CLOEXEC, 10))

    def drop_sockets(self) -> None:
        """No journald, and no trace of one."""
        for held in self.sockets:
            os.close(held)
        self.sockets = []
        for name in ("socket", "stdout", "dev-log"):
            (FOLDER / name).unlink(missing_ok=True)

    # The process

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, holds_sockets: bool = True) -> None:
        """Starts journald with the sockets held here, or lets it make its own."""
        assert not self.is_running
        if holds_sockets and not self.sockets:
            self.hold_sockets()
        command = ["bash", "-c", ACTIVATE, PROGRAM, *map(str, self.sockets)]
        self.process = subprocess.Popen(
            command if holds_sockets else [PROGRAM],
            pass_fds=self.sockets,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def wait_ready(self) -> None:
        def is_ready() -> bool:
            assert self.is_running, "journald ended"
            return subprocess.run(["journalctl", "--sync"], capture_output=True).returncode == 0

        eventually(is_ready, "journald answers")

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def end(self, number: int = signal.SIGTERM) -> None:
        """Ends journald and waits for it."""
        if self.process is not None and self.process.poll() is None:
            self.send(number)
            # A stopped process hears of TERM only once it goes on.
            self.send(signal.SIGCONT)
            self.process.wait(DEADLINE)

    def repair(self) -> None:
        """After whatever a test did: journald runs on sockets held here."""
        if self.is_running and self.sockets:
            with contextlib.suppress(ProcessLookupError):
                self.send(signal.SIGCONT)
        else:
            self.end()
            self.start()
        self.wait_ready()


# Reading


def journalctl(*arguments: str) -> str:
    """What journalctl prints, once journald has written down all that has reached it."""
    subprocess.run(["journalctl", "--sync"], check=True, timeout=DEADLINE)
    return journalctl_bytes(*arguments).decode()


def journalctl_bytes(*arguments: str) -> bytes:
    command = ["journalctl", "--quiet", "--no-pager", "--all", *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout


def entries(*matches: str) -> list[Record]:
    """The entries that match, oldest first; a value that is no text shows as what it is."""
    lines = journalctl("--output=json", *matches).splitlines()
    return [{key: str(value) for key, value in json.loads(line).items()} for line in lines]
