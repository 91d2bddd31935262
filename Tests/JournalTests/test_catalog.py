"""`journalctl -x` explains every kind of entry, with the entry's own fields."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from records.catalogue import CAUSES, EVENT_IDS
from records.causes import ROUTES
from records.daemon import JournalRelay
from records.journald import Journald, journalctl
from support.daemon import ROOT
from support.wire import Wire, close_frame

pytest_plugins = ["records.fixtures"]

IDS = {cause: row.message_id for cause, row in CAUSES.items()} | EVENT_IDS
TEXTS, DATABASE = Path("/usr/lib/systemd/catalog"), Path("/var/lib/systemd/catalog")


@pytest.fixture(autouse=True)
def installed_catalog(journald: Journald) -> Iterator[None]:
    """Ours alone, in folders of this namespace's own: the machine's catalog is left alone."""
    for folder in (TEXTS, DATABASE):
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
    try:
        (TEXTS / "wsrelay.catalog").write_text((ROOT / "systemd" / "wsrelay.catalog").read_text())
        subprocess.run(["journalctl", "--update-catalog"], check=True)
        yield
    finally:
        for folder in (TEXTS, DATABASE):
            subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("kind", IDS)
def test_every_kind_is_explained(kind: str) -> None:
    entry = f"MESSAGE_ID={IDS[kind]}\nMESSAGE=catalog test of {kind}\n"
    subprocess.run(["logger", "--journald"], input=entry, text=True, check=True)
    shown = journalctl("-x", f"MESSAGE_ID={IDS[kind]}", f"MESSAGE=catalog test of {kind}")
    assert "Defined-By: wsrelay" in shown, shown
    assert "What to do:" in shown
    # References to fields that this entry does not have must not stay in the text.
    assert "@" not in shown


def test_an_entry_is_explained_with_its_own_fields(relay: JournalRelay) -> None:
    daemon = relay(ROUTES)
    with Wire.open(daemon.port, "/room/a", {"Sec-WebSocket-Protocol": "chat.v2"}) as client:
        client.send(close_frame(1001, b"leaving"))
        client.read_to_end()
    daemon.wait("close")
    shown = journalctl("-x", f"WSRELAY_PEER_PORT={client.local_port}", "WSRELAY_EVENT=close")
    for text in (
        "Subject: The peer closed the connection",
        f"127.0.0.1, on listener 127.0.0.1:{daemon.port}; port: {client.local_port}",
        "/room/{name} /room/a",
        "1001 Going Away; clean: yes, order: received-first",
        "Received: 1001 leaving",
    ):
        assert text in shown, shown
