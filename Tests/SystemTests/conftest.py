"""Fixtures: machines that have booted, with the package installed or not."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.daemon import ROOT
from support.deadlines import MEASURED
from SystemTests.machine import Machine, booted

NEWER = "0.1.0+next"
MANY = 10_500


def pytest_configure() -> None:
    if os.geteuid() != 0:
        raise pytest.UsageError("booting a machine needs root")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in MEASURED:
        terminalreporter.write_line(f"measured: {line}")


def build(folder: Path, *version: str) -> Path:
    """Builds the package around the binary that `make build` has built."""
    done = subprocess.run(
        [ROOT / "packaging/build-deb", folder, *version],
        env=os.environ | {"DEB_BUILD_OPTIONS": "noautodbgsym"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (package,) = folder.glob("*.deb")
    return package


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package."""
    return build(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def newer_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a higher version."""
    return build(tmp_path_factory.mktemp("newer"), NEWER)


@pytest.fixture
def machine(package: Path) -> Iterator[Machine]:
    """A machine that has booted and has the package's file in /srv."""
    with booted() as machine:
        shutil.copy(package, machine.path("/srv/wsrelay.deb"))
        yield machine


@pytest.fixture
def installed(machine: Machine) -> Machine:
    """A machine with the package installed, as it comes."""
    machine.run("dpkg", "--install", "/srv/wsrelay.deb")
    return machine


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """As many descriptors as ten thousand clients need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard > MANY, f"needs {MANY} descriptors; `ulimit -Hn` is {hard}"
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
