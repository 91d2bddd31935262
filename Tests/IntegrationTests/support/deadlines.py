"""Waiting for things that send no event, with an end to it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import TypeVar

# Generous: a wait ends when its event comes. Only a failing test pays the whole of it.
DEADLINE = 20.0

# A time that is measured is held to its bound where somebody sees to it that the machine is quiet.
# CI shares its machine with others: there it may take so many times as long, and what it took is
# printed.
SLACK = 3.0 if os.environ.get("CI") else 1.0
# What was measured, a line each; shown at the end of the run, also where nothing failed.
MEASURED: list[str] = []

T = TypeVar("T")


def eventually(look: Callable[[], T], what: str, deadline: float = DEADLINE) -> T:
    """Looks until the answer is true; for what can only be looked at, such as /proc."""
    end = time.monotonic() + deadline
    pause = threading.Event()
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"within {deadline} s: {what}")
        pause.wait(0.005)
