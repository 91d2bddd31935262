"""Much at once: reloads under load, and ten thousand closes within a second."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from SystemTests.machine import Machine
from SystemTests.traffic import traffic

CONF = "/etc/wsrelay.conf"
ROUTES = """
[[route]]
path = "/echo"
mode = "echo"

[[route]]
path = "/room/{name}"
mode = "broadcast"
"""

RELOADS = 200
RELOAD_SECONDS = 20.0
# What 200 reloads may leave behind in all: less than 1 KiB each.
MAXIMUM_GROWTH_BYTES = 192 << 10

CLOSES = 10_000
CLOSE_SECONDS = 1.0


def rss_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel does not tell the RSS")


def reload(machine: Machine, pid: int, number: int) -> None:
    """A reload, every third one of a bad file; every other one past the check of `systemctl`."""
    is_bad = number % 3 == 2
    text = ROUTES + f'[[route]]\npath = "/number/{number}"\nmode = "echo"\n'
    new = machine.path("/etc/wsrelay.conf.new")
    new.write_text(text + ("nonsense = 1\n" if is_bad else ""))
    new.rename(machine.path(CONF))
    if number % 2 == 1:
        os.kill(pid, signal.SIGHUP)
    else:
        status = machine.try_run("systemctl", "reload", "wsrelay").returncode
        assert (status != 0) == is_bad, f"reload {number}: {status}"


def test_two_hundred_reloads_under_load(installed: Machine) -> None:
    pid = installed.pid_here(installed.main_pid())
    with traffic(installed) as load:
        for number in range(20):
            reload(installed, pid, number)
        before = rss_bytes(pid)
        began = time.monotonic()
        for number in range(RELOADS):
            reload(installed, pid, number)
        took = time.monotonic() - began
        growth = rss_bytes(pid) - before
    print(f"{RELOADS} reloads in {took:.1f} s, {load.message_count} messages, {growth} B more")
    assert took < RELOAD_SECONDS
    assert growth < MAXIMUM_GROWTH_BYTES
    assert installed.pid_here(installed.main_pid()) == pid
    assert installed.run("pgrep", "--count", "--exact", "wsrelay") == "1"
    # Signals that come while one waits are one with it, so there are less than were sent.
    results = [entry["WSRELAY_RESULT"] for entry in installed.journal("WSRELAY_EVENT=reload")]
    assert results.count("applied") > RELOADS / 6
    assert results.count("failed") > RELOADS / 12
    closed = installed.journal("WSRELAY_EVENT=close")
    assert {entry["WSRELAY_CAUSE"] for entry in closed} == {"peer-close"}
    assert len(closed) == len(load.wires)


@pytest.mark.usefixtures("many_descriptors")
def test_ten_thousand_closes_within_a_second(installed: Machine) -> None:
    """With journald's own limits, most of these entries would be dropped without a word."""
    sockets: list[socket.socket] = []
    with ExitStack() as stack:
        for _ in range(CLOSES):
            sockets.append(stack.enter_context(installed.connect()).socket)
        began = time.monotonic()
        for connection in sockets:
            connection.close()
        took = time.monotonic() - began
    assert took < CLOSE_SECONDS, f"this machine needs {took:.1f} s for the closes alone"
    entries = installed.wait_entries(CLOSES, "WSRELAY_EVENT=close")
    assert len(entries) == CLOSES
    assert len({entry["WSRELAY_CONNECTION_ID"] for entry in entries}) == CLOSES
    assert not installed.journal("WSRELAY_EVENT=gap")
    assert "Suppressed" not in installed.run("journalctl", "-t", "systemd-journald")
