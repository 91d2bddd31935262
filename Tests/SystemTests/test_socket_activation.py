"""The strictest mode: systemd owns the sockets, and the relay has no network and no privilege."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from SystemTests.machine import Machine

DROP_IN = "/etc/systemd/system/wsrelay.service.d/socket-activation.conf"
EXAMPLE = "/usr/share/doc/wsrelay/examples/socket-activation.conf"


@pytest.fixture
def activated(installed: Machine) -> Machine:
    """As the example says at its head."""
    installed.run("install", "-D", "-m", "644", EXAMPLE, DROP_IN)
    installed.shell("systemctl daemon-reload && systemctl restart wsrelay")
    return installed


def exposure(machine: Machine) -> float:
    text = machine.run("systemd-analyze", "security", "--offline=yes", "wsrelay.service")
    (line,) = (line for line in text.splitlines() if "Overall exposure level" in line)
    return float(line.split(":")[1].split()[0])


def test_exposure_of_the_default(installed: Machine) -> None:
    assert exposure(installed) <= 1.6


def test_exposure_of_the_strictest(activated: Machine) -> None:
    assert exposure(activated) <= 0.2


def test_units_are_silent(activated: Machine) -> None:
    done = activated.try_run("systemd-analyze", "verify", "wsrelay.service", "wsrelay.socket")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_serves_and_is_shut_in(activated: Machine) -> None:
    activated.echo()
    assert activated.journal("WSRELAY_EVENT=close")[0]["WSRELAY_LISTENER"] == (
        "systemd:wsrelay.socket"
    )
    process = Path(f"/proc/{activated.pid_here(activated.main_pid())}")
    machine = Path(f"/proc/{activated.leader}")
    assert os.readlink(process / "ns/net") != os.readlink(machine / "ns/net")
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0, name
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"


def test_reload_and_restart(activated: Machine) -> None:
    conf = activated.path("/etc/wsrelay.conf")
    conf.write_text('[[route]]\npath = "/new"\nmode = "echo"\n')
    activated.run("systemctl", "reload", "wsrelay")
    activated.wait_entries(1, "WSRELAY_EVENT=reload", "WSRELAY_RESULT=applied")
    activated.echo(path="/new")
    conf.write_text("nonsense = 1\n")
    assert activated.try_run("systemctl", "reload", "wsrelay").returncode != 0
    activated.echo(path="/new")
    conf.write_text("")
    activated.run("systemctl", "restart", "wsrelay")
    activated.echo()


def test_started_by_a_connection(activated: Machine) -> None:
    """Nobody is refused while the relay is away: the socket waits, and a connection starts it."""
    activated.run("systemctl", "stop", "wsrelay.service")
    assert activated.main_pid() == 0
    activated.echo()
    assert activated.main_pid() != 0


def test_other_addresses(activated: Machine) -> None:
    folder = activated.path("/etc/systemd/system/wsrelay.socket.d")
    folder.mkdir()
    (folder / "override.conf").write_text("[Socket]\nListenStream=\nListenStream=127.0.0.1:80\n")
    activated.shell(
        "systemctl daemon-reload && systemctl stop wsrelay && systemctl restart wsrelay.socket"
    )
    activated.echo(80)
