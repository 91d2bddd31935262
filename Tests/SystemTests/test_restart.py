"""Restarts and upgrades that no client notices, and the ends that cannot be avoided."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.deadlines import MEASURED, SLACK
from support.wire import TEXT, Wire, frame, request
from SystemTests.crowd import Patient, crowd
from SystemTests.machine import Machine, answer_close
from SystemTests.traffic import traffic

CONF = "/etc/wsrelay.conf"
UNIT = "/etc/systemd/system/wsrelay.service.d"
ECHO = '[[route]]\npath = "/echo"\nmode = "echo"\n'
QUIET = """
[[route]]
path = "/echo"
mode = "echo"
ping_interval = "0s"
close_timeout = "2m"

[[route]]
path = "/room/{name}"
mode = "broadcast"
"""
EXAMPLE = "/usr/share/doc/wsrelay/examples/socket-activation.conf"


def still_there(wire: Wire) -> None:
    wire.send(frame(TEXT, b"still there"))
    assert wire.read_frame().payload == b"still there"


def test_restart_under_traffic(installed: Machine) -> None:
    with traffic(installed):
        for count in range(1, 6):
            old = installed.main_pid()
            installed.run("systemctl", "restart", "wsrelay")
            assert installed.main_pid() not in (0, old)
            entries = installed.wait_entries(count, "WSRELAY_EVENT=restart")
            assert entries[-1]["WSRELAY_ADOPTED"] == "16"
            assert entries[-1]["WSRELAY_CLOSED"] == "0"
    assert not installed.journal("WSRELAY_CAUSE=restart")
    assert not installed.journal("WSRELAY_CAUSE=drain")
    assert installed.show("wsrelay", "NFileDescriptorStore") == "0"


@pytest.mark.usefixtures("many_descriptors")
def test_ten_thousand_in_every_state(installed: Machine, newer_package: Path) -> None:
    """Five restarts in a row, an upgrade and a downgrade."""
    shutil.copy(newer_package, installed.path("/srv/newer.deb"))
    restarts = [["systemctl", "restart", "wsrelay"]] * 5
    restarts.append(["dpkg", "--install", "--force-confold", "/srv/newer.deb"])
    restarts.append(
        ["dpkg", "--install", "--force-confold", "--force-downgrade", "/srv/wsrelay.deb"]
    )
    installed.path(CONF).write_text(QUIET)
    installed.run("systemctl", "restart", "wsrelay")
    with ExitStack() as stack:
        patient = Patient(installed, stack, 20)
        with crowd(installed, echoers=9330, rooms=50, members=10) as everybody:
            everybody.wait_for_more(8)
            everybody.pauses()
            for count, restart in enumerate(restarts, 2):
                patient.close_some(2)
                installed.run(*restart)
                entry = installed.wait_entries(count, "WSRELAY_EVENT=restart")[-1]
                everybody.wait_for_more(4)
                pauses = everybody.pauses()
                p99, longest = pauses[len(pauses) * 99 // 100], pauses[-1]
                MEASURED.append(
                    f"{entry['WSRELAY_ADOPTED']} kept, {entry['WSRELAY_CLOSED']} closed, "
                    f"pause {int(entry['WSRELAY_DURATION_USEC']) / 1000:.0f} ms, "
                    f"seen by clients: p99 {p99 * 1000:.0f} ms, longest {longest * 1000:.0f} ms"
                )
                assert entry["WSRELAY_CLOSED"] == "0"
                assert p99 < 0.3 * SLACK
                assert longest < 1.0 * SLACK
        patient.finish()
        MEASURED.append(f"{everybody.knock_count} newcomers, none refused")
    assert {e["WSRELAY_CAUSE"] for e in installed.journal("WSRELAY_EVENT=close")} <= {
        "peer-close",
        "peer-fin",
        "protocol-error",
    }


def test_a_new_program_in_the_same_process(installed: Machine) -> None:
    """USR2 inside the sandbox of the unit; to systemd nothing has happened."""
    old = installed.main_pid()
    with installed.connect() as wire:
        for count in range(1, 3):
            installed.run("systemctl", "kill", "--kill-whom=main", "-s", "USR2", "wsrelay")
            installed.wait_entries(count, "WSRELAY_EVENT=restart")
            still_there(wire)
        assert installed.main_pid() == old
        installed.run("systemctl", "restart", "wsrelay")
        still_there(wire)
        wire.finish()
    (entry,) = installed.wait_entries(1, "WSRELAY_EVENT=close")
    assert entry["WSRELAY_RESTARTS"] == "3"


def test_a_stop_is_no_restart(installed: Machine) -> None:
    with ExitStack() as stack:
        wires = [stack.enter_context(installed.connect()) for _ in range(20)]
        stop = subprocess.Popen(installed.command("systemctl", "stop", "wsrelay"))
        for wire in wires:
            assert answer_close(wire) == 1001
        assert stop.wait(30) == 0
    assert not installed.journal("WSRELAY_EVENT=restart")


def test_a_listener_on_a_unix_socket(installed: Machine) -> None:
    """It is there again, and the addresses that a new configuration keeps were never away."""
    installed.path(CONF).write_text(
        ECHO + '[[listen]]\naddress = "unix:/run/wsrelay/a.sock"\n'
        '[[listen]]\naddress = "127.0.0.1:8080"\n[[listen]]\naddress = "127.0.0.1:8081"\n'
    )
    installed.run("systemctl", "restart", "wsrelay")
    path = installed.path("/run/wsrelay/a.sock")
    with installed.connect(8080) as kept, installed.connect(8081) as gone:
        installed.path(CONF).write_text(
            ECHO + '[[listen]]\naddress = "unix:/run/wsrelay/a.sock"\n'
            '[[listen]]\naddress = "127.0.0.1:8080"\n[[listen]]\naddress = "*:8082"\n'
        )
        installed.run("systemctl", "restart", "wsrelay")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(request())
            assert client.recv(1000).startswith(b"HTTP/1.1 101 ")
        for wire in (kept, gone):
            still_there(wire)
            wire.finish()
    installed.echo(8082)
    assert ":8081" not in installed.run("ss", "-ltnH")
    listeners = {e["WSRELAY_LISTENER"] for e in installed.wait_entries(2, "WSRELAY_EVENT=close")}
    assert {"127.0.0.1:8080", "127.0.0.1:8081"} <= listeners


def test_a_listener_moves_within_its_port(installed: Machine) -> None:
    """The old socket is in the store until the new one is open."""
    with installed.connect() as wire:
        for address in ("*:8080", "127.0.0.1:8080"):
            installed.path(CONF).write_text(f'{ECHO}[[listen]]\naddress = "{address}"\n')
            installed.run("systemctl", "restart", "wsrelay")
            still_there(wire)
            installed.echo()
        wire.finish()


def test_from_bound_to_inherited_sockets_and_back(installed: Machine) -> None:
    """systemd opens the address that the relay had bound; connections do not care."""
    with installed.connect() as wire:
        installed.run("install", "-D", "-m", "644", EXAMPLE, f"{UNIT}/socket-activation.conf")
        installed.shell("systemctl daemon-reload && systemctl restart wsrelay")
        still_there(wire)
        with installed.connect() as other:
            installed.run("systemctl", "restart", "wsrelay")
            still_there(wire)
            still_there(other)
            other.finish()
        wire.finish()
    closed = installed.wait_entries(2, "WSRELAY_EVENT=close")
    # Each worker writes down its own, in whatever order.
    assert sorted(entry["WSRELAY_RESTARTS"] for entry in closed) == ["1", "2"]


def test_a_unit_without_a_store(installed: Machine) -> None:
    """What cannot be kept is closed with 1012, not lost."""
    folder = installed.path(UNIT)
    folder.mkdir(parents=True)
    (folder / "store.conf").write_text("[Service]\nFileDescriptorStoreMax=0\n")
    installed.run("systemctl", "daemon-reload")
    with installed.connect() as wire:
        restart = subprocess.Popen(installed.command("systemctl", "restart", "wsrelay"))
        assert answer_close(wire) == 1012
        assert restart.wait(30) == 0
    assert "the unit needs FileDescriptorStoreMax=16" in installed.messages()
    assert installed.journal("WSRELAY_CAUSE=restart")[0]["WSRELAY_CLEAN"] == "yes"


def test_a_wrong_file_closes_in_order(installed: Machine) -> None:
    with installed.connect() as wire:
        installed.path(CONF).write_text("nonsense = 1\n")
        restart = subprocess.Popen(installed.command("systemctl", "restart", "wsrelay"))
        assert answer_close(wire) == 1012
        assert restart.wait(30) != 0


def test_without_a_bus(installed: Machine) -> None:
    """The relay is told by root, who needs none to ask the manager."""
    installed.run("systemctl", "mask", "--now", "dbus.socket", "dbus.service")
    with installed.connect() as wire:
        installed.run("systemctl", "restart", "wsrelay")
        still_there(wire)
        wire.finish()


def test_upgrade_keeps_every_connection(installed: Machine, newer_package: Path) -> None:
    shutil.copy(newer_package, installed.path("/srv/newer.deb"))
    with traffic(installed):
        installed.run("dpkg", "--install", "/srv/newer.deb")
        installed.run("dpkg", "--install", "--force-downgrade", "/srv/wsrelay.deb")
    entries = installed.wait_entries(2, "WSRELAY_EVENT=restart")
    assert [entry["WSRELAY_ADOPTED"] for entry in entries] == ["16", "16"]
    assert not installed.journal("WSRELAY_CAUSE=restart")


def test_an_address_in_use_does_not_lose_them(installed: Machine) -> None:
    """The new process cannot start, and the one after it takes up what is still in the store."""
    with installed.network():
        occupied = socket.create_server(("127.0.0.1", 9000))
    with installed.connect() as wire:
        installed.path(CONF).write_text(
            ECHO
            + '[[listen]]\naddress = "127.0.0.1:8080"\n[[listen]]\naddress = "127.0.0.1:9000"\n'
        )
        with occupied:
            assert installed.try_run("systemctl", "restart", "wsrelay").returncode != 0
            installed.wait_message("cannot listen on 127.0.0.1:9000")
        installed.wait_restarted(0)
        still_there(wire)
        wire.finish()
    installed.echo(9000)


def test_kill_9_loses_them_and_listens_again_at_once(installed: Machine) -> None:
    old = installed.pid_here(installed.main_pid())
    with installed.connect() as wire:
        began = time.monotonic()
        os.kill(old, signal.SIGKILL)
        assert wire.read_to_end() == b""
        while True:
            try:
                installed.echo()
                break
            except (ConnectionError, EOFError, AssertionError):
                continue
        took = time.monotonic() - began
    MEASURED.append(f"back after {took * 1000:.0f} ms")
    assert took < 0.5 * SLACK
    assert not installed.journal("WSRELAY_EVENT=restart")
