"""The table at the end: what each attack got, and what it cost whom."""

from __future__ import annotations

import subprocess
from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from attack.arena import HAS_JOURNAL, IS_SHORT, ROWS, Arena, ArenaFactory, arena
from attack.bound import Bound
from attack.good import WSLOAD
from support.daemon import BINARY, ROOT

pytest_plugins = ["records.fixtures"] if HAS_JOURNAL else []


def pytest_configure(config: pytest.Config) -> None:
    if not BINARY.exists():
        raise pytest.UsageError(f"no {BINARY}: run `make build` first")
    subprocess.run(["make", "--silent", "-C", str(ROOT / "Benchmarks"), "all"], check=True)
    assert WSLOAD.exists()


@pytest.fixture
def relay_under_attack(tmp_path: Path, request: pytest.FixtureRequest) -> ArenaFactory:
    """`relay_under_attack(text, bound)` is a relay with those settings, in a `with`."""
    journald = request.getfixturevalue("journald").pid if HAS_JOURNAL else None

    def start(text: str, bound: Bound | None = None, *prefix: str) -> AbstractContextManager[Arena]:
        return arena(tmp_path, text, bound or Bound(), *prefix, journald=journald)

    return start


def _summary(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.most_common(3))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table, as text; each of its lines was asserted by its test."""
    lines = [
        ("attack", "what the attacker got", "entries", "RSS MiB", "bound", "p99 ms", "attacked")
    ]
    for row in ROWS:
        lines.append(
            (
                row.attack,
                _summary(row.answers),
                _summary(row.entries),
                f"{row.rss_kib / 1024:.0f}",
                f"{row.allowed_kib / 1024:.0f}",
                f"{row.before.p99_us / 1000:.2f}",
                f"{row.during.p99_us / 1000:.2f}" + ("~" if row.is_disturbed else " "),
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    terminalreporter.section("attacks")
    for line in lines:
        cells = [
            cell.ljust(width) if column < 3 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        terminalreporter.write_line("  ".join(cells).rstrip())
    if IS_SHORT:
        terminalreporter.write_line("the short form asserts no p99; everything else was asserted")
    elif disturbed := [row for row in ROWS if row.is_disturbed]:
        terminalreporter.write_line(
            f"~ the p99 of {len(disturbed)} rows was not asserted: others used up to"
            f" {max(row.others for row in disturbed):.0%} of this machine meanwhile;"
            " everything else was"
        )
    where = "a real journald's" if HAS_JOURNAL else "those on standard error; no root, no journald"
    terminalreporter.write_line(f"the entries are {where}")
