"""The service as systemd runs it: started, reloaded, stopped, killed, stuck."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from SystemTests.machine import Entry, Machine, answer_close

CONF = "/etc/wsrelay.conf"
WATCHDOG_SECONDS = 10.0

ECHO = '[[route]]\npath = "/echo"\nmode = "echo"\n'


def listen(*addresses: str) -> str:
    return ECHO + "".join(f'[[listen]]\naddress = "{address}"\n' for address in addresses)


def closes(machine: Machine, cause: str) -> list[Entry]:
    return machine.journal("WSRELAY_EVENT=close", f"WSRELAY_CAUSE={cause}")


def test_a_day_in_the_journal(installed: Machine) -> None:
    """Started, used, reloaded, stopped: `journalctl -u wsrelay` tells it in that order."""
    installed.echo()
    with installed.connect() as wire:
        wire.reset()
    installed.run("systemctl", "reload", "wsrelay")
    with installed.connect() as wire:
        stop = subprocess.Popen(installed.command("systemctl", "stop", "wsrelay"))
        assert answer_close(wire) == 1001
    assert stop.wait(30) == 0
    entries = [entry for entry in installed.journal() if "WSRELAY_EVENT" in entry]
    told = [(entry["WSRELAY_EVENT"], entry.get("WSRELAY_CAUSE")) for entry in entries]
    assert told == [
        ("start", None),
        ("close", "peer-close"),
        ("close", "peer-reset"),
        ("reload", None),
        ("drain", None),
        ("close", "drain"),
        ("stop", None),
    ]
    assert {entry["_SYSTEMD_UNIT"] for entry in entries} == {"wsrelay.service"}
    assert installed.show("wsrelay", "Result") == "success"


def test_status_line(installed: Machine) -> None:
    with installed.connect():
        text = installed.show("wsrelay", "StatusText")
        assert "connections on 3 routes" in text


def test_reload_of_a_good_file(installed: Machine) -> None:
    old = installed.main_pid()
    with installed.connect() as before:
        installed.path(CONF).write_text(ECHO + '[[route]]\npath = "/new"\nmode = "echo"\n')
        installed.run("systemctl", "reload", "wsrelay")
        installed.wait_entries(1, "WSRELAY_EVENT=reload", "WSRELAY_RESULT=applied")
        installed.echo(path="/new")
        before.finish()
    assert installed.main_pid() == old


def test_reload_of_a_wrong_file(installed: Machine) -> None:
    """It fails, the journal has the place of the error, and the old configuration serves on."""
    old = installed.main_pid()
    with installed.connect() as before:
        installed.path(CONF).write_text(ECHO + "  idel_timeout = 1\n")
        done = installed.try_run("systemctl", "reload", "wsrelay")
        assert done.returncode != 0
        assert "failed" in done.stderr
        assert f'{CONF}:4:3: error: unknown key "idel_timeout"' in installed.messages()
        errors = installed.journal("PRIORITY=3", "_COMM=wsrelay")
        assert any("idel_timeout" in entry["MESSAGE"] for entry in errors), "not found by -p err"
        assert not installed.journal("WSRELAY_EVENT=reload"), "the daemon was bothered with it"
        installed.echo(path="/echo")
        before.finish()
    assert installed.main_pid() == old
    assert installed.show("wsrelay", "ActiveState") == "active"


def test_listeners_changed_by_a_reload(installed: Machine) -> None:
    installed.path(CONF).write_text(listen("127.0.0.1:8081", "*:80", "unix:/run/wsrelay/a.sock"))
    with installed.connect(8080) as before:
        installed.run("systemctl", "reload", "wsrelay")
        installed.wait_entries(1, "WSRELAY_EVENT=reload", "WSRELAY_RESULT=applied")
        installed.echo(8081)
        # A port below 1024, as the unit comes.
        installed.echo(80)
        assert installed.path("/run/wsrelay/a.sock").is_socket()
        assert ":8080" not in installed.run("ss", "-ltnH")
        before.finish()


def test_a_unix_socket_for_a_proxy(installed: Machine) -> None:
    """Group= says who may use it, as README has it."""
    path = "/run/wsrelay/relay.sock"
    installed.path(CONF).write_text(listen(f"unix:{path}"))
    folder = installed.path("/etc/systemd/system/wsrelay.service.d")
    folder.mkdir(parents=True)
    (folder / "override.conf").write_text("[Service]\nGroup=www-data\n")
    installed.shell("systemctl daemon-reload && systemctl restart wsrelay")
    dial = f"import socket; socket.socket(socket.AF_UNIX).connect({path!r})"
    for user, allowed in (("www-data", True), ("nobody", False)):
        done = installed.try_run("runuser", "-u", user, "--", "python3", "-c", dial)
        assert (done.returncode == 0) is allowed, done.stderr
        assert allowed or "PermissionError" in done.stderr


def test_stop_with_clients(installed: Machine) -> None:
    with ExitStack() as stack:
        wires = [stack.enter_context(installed.connect()) for _ in range(100)]
        stop = subprocess.Popen(installed.command("systemctl", "stop", "wsrelay"))
        for wire in wires:
            assert answer_close(wire) == 1001
        assert stop.wait(30) == 0
    drained = closes(installed, "drain")
    assert len(drained) == 100
    assert {entry["WSRELAY_CLEAN"] for entry in drained} == {"yes"}
    assert len({entry["WSRELAY_CONNECTION_ID"] for entry in drained}) == 100


def test_kill_9(installed: Machine) -> None:
    old = installed.main_pid()
    os.kill(installed.pid_here(old), signal.SIGKILL)
    installed.wait_restarted(old, 5)
    installed.echo()
    assert "status=9/KILL" in installed.messages()


def test_a_stopped_process(installed: Machine) -> None:
    old = installed.main_pid()
    began = time.monotonic()
    os.kill(installed.pid_here(old), signal.SIGSTOP)
    restarted_by_watchdog(installed, old, began)


def test_a_stuck_worker(installed: Machine) -> None:
    """One thread that hangs, while all others go on."""
    old = installed.main_pid()
    tasks = Path(f"/proc/{installed.pid_here(old)}/task").iterdir()
    (worker,) = (task.name for task in tasks if (task / "comm").read_text() == "wsrelay-0\n")
    hold = [sys.executable, str(Path(__file__).parent / "hold_thread.py"), worker]
    began = time.monotonic()
    with subprocess.Popen(hold, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            restarted_by_watchdog(installed, old, began)
        finally:
            holder.terminate()


def restarted_by_watchdog(machine: Machine, old: int, began: float) -> None:
    machine.wait_restarted(old, WATCHDOG_SECONDS + 10)
    took = time.monotonic() - began
    machine.echo()
    text = machine.messages()
    assert f"Watchdog timeout (limit {WATCHDOG_SECONDS:.0f}s)" in text
    assert "Failed with result 'watchdog'" in text
    assert took < WATCHDOG_SECONDS + 1, f"restarted after {took:.1f} s"


def test_a_wrong_file_is_not_tried_again(installed: Machine) -> None:
    installed.path(CONF).write_text("nonsense = 1\n")
    assert installed.try_run("systemctl", "restart", "wsrelay").returncode != 0
    assert installed.show("wsrelay", "ActiveState") == "failed"
    assert installed.show("wsrelay", "NRestarts") == "0"
    assert f"{CONF}:1:1: error: unknown key" in installed.messages()


def test_an_address_in_use_is_tried_again(installed: Machine) -> None:
    installed.path(CONF).write_text(listen("127.0.0.1:9000"))
    with installed.network():
        occupied = socket.create_server(("127.0.0.1", 9000))
    with occupied:
        assert installed.try_run("systemctl", "restart", "wsrelay").returncode != 0
        installed.wait_message("cannot listen on 127.0.0.1:9000: something else already does")
    installed.wait_restarted(0)
    installed.echo(9000)
