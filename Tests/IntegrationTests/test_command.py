"""The command line: exit codes, configuration errors, and what check prints."""

from __future__ import annotations

import re
import socket
import subprocess
import tomllib
from pathlib import Path

import pytest
from conftest import ROUTES
from support.daemon import BINARY, ROOT, complete, free_port, running
from websockets.sync.client import connect

USAGE, UNAVAILABLE, CONFIGURATION = 64, 69, 78


def wsrelay(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BINARY), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=20,
        stdin=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", **environment},
    )


@pytest.mark.parametrize("arguments", [["serve", "--nonsense"], ["bogus"], ["check", "--config"]])
def test_usage(arguments: list[str]) -> None:
    run = wsrelay(*arguments)
    assert run.returncode == USAGE
    assert run.stderr and not run.stdout


def test_help_and_version() -> None:
    for flag in ("--help", "--version"):
        run = wsrelay(flag)
        assert run.returncode == 0 and run.stdout and not run.stderr


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("1006", ["Abnormal Closure", "Never on the wire", "peer-reset"]),
        ("WSRELAY_CAUSE=peer-reset", ["ECONNRESET", "Usual reasons:", "What to do:"]),
        ("4711", ["application itself"]),
        ("gap", ["missing"]),
    ],
)
def test_explain(topic: str, words: list[str]) -> None:
    run = wsrelay("explain", topic)
    assert run.returncode == 0 and not run.stderr
    assert all(word in run.stdout for word in words), run.stdout


def test_explain_lists_what_it_knows() -> None:
    run = wsrelay("explain")
    assert run.returncode == 0
    assert all(f"\n  {topic} " in run.stdout for topic in ("peer-fin", "1006", "3008", "reject"))


@pytest.mark.parametrize(
    ("topic", "answer"),
    [
        ("peer-rest", 'did you mean "peer-reset"'),
        ("x\x1b[2J\n", "x\\x1b[2J\\x0a"),
        ("99999", "65535"),
    ],
)
def test_explain_does_not_know(topic: str, answer: str) -> None:
    run = wsrelay("explain", topic)
    assert run.returncode == USAGE
    assert answer in run.stderr and "\x1b" not in run.stderr


def test_address_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config = tmp_path / "wsrelay.conf"
        config.write_text(complete(ROUTES, port))
        run = wsrelay("serve", "--config", config)
    assert run.returncode == UNAVAILABLE
    assert str(port) in run.stderr


BAD = """\
threads = "many"
colour = "red"

[[listen]]
address = "127.0.0.1:PORT"

[[route]]
path = "/echo"
mode = "ehco"
idel_timeout = "10m"

[[route]]
path = "no-slash"
mode = "echo"
ping_interval = "10 parsecs"
"""


@pytest.mark.parametrize("command", ["serve", "check"])
def test_all_errors_at_once(tmp_path: Path, command: str) -> None:
    config = tmp_path / "wsrelay.conf"
    port = free_port()
    config.write_text(complete(BAD, port))
    run = wsrelay(command, "--config", config)
    assert run.returncode == CONFIGURATION
    places = re.findall(re.escape(str(config)) + r":(\d+):\d+: error: ", run.stderr)
    assert {int(line) for line in places} >= {1, 2, 9, 10, 13, 15}, run.stderr
    assert 'did you mean "idle_timeout"' in run.stderr
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)


def test_syntax_error(tmp_path: Path) -> None:
    config = tmp_path / "wsrelay.conf"
    config.write_text("threads = \n")
    run = wsrelay("check", "--config", config)
    assert run.returncode == CONFIGURATION
    assert f"{config}:1:" in run.stderr


def test_shipped_file_is_good() -> None:
    run = wsrelay("check", "--config", ROOT / "config" / "wsrelay.conf")
    assert run.returncode == 0, run.stderr


def test_print_effective_round_trip(tmp_path: Path) -> None:
    source, printed = tmp_path / "source.conf", tmp_path / "printed.conf"
    source.write_text(complete('threads = 2\n[defaults]\nidle_timeout = "7m"\n' + ROUTES, 8080))
    first = wsrelay("check", "--config", source, "--print-effective")
    assert first.returncode == 0, first.stderr
    assert '"7m"' in first.stdout
    printed.write_text(first.stdout)
    second = wsrelay("check", "--config", printed, "--print-effective")
    assert second.returncode == 0, second.stderr
    # As values: the comments say where each came from, which is now the other file.
    assert tomllib.loads(second.stdout) == tomllib.loads(first.stdout)


def test_configuration_from_the_environment(tmp_path: Path) -> None:
    config = tmp_path / "wsrelay.conf"
    config.write_text("nonsense = 1\n")
    run = wsrelay("check", WSRELAY_CONFIG=str(config))
    assert run.returncode == CONFIGURATION and str(config) in run.stderr


def test_text_log_is_one_readable_line(tmp_path: Path) -> None:
    """The text format says the same as the journal's MESSAGE."""
    config = tmp_path / "wsrelay.conf"
    port = free_port()
    config.write_text(complete(ROUTES + '[log]\ntarget = "stderr"\nformat = "text"\n', port))
    process = subprocess.Popen(
        [str(BINARY), "serve", "--config", str(config)], stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        process.stderr.readline()
        with connect(f"ws://127.0.0.1:{port}/echo") as client:
            client.send("hello")
            client.recv()
        line = process.stderr.readline()
        assert re.search(r"closed 1000 peer-close /echo 127\.0\.0\.1:\d+ ", line), line
    finally:
        process.terminate()
        process.wait(20)
        if process.stderr is not None:
            process.stderr.close()


def test_two_daemons_do_not_disturb_each_other(tmp_path: Path) -> None:
    with running(tmp_path, ROUTES, name="a.conf") as a, running(tmp_path, ROUTES, name="b.conf"):
        with connect(a.url()) as client:
            client.send("a")
            assert client.recv() == "a"
        assert a.closed()["WSRELAY_CAUSE"] == "peer-close"
