"""The tables of docs/close-events.md: what every record must agree with."""

from __future__ import annotations

import re
from dataclasses import dataclass

from support.daemon import ROOT

TEXT = (ROOT / "docs" / "close-events.md").read_text()


@dataclass(frozen=True)
class CauseRow:
    """One row of the table of causes."""

    initiator: str
    layer: str
    priority: str
    message_id: str


def _rows(first_column: str) -> list[list[str]]:
    """The cells of the table that begins with this column's title."""
    table = re.search(rf"^\| {first_column} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    assert table, f"docs/close-events.md has no table of {first_column}"
    lines = table.group(1).splitlines()
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


CAUSES = {row[0]: CauseRow(row[1], row[2], row[3], row[5]) for row in _rows("Cause")}
EVENT_IDS = {row[0]: row[2] for row in _rows("Event")}
