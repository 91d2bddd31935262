"""What the README tells an operator to type, word by word, in its order."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from support.daemon import ROOT
from support.wire import TEXT, frame
from SystemTests.machine import Machine

FENCED = re.compile(r"^```(sh|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def steps() -> list[tuple[str, str]]:
    """The fenced blocks of the section for operators: what to type, what to put into the file."""
    text = (ROOT / "README.md").read_text()
    (section,) = re.findall(r"^## Install it\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    return FENCED.findall(section)


def test_quick_start(machine: Machine, package: Path) -> None:
    folder = machine.path("/srv/download")
    folder.mkdir()
    shutil.copy(package, folder)
    said = {}
    for kind, text in steps():
        if kind == "toml":
            with machine.path("/etc/wsrelay.conf").open("a") as conf:
                conf.write("\n" + text)
        else:
            said[text.split()[0]] = machine.shell(f"cd /srv/download\n{text}")
        if "systemctl reload" in text:
            machine.wait_entries(1, "WSRELAY_EVENT=reload", "WSRELAY_RESULT=applied")
            # Somebody's client is killed, so that there is something to see in the next step.
            with machine.connect(80, "/ticker") as one, machine.connect(8080, "/ticker") as other:
                one.send(frame(TEXT, b"42"))
                assert other.read_frame().payload == b"42"
                one.reset()
            machine.wait_entries(2, "WSRELAY_EVENT=close")
        if "WSRELAY_CLEAN=no" in text:
            assert "closed 1006 peer-reset /ticker" in said["journalctl"]
            assert "What to do:" in said["journalctl"]
    machine.echo()
    assert machine.main_pid() != 0
    assert machine.journal("WSRELAY_EVENT=close")[-1]["WSRELAY_LISTENER"] == (
        "systemd:wsrelay.socket"
    )
