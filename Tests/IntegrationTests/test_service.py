"""What the daemon tells a service manager: readiness, status, signs of life, more time to stop."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import ROUTES, RelayFactory
from support.daemon import Daemon
from support.deadlines import DEADLINE
from support.wire import Wire
from websockets.sync.client import connect

WATCHDOG_SECONDS = 1.0


class Manager:
    """The service manager's end of sd_notify(3)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))

    @property
    def environment(self) -> dict[str, str]:
        return {
            "NOTIFY_SOCKET": str(self.path),
            "WATCHDOG_USEC": str(int(WATCHDOG_SECONDS * 1e6)),
        }

    def receive(self, timeout: float = DEADLINE) -> dict[str, str]:
        """The assignments of the next message; none if there is none in time."""
        self.socket.settimeout(max(timeout, 0.001))
        try:
            text = self.socket.recv(4096).decode()
        except TimeoutError:
            return {}
        return dict(line.split("=", 1) for line in text.splitlines())

    def wait(self, name: str, pattern: str = "") -> str:
        """The value of the next assignment of that name that matches."""
        end = time.monotonic() + DEADLINE
        seen: list[dict[str, str]] = []
        while (left := end - time.monotonic()) > 0:
            message = self.receive(left)
            seen.append(message)
            if name in message and re.search(pattern, message[name]):
                return message[name]
        raise AssertionError(f"no {name}={pattern} within {DEADLINE} s: {seen[-10:]}")

    def drain(self) -> None:
        """Forgets what has been said so far."""
        while self.receive(0):
            pass


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(tmp_path / "notify")
    yield manager
    manager.socket.close()


# Of <sys/ptrace.h>.
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207


@contextmanager
def stopped_thread(daemon: Daemon, name: str) -> Iterator[None]:
    """Holds one thread of the daemon, as a debugger does; the others go on."""
    threads = [
        int(task.name)
        for task in Path(f"/proc/{daemon.pid}/task").iterdir()
        if (task / "comm").read_text().strip() == name
    ]
    assert len(threads) == 1, f"{name}: {threads}"
    libc = ctypes.CDLL(None, use_errno=True)
    null = ctypes.c_void_p()

    def ptrace(request: int) -> None:
        if libc.ptrace(request, threads[0], null, null) < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"ptrace({request:#x}): {os.strerror(number)}")

    try:
        ptrace(PTRACE_SEIZE)
    except PermissionError as error:
        pytest.skip(f"this machine lets nobody trace a process: {error}")
    ptrace(PTRACE_INTERRUPT)
    os.waitpid(threads[0], 0x40000000)  # __WALL: a thread that is no child of ours
    try:
        yield
    finally:
        ptrace(PTRACE_DETACH)


def test_ready_status_and_stopping(relay: RelayFactory, manager: Manager) -> None:
    daemon = relay(ROUTES, **manager.environment)
    manager.wait("READY", "^1$")
    manager.wait("STATUS", r"^0 connections on 3 routes, 0 closes/min, 0 abnormal$")
    with connect(daemon.url()):
        manager.wait("STATUS", r"^1 connections on 3 routes, ")
    with Wire.open(daemon.port) as wire:
        wire.reset()
    manager.wait("STATUS", r"^0 connections on 3 routes, 2 closes/min, 1 abnormal$")
    daemon.signal(signal.SIGHUP)
    manager.wait("RELOADING", "^1$")
    manager.wait("READY", "^1$")
    daemon.signal(signal.SIGTERM)
    manager.wait("STOPPING", "^1$")
    assert daemon.wait_exit() == 0
    assert not daemon.find("start")[0].get("WSRELAY_ERRORS")


def test_watchdog_is_fed_within_its_interval(relay: RelayFactory, manager: Manager) -> None:
    relay("threads = 2\n" + ROUTES, **manager.environment)
    manager.wait("WATCHDOG", "^1$")
    for _ in range(3):
        began = time.monotonic()
        manager.wait("WATCHDOG", "^1$")
        assert time.monotonic() - began < WATCHDOG_SECONDS


@pytest.mark.parametrize(
    ("thread", "who"),
    [
        ("wsrelay-0", "worker 0"),
        ("wsrelay-1", "worker 1"),
        ("wsrelay-journal", "the journal's writer"),
    ],
)
def test_a_stuck_thread_starves_the_watchdog(
    relay: RelayFactory, manager: Manager, thread: str, who: str
) -> None:
    daemon = relay("threads = 2\n" + ROUTES, **manager.environment)
    manager.wait("WATCHDOG")
    with stopped_thread(daemon, thread):
        # The round of signs that is under way may still be answered, late on a busy machine.
        end = time.monotonic() + 10 * WATCHDOG_SECONDS
        silent_until = time.monotonic() + 1.5 * WATCHDOG_SECONDS
        while (left := silent_until - time.monotonic()) > 0:
            assert time.monotonic() < end, "the watchdog was fed for a stuck thread"
            if "WATCHDOG" in manager.receive(left):
                silent_until = time.monotonic() + 1.5 * WATCHDOG_SECONDS
        manager.drain()
    manager.wait("WATCHDOG")
    daemon.wait_message(f"{who} has given no sign of life for ")


def test_draining_is_fed_and_asks_for_time(relay: RelayFactory, manager: Manager) -> None:
    daemon = relay(ROUTES + '\n[drain]\ngrace = "60s"\n', **manager.environment)
    with Wire.open(daemon.port) as wire:
        daemon.signal(signal.SIGTERM)
        manager.wait("STOPPING")
        assert wire.read_close()[0] == 1001
        assert int(manager.wait("EXTEND_TIMEOUT_USEC")) > WATCHDOG_SECONDS * 1e6
        manager.wait("STATUS", "^draining: 1 connections left$")
        manager.drain()
        manager.wait("WATCHDOG")
        manager.wait("WATCHDOG")
    assert daemon.wait_exit() == 0
    stop = daemon.find("stop")[0]
    assert stop["WSRELAY_CLOSED"] == "1" and stop["WSRELAY_CLOSED_CLEANLY"] == "0"
