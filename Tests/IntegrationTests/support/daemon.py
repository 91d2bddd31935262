"""A wsrelay process under test: its configuration, its records, its descriptors."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

from support.deadlines import DEADLINE, eventually

ROOT = Path(__file__).resolve().parents[3]
BINARY = Path(os.environ.get("WSRELAY_BINARY", ROOT / ".build" / "release" / "wsrelay"))

# Field values are compared as text, as the journal has them, whatever JSON type they came as.
Record = dict[str, str]

LOG = '\n[log]\ntarget = "stderr"\nformat = "json"\n'
LISTEN = '\n[[listen]]\naddress = "127.0.0.1:PORT"\n'


def free_port(host: str = "127.0.0.1") -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as s:
        s.bind((host, 0))
        return int(s.getsockname()[1])


def complete(text: str, port: int) -> str:
    """Adds the log and a listener where the text has none, and puts the port in."""
    text += "" if "[log]" in text else LOG
    text += "" if "[[listen]]" in text else LISTEN
    return text.replace("PORT", str(port))


class Daemon:
    """One running wsrelay that logs JSON to a pipe read by a thread of ours."""

    # What goes before the command, such as a program that prepares the process and becomes it.
    prefix: tuple[str, ...] = ()
    # Connections that are to end by a fault of the relay's own.
    expected_faults = 0
    binary = BINARY

    def __init__(
        self, config: Path, text: str, port: int, *arguments: str, **environment: str
    ) -> None:
        self.port = port
        self.config = config
        self.records: list[Record] = []
        self.early_lines: list[str] = []
        self.other_lines: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self.configure(text)
        self.process = subprocess.Popen(
            [*self.prefix, str(self.binary), "serve", "--config", str(config), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self._reader = threading.Thread(target=self._read, args=(self.record_stream(),))
        self._reader.start()

    def record_stream(self) -> IO[str]:
        """Where the records come from, one JSON object a line; ends after the last one."""
        assert self.process.stderr is not None
        return self.process.stderr

    # Configuration

    def configure(self, text: str) -> None:
        """Rewrites the configuration file as a whole; `reload` makes the daemon read it."""
        self.config.write_text(complete(text, self.port))

    def reload(self) -> Record:
        """Sends HUP and returns the record of what became of the reload."""
        known = len(self.find("reload"))
        self.signal(signal.SIGHUP)
        return self.wait("reload", count=known + 1)[known]

    def url(self, path: str = "/echo") -> str:
        return f"ws://127.0.0.1:{self.port}{path}"

    # Records

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            try:
                fields = json.loads(line)
            except ValueError:
                fields = None
            with self._news:
                if isinstance(fields, dict):
                    self.records.append({key: str(value) for key, value in fields.items()})
                else:
                    # Before it is up, the daemon advises on the configuration, for people to read.
                    lines = self.other_lines if self.find("start") else self.early_lines
                    lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def find(self, event: str, **fields: str | int) -> list[Record]:
        """The records of one event so far; `cause="drain"` stands for WSRELAY_CAUSE."""
        wanted = {f"WSRELAY_{key.upper()}": str(value) for key, value in fields.items()}
        wanted["WSRELAY_EVENT"] = event
        return [r for r in list(self.records) if wanted.items() <= r.items()]

    def wait(self, event: str, count: int = 1, **fields: str | int) -> list[Record]:
        """Waits until there are `count` such records, and returns all there are."""
        end = time.monotonic() + DEADLINE
        with self._news:
            while len(found := self.find(event, **fields)) < count:
                left = end - time.monotonic()
                if left <= 0 or self._ended:
                    raise AssertionError(
                        f"wanted {count} × {event} {fields}, got {len(found)}"
                        f"{' before the daemon ended' if self._ended else ''}; "
                        f"the last records: {self.records[-5:]} {self.early_lines[-20:]}"
                    )
                self._news.wait(left)
            return found

    def wait_message(self, text: str) -> Record:
        """Waits for a record, of an event or not, whose MESSAGE has this text in it."""
        end = time.monotonic() + DEADLINE
        with self._news:
            while not (found := [r for r in self.records if text in r["MESSAGE"]]):
                left = end - time.monotonic()
                if left <= 0 or self._ended:
                    raise AssertionError(f"no record says {text!r}: {self.records[-5:]}")
                self._news.wait(left)
            return found[0]

    def closed(self, **fields: str | int) -> Record:
        """Waits for the close record that has these fields; there must be exactly one."""
        found = self.wait("close", 1, **fields)
        assert len(found) == 1, f"more than one record of one close: {found}"
        return found[0]

    # The process

    @property
    def pid(self) -> int:
        return self.process.pid

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def memory_kib(self, name: str) -> int:
        """A line of /proc/PID/status: VmRSS is what there is now, VmHWM the most there was."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        match = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
        assert match, f"the kernel does not tell {name}"
        return int(match.group(1))

    def descriptor_count(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def wait_descriptors(self, count: int) -> None:
        """Waits until no more descriptors than `count` are open."""
        eventually(
            lambda: self.descriptor_count() <= count,
            f"down to {count} descriptors, not {self.descriptor_count()}",
        )

    def wait_exit(self, deadline: float = DEADLINE) -> int:
        status = self.process.wait(deadline)
        self._reader.join(deadline)
        return status

    def stop(self) -> None:
        """Ends the process if it runs; it must end well, however many connections it has."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
            try:
                self.wait_exit(2)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGTERM)
        try:
            self.wait_exit()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.wait_exit()
            raise
        finally:
            for stream in (self.process.stdout, self.process.stderr):
                if stream is not None:
                    stream.close()

    def check_records(self) -> None:
        """What holds for the records of every run."""
        assert not self.other_lines, f"not JSON on standard error: {self.other_lines}"
        assert len(self.find("close", cause="internal-error")) == self.expected_faults
        identities = [r["WSRELAY_CONNECTION_ID"] for r in self.find("close") + self.find("reject")]
        assert len(identities) == len(set(identities)), "a connection has two records"


@contextmanager
def running(
    folder: Path,
    text: str,
    *arguments: str,
    port: int | None = None,
    name: str = "wsrelay.conf",
    **environment: str,
) -> Iterator[Daemon]:
    """A daemon that has started; it is stopped, and its records checked, at the end."""
    daemon = Daemon(folder / name, text, port or free_port(), *arguments, **environment)
    with supervised(daemon):
        yield daemon


D = TypeVar("D", bound="Daemon")


@contextmanager
def supervised(daemon: D) -> Iterator[D]:
    """Waits until the daemon has started; stops it, and checks its records, at the end."""
    try:
        daemon.wait("start")
        yield daemon
    finally:
        daemon.stop()
    if daemon.process.returncode != -signal.SIGKILL:
        assert daemon.process.returncode == 0, f"{daemon.other_lines} {daemon.records[-3:]}"
        daemon.check_records()
