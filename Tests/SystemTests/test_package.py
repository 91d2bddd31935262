"""The package: installed, upgraded and purged, with a good configuration and with a bad one."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

from support.deadlines import MEASURED, SLACK
from support.wire import TEXT, frame
from SystemTests.conftest import NEWER
from SystemTests.machine import Machine

CONF = "/etc/wsrelay.conf"
WRONG = "[log]\nlevle = 1\n"
ADDED_ROUTE = '\n[[route]]\npath = "/mine"\nmode = "echo"\n'

# Where dpkg, systemd and the machine's other programs keep what they know, not we.
KEPT_BY_OTHERS = re.compile(r"(root|run|tmp|var/(cache|lib/dpkg|lib/systemd/catalog|log|tmp))(/|$)")


def traces(machine: Machine) -> dict[str, set[str]]:
    """Whatever a package could leave behind."""
    asked = {
        "users": ["getent", "passwd"],
        "groups": ["getent", "group"],
        "sockets": ["ss", "--listening", "--tcp", "--udp", "--numeric", "--no-header"],
        "units": ["systemctl", "list-units", "--all", "--plain", "--no-legend", "*wsrelay*"],
        "unit files": ["systemctl", "list-unit-files", "--no-legend"],
        "state of others": ["find", "/run", "/var", "/tmp", "-name", "*wsrelay*"],
    }
    found = {what: set(machine.run(*command).splitlines()) for what, command in asked.items()}
    found["files"] = {path for path in machine.changed() if not KEPT_BY_OTHERS.match(path)}
    return found


def test_install_serve_purge_leaves_nothing(machine: Machine) -> None:
    before = traces(machine)
    began = time.monotonic()
    machine.run("dpkg", "--install", "/srv/wsrelay.deb")
    assert machine.show("wsrelay", "ActiveState") == "active"
    assert machine.show("wsrelay", "UnitFileState") == "enabled"
    machine.echo()
    took = time.monotonic() - began
    during = traces(machine)
    assert any("8080" in socket for socket in during["sockets"])
    assert {"usr/bin/wsrelay", "etc/wsrelay.conf"} <= during["files"]
    began = time.monotonic()
    machine.run("dpkg", "--purge", "wsrelay")
    took += time.monotonic() - began
    assert traces(machine) == before
    assert machine.try_run("dpkg-query", "--show", "wsrelay").returncode != 0
    MEASURED.append(f"{took:.1f} s to install, serve and purge")
    assert took < 15 * SLACK


def test_remove_keeps_the_configuration(installed: Machine) -> None:
    with installed.path(CONF).open("a") as conf:
        conf.write(ADDED_ROUTE)
    installed.run("dpkg", "--remove", "wsrelay")
    assert installed.show("wsrelay", "LoadState") == "not-found"
    installed.run("dpkg", "--install", "/srv/wsrelay.deb")
    installed.echo(path="/mine")


def test_installed_over_a_wrong_file(machine: Machine) -> None:
    """The package must be configured all the same, and the service enabled, but not started."""
    machine.path(CONF).write_text(WRONG)
    done = machine.try_run("dpkg", "--install", "--force-confold", "/srv/wsrelay.deb")
    assert done.returncode == 0, done.stderr
    assert f"{CONF}:2:1: error: unknown key" in done.stderr
    assert "wsrelay: not started" in done.stderr
    assert machine.run("dpkg-query", "-Wf${Status}", "wsrelay") == "install ok installed"
    assert machine.show("wsrelay", "UnitFileState") == "enabled"
    assert machine.show("wsrelay", "ActiveState") == "inactive"
    machine.path(CONF).write_text("")
    machine.run("systemctl", "start", "wsrelay")
    machine.echo()


def test_upgrade_restarts_and_keeps_the_edited_file(
    installed: Machine, newer_package: Path
) -> None:
    with installed.path(CONF).open("a") as conf:
        conf.write(ADDED_ROUTE)
    edited = installed.path(CONF).read_text()
    old = installed.main_pid()
    shutil.copy(newer_package, installed.path("/srv/newer.deb"))
    with installed.connect() as wire:
        installed.run("dpkg", "--install", "/srv/newer.deb")
        wire.send(frame(TEXT, b"still there"))
        assert wire.read_frame().payload == b"still there"
    assert installed.run("dpkg-query", "-Wf${Version}", "wsrelay") == NEWER
    assert installed.path(CONF).read_text() == edited
    assert installed.main_pid() not in (0, old)
    installed.echo(path="/mine")


def test_upgrade_with_a_wrong_file_is_no_outage(installed: Machine, newer_package: Path) -> None:
    old = installed.main_pid()
    with installed.path(CONF).open("a") as conf:
        conf.write("[nonsense]\n")
    shutil.copy(newer_package, installed.path("/srv/newer.deb"))
    with installed.connect():
        done = installed.try_run("dpkg", "--install", "/srv/newer.deb")
        assert done.returncode == 0, done.stderr
        assert installed.run("dpkg-query", "-Wf${Status}", "wsrelay") == "install ok installed"
        assert installed.main_pid() == old
        installed.echo()


def test_disabled_stays_disabled(installed: Machine, newer_package: Path) -> None:
    installed.run("systemctl", "disable", "--now", "wsrelay")
    shutil.copy(newer_package, installed.path("/srv/newer.deb"))
    installed.run("dpkg", "--install", "/srv/newer.deb")
    assert installed.show("wsrelay", "UnitFileState") == "disabled"
    assert installed.show("wsrelay", "ActiveState") == "inactive"


def test_what_comes_with_it(installed: Machine) -> None:
    for page in ("8 wsrelay", "5 wsrelay.conf", "1 wsrelay-closes", "1 wsrelay-bench"):
        assert installed.shell(f"man -w {page}").endswith(".gz")
    for program in ("wsrelay", "wsrelay-bench"):
        completions = f"/usr/share/bash-completion/completions/{program}"
        assert program in installed.shell(f"source {completions}; complete -p {program}")
    # The load tool works on what was installed with it.
    load = "wsrelay-bench echo -c 3 --duration 500ms ws://127.0.0.1:8080/echo"
    assert "verified" in installed.shell(load)
    # The catalog explains entries.
    assert "What to do:" in installed.run("journalctl", "-u", "wsrelay", "-x")
    entry = installed.journal("WSRELAY_EVENT=start")[0]
    assert entry["WSRELAY_VERSION"] == installed.run("dpkg-query", "-Wf${Version}", "wsrelay")
