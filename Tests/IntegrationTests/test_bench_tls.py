"""The load tool through TLS: every kind of load, and servers that it must not trust."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import RelayFactory
from support.certificates import Authority, Pair
from support.daemon import BINARY
from support.secure import secure

BENCH = BINARY.with_name("wsrelay-bench")
SHORT = ["--duration", "700ms", "--warmup", "100ms"]


def bench(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(BENCH), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "load",
    [
        "echo -c 20 -d 16",
        "echo -c 5 -d 4 -s 16K",
        "echo -c 3 -d 2 -s 1M --text",
        "echo -c 20 -t 2 --deflate --text -s 1K",
        "broadcast -p 2 -n 30 -t 2",
        "latency -c 10 --rate 500",
        "churn -c 8",
    ],
)
def test_loads(relay: RelayFactory, authority: Authority, local: Pair, load: str) -> None:
    daemon = relay("threads = 2\n" + secure(local.toml) + '[defaults]\ncompression = "on"\n')
    path = "/broadcast" if load.startswith("broadcast") else "/echo"
    url = f"wss://localhost:{daemon.port}{path}"
    done = bench(*load.split(), *SHORT, "--json", "--ca", authority.root.certificate, url)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["faults"] == 0 and found["messages"] > 0, found
    assert not daemon.find("close", cause="tls-failure")


def test_who_is_trusted(relay: RelayFactory, authority: Authority, local: Pair) -> None:
    daemon = relay(secure(local.toml))
    by_name, by_address = (f"wss://{h}:{daemon.port}/echo" for h in ("localhost", "127.0.0.1"))
    arguments = ["echo", "-c", "2", *SHORT]
    done = bench(*arguments, by_name)
    assert done.returncode == 69
    assert "TLS: certificate verify failed" in done.stdout
    assert bench(*arguments, "--insecure", by_name).returncode == 0
    assert bench(*arguments, "--ca", authority.root.certificate, by_address).returncode == 0


def test_a_server_without_tls(relay: RelayFactory) -> None:
    daemon = relay()
    done = bench("echo", "-c", "1", *SHORT, f"wss://127.0.0.1:{daemon.port}/echo")
    assert done.returncode == 69
    assert "TLS: what the peer sent is not TLS" in done.stdout


def test_an_authority_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("nothing")
    done = bench("echo", "--ca", tmp_path / "none.pem", "wss://localhost/")
    assert done.returncode == 64
    assert "--ca" in done.stderr
