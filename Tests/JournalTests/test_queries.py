"""The queries of docs/close-events.md find what they say, and nothing else."""

from __future__ import annotations

from records.causes import ROUTES
from records.daemon import JournalRelay
from support.wire import Wire, close_frame

pytest_plugins = ["records.fixtures"]


def test_fields_are_conditions_and_values_alternatives(relay: JournalRelay) -> None:
    daemon = relay(ROUTES)
    ports: dict[str, list[str]] = {"reset": [], "fin": [], "1000": [], "1001": []}
    for _ in range(5):
        for kind, found in ports.items():
            with Wire.open(daemon.port, "/room/a", {"Sec-WebSocket-Protocol": "chat.v2"}) as client:
                if kind == "reset":
                    client.reset()
                elif kind != "fin":
                    client.send(close_frame(int(kind)))
                    client.read_to_end()
                found.append(str(client.local_port))
    daemon.wait("close", 20)

    def query(*matches: str) -> list[str]:
        return [record["WSRELAY_PEER_PORT"] for record in daemon.entries(*matches)]

    resets = query("WSRELAY_CLOSE_CODE=1006", "WSRELAY_CAUSE=peer-reset")
    assert sorted(resets) == sorted(ports["reset"])
    either = query("WSRELAY_CAUSE=peer-reset", "WSRELAY_CAUSE=peer-fin")
    assert sorted(either) == sorted(ports["reset"] + ports["fin"])
    assert sorted(query("WSRELAY_CLOSE_CODE=1001")) == sorted(ports["1001"])
    assert len(query("WSRELAY_EVENT=close", "WSRELAY_ROUTE=/room/{name}")) == 20
    assert query("WSRELAY_CLOSE_CODE=1000", "WSRELAY_CAUSE=peer-reset") == []
    (one,) = daemon.entries(f"WSRELAY_PEER_PORT={ports['fin'][0]}", "WSRELAY_EVENT=close")
    identity = one["WSRELAY_CONNECTION_ID"]
    assert query(f"WSRELAY_CONNECTION_ID={identity}") == [ports["fin"][0]]
    assert query(f"MESSAGE_ID={one['MESSAGE_ID']}", "WSRELAY_LAYER=tcp") == query(
        "WSRELAY_CAUSE=peer-fin"
    )
