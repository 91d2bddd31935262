"""Fixtures: a journald that a test may stop and kill, and daemons that log to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.daemon import free_port, supervised

from records.daemon import JournalDaemon, JournalRelay
from records.journald import Journald


@pytest.fixture(scope="session")
def session_journald() -> Iterator[Journald]:
    journald = Journald()
    journald.repair()
    yield journald
    journald.end()
    journald.drop_sockets()


@pytest.fixture
def journald(session_journald: Journald) -> Iterator[Journald]:
    """A journald that runs; a test may do what it likes to it."""
    yield session_journald
    session_journald.repair()


@pytest.fixture
def relay(journald: Journald, tmp_path: Path) -> Iterator[JournalRelay]:
    """`relay(text, *prefix)` starts a daemon that logs to the journal, prefixed by a command."""
    with ExitStack() as stack:

        def start(text: str, *prefix: str, follow: tuple[str, ...] = ()) -> JournalDaemon:
            config = tmp_path / "wsrelay.conf"
            daemon = JournalDaemon(config, text, free_port(), *prefix, follow=follow)
            return stack.enter_context(supervised(daemon))

        yield start
