"""A network that takes every packet and delivers none, and what the kernel makes of it.

Two network namespaces and a cable between them: the relay in one, its client in the other.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from records.daemon import JournalRelay
from records.expected import check_close, close_fields
from support.daemon import ROOT
from websockets.http11 import USER_AGENT

pytest_plugins = ["records.fixtures"]

RELAY, CLIENT = "10.123.0.1", "10.123.0.2"
HOLD = ROOT / "Tests" / "IntegrationTests" / "clients" / "hold.py"
# Something is always on its way, and only the kernel gives up on it.
CONFIGURATION = f"""
[[listen]]
address = "{RELAY}:PORT"
[[route]]
path = "/echo"
mode = "echo"
ping_interval = "100ms"
ping_timeout = "0s"
"""
LOSS = """
table netdev loss {{
  chain incoming {{
    type filter hook ingress device {link} priority 0
    {what} drop
  }}
}}
"""


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"


@dataclass(frozen=True)
class Network:
    """Two namespaces, named after who is in them; they vanish with the mounts of the test run."""

    relay = "wsrelay-test-relay"
    client = "wsrelay-test-client"
    link = "cable"

    def make(self) -> None:
        for space in (self.relay, self.client):
            run("ip", "netns", "add", space)
            # The kernel tells itself by way of it that a host is out of reach.
            run("ip", "-n", space, "link", "set", "lo", "up")
        peer = ("peer", "name", self.link, "netns", self.client)
        run("ip", "-n", self.relay, "link", "add", self.link, "type", "veth", *peer)
        for space, address in ((self.relay, RELAY), (self.client, CLIENT)):
            run("ip", "-n", space, "address", "add", f"{address}/24", "dev", self.link)
            run("ip", "-n", space, "link", "set", self.link, "up")
        # The kernel gives up after two attempts, not fifteen; and after 0.3 s without an answer
        # to "who has this address", not 3 s.
        self.set("ipv4/tcp_retries2", 2)
        self.set(f"ipv4/neigh/{self.link}/retrans_time_ms", 100)

    def set(self, name: str, value: int) -> None:
        script = f"echo {value} >/proc/sys/net/{name}"
        run(*self.inside(self.relay), "sh", "-c", script)

    def remove(self) -> None:
        for space in (self.relay, self.client):
            subprocess.run(["ip", "netns", "delete", space], capture_output=True)

    def inside(self, space: str) -> tuple[str, ...]:
        return ("ip", "netns", "exec", space)

    def lose(self, what: str) -> None:
        """From now on the packets that match never reach the client; "" is every packet."""
        run(*self.inside(self.client), "nft", LOSS.format(link=self.link, what=what))
        # Where the client is has to be asked again.
        run("ip", "-n", self.relay, "neighbour", "flush", "dev", self.link)


@pytest.fixture
def network() -> Iterator[Network]:
    network = Network()
    try:
        network.make()
        yield network
    finally:
        network.remove()


@pytest.mark.parametrize(
    ("what", "errno"), [("ether type ip", 110), ("", 113)], ids=["ETIMEDOUT", "EHOSTUNREACH"]
)
def test_network_timeout(relay: JournalRelay, network: Network, what: str, errno: int) -> None:
    daemon = relay(CONFIGURATION, *network.inside(network.relay))
    url = f"ws://{RELAY}:{daemon.port}/echo"
    client = subprocess.Popen(
        [*network.inside(network.client), sys.executable, str(HOLD), url],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert client.stdout is not None
        port = int(client.stdout.readline().split()[1])
        network.lose(what)
        record = daemon.closed(peer_port=port)
    finally:
        client.kill()
        client.wait()
        assert client.stdout is not None
        client.stdout.close()
    # Whether a ping was answered before the loss is chance.
    record.pop("WSRELAY_PING_RTT_USEC", None)
    exact = close_fields(
        "network-timeout", "/echo", errno=errno, peer=CLIENT, user_agent=USER_AGENT
    )
    exact["WSRELAY_LISTENER"] = f"{RELAY}:{daemon.port}"
    check_close(record, port, exact)
    assert int(record["WSRELAY_TCP_RETRANSMITS"]) > 0
