"""`make install` and `make uninstall`, below a folder of the test's own; no machine is booted."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from support.daemon import BINARY, ROOT


def make(verb: str, folder: Path, *variables: str) -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", verb, f"DESTDIR={folder}", f"BINARY={BINARY}", *variables],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_install_and_uninstall(tmp_path: Path) -> None:
    make("install", tmp_path)
    installed = files(tmp_path)
    assert {
        "usr/local/bin/wsrelay",
        "usr/local/bin/wsrelay-bench",
        "usr/local/lib/systemd/system/wsrelay.service",
        "usr/local/lib/systemd/system/wsrelay.socket",
        "usr/local/lib/systemd/catalog/wsrelay.catalog",
        "usr/local/share/man/man1/wsrelay-bench.1",
        "usr/local/share/man/man5/wsrelay.conf.5",
        "usr/local/share/man/man8/wsrelay.8",
        "usr/local/share/bash-completion/completions/wsrelay",
        "usr/local/share/zsh/site-functions/_wsrelay",
        "usr/local/share/fish/vendor_completions.d/wsrelay.fish",
        "usr/local/share/doc/wsrelay/README.md",
        "usr/local/share/doc/wsrelay/examples/socket-activation.conf",
        "usr/local/share/doc/wsrelay/examples/tls.conf",
        "etc/wsrelay.conf",
    } <= installed
    binary = tmp_path / "usr/local/bin/wsrelay"
    assert os.access(binary, os.X_OK)
    assert binary.stat().st_size < BINARY.stat().st_size, "not stripped"
    # What names the binary names the one that was installed.
    examples = "share/doc/wsrelay/examples"
    for name in ("lib/systemd/system/wsrelay.service", f"{examples}/socket-activation.conf"):
        unit = tmp_path / "usr/local" / name
        assert "ExecStart=/usr/local/bin/wsrelay serve" in unit.read_text()
        assert "/usr/bin/wsrelay" not in unit.read_text()
    make("uninstall", tmp_path)
    assert files(tmp_path) == set()


def test_everything_can_be_elsewhere(tmp_path: Path) -> None:
    places = ["prefix=/usr", "unitdir=/u", "sysconfdir=/c", "bashcompletiondir=/b"]
    make("install", tmp_path, *places)
    assert {"usr/bin/wsrelay", "u/wsrelay.service", "c/wsrelay.conf", "b/wsrelay"} <= files(
        tmp_path
    )
    make("uninstall", tmp_path, *places)
    assert files(tmp_path) == set()


def test_an_edited_file_is_the_operators(tmp_path: Path) -> None:
    conf = tmp_path / "etc/wsrelay.conf"
    conf.parent.mkdir()
    conf.write_text("threads = 1\n")
    make("install", tmp_path)
    assert conf.read_text() == "threads = 1\n"
    make("uninstall", tmp_path)
    assert files(tmp_path) == {"etc/wsrelay.conf"}
