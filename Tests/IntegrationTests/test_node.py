"""Node's built-in client. Optional: a fresh Debian has no Node, and 12's is too old for it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import RelayFactory

SCRIPT = Path(__file__).parent / "clients" / "node.mjs"


def node_command() -> list[str] | None:
    """Node 22 has WebSocket; Node 20 has it behind a flag; older ones do not."""
    node = shutil.which("node")
    if node is None:
        return None
    for flags in ([], ["--experimental-websocket"]):
        probe = [node, *flags, "-e", "process.exit(typeof WebSocket === 'function' ? 0 : 1)"]
        if subprocess.run(probe, capture_output=True).returncode == 0:
            return [node, *flags]
    return None


NODE = node_command()


@pytest.mark.skipif(NODE is None, reason="no Node with a built-in WebSocket on this machine")
def test_node(relay: RelayFactory) -> None:
    assert NODE is not None
    daemon = relay()
    run = subprocess.run(
        [*NODE, str(SCRIPT), daemon.url(), "grüße", "4002"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert json.loads(run.stdout) == {
        "received": "grüße",
        "code": 4002,
        "reason": "",
        "wasClean": True,
    }
    record = daemon.closed()
    assert (record["WSRELAY_CODE_RECEIVED"], record["WSRELAY_CLEAN"]) == ("4002", "yes")
    assert record["WSRELAY_REASON_RECEIVED"] == "from node"
