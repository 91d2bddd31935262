"""Fixtures: a daemon with a configuration of the test's own, stopped and checked at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.certificates import Authority, Pair
from support.daemon import BINARY, Daemon, running
from support.routes import ROUTES as ROUTES

RelayFactory = Callable[..., Daemon]


def pytest_configure(config: pytest.Config) -> None:
    if not BINARY.exists():
        raise pytest.UsageError(f"no {BINARY}: run `make build` first")


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RelayFactory]:
    """`relay(text)` starts a daemon; PORT in the text, or an added listener, is a free port."""
    with ExitStack() as stack:

        def start(
            text: str = ROUTES, *arguments: str, port: int | None = None, **environment: str
        ) -> Daemon:
            return stack.enter_context(
                running(tmp_path, text, *arguments, port=port, **environment)
            )

        yield start


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def local(authority: Authority) -> Pair:
    """A certificate for where the relays of these tests listen."""
    return authority.issue("localhost", "IP:127.0.0.1", label="local")
