"""wss:// as the service: how a user without access to private keys gets at one."""

from __future__ import annotations

import re
import socket
import ssl
from pathlib import Path

import pytest
from support.certificates import Authority, Pair, serial, shown_serial
from support.daemon import ROOT
from support.wire import TEXT, Wire, frame, request
from SystemTests.machine import Machine


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


def secured(machine: Machine, authority: Authority) -> ssl.SSLSocket:
    with machine.network():
        raw = socket.create_connection(("127.0.0.1", 443), 20)
    return authority.client().wrap_socket(raw, server_hostname="relay.example.org")


def echo(machine: Machine, authority: Authority) -> int:
    """A whole conversation; returns the serial number of the certificate that was shown."""
    client = secured(machine, authority)
    with Wire.over(client) as wire:
        wire.send(request() + frame(TEXT, b"hello"))
        assert wire.read_head().startswith("HTTP/1.1 101 ")
        assert wire.read_frame().payload == b"hello"
        shown = shown_serial(client.getpeercert(True))
        wire.finish()
    return shown


def put(machine: Machine, pair: Pair, certificate: str, key: str) -> None:
    for source, target in ((pair.certificate, certificate), (pair.key, key)):
        path = machine.path(target)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.read_bytes())
        path.chmod(0o600)


def test_credentials_as_the_readme_says(installed: Machine, authority: Authority) -> None:
    pair = authority.issue("relay.example.org")
    folder = "/etc/letsencrypt/live/relay.example.org"
    put(installed, pair, f"{folder}/fullchain.pem", f"{folder}/privkey.pem")
    text = (ROOT / "README.md").read_text()
    (section,) = re.findall(r"^## Serve wss://\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    for kind, block in re.findall(r"^```(sh|toml)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
        if kind == "toml":
            with installed.path("/etc/wsrelay.conf").open("a") as conf:
                conf.write("\n" + block)
        else:
            installed.shell(block)
    assert echo(installed, authority) == serial(pair)
    # A reload takes credentials as they were at the start; its check cannot read them, and says so.
    installed.run("systemctl", "reload", "wsrelay")
    assert "credential:fullchain.pem was not checked" in installed.messages()
    assert echo(installed, authority) == serial(pair)
    assert "certificate on *:443: relay.example.org, until " in installed.messages()


def test_renewal_by_reload_through_a_group(installed: Machine, authority: Authority) -> None:
    """As wsrelay.conf(5) says under TLS; without the group, it says what to do."""
    certificate, key = "/etc/ssl/relay/fullchain.pem", "/etc/ssl/relay/privkey.pem"

    def install(pair: Pair) -> None:
        put(installed, pair, certificate, key)
        installed.run("chmod", "640", certificate, key)
        installed.run("chgrp", "ssl-cert", certificate, key)

    installed.run("groupadd", "--system", "--force", "ssl-cert")
    first = authority.issue("relay.example.org")
    other = authority.issue("other.example.org")
    install(first)
    with installed.path("/etc/wsrelay.conf").open("a") as conf:
        tls = f'{{ certificate = "{certificate}", key = "{key}" }}'
        conf.write(f'\n[[listen]]\naddress = "*:443"\ntls = {tls}\n')
    done = installed.try_run("systemctl", "reload", "wsrelay")
    assert done.returncode != 0
    installed.wait_message("hand the file over with LoadCredential=, or let a group read it")
    drop_in = installed.path("/etc/systemd/system/wsrelay.service.d/tls.conf")
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\nSupplementaryGroups=ssl-cert\n")
    installed.shell("systemctl daemon-reload && systemctl restart wsrelay")
    assert echo(installed, authority) == serial(first)
    with Wire.over(secured(installed, authority)) as kept:
        kept.send(request())
        kept.read_head()
        second = authority.issue("relay.example.org", label="renewed")
        install(second)
        installed.run("systemctl", "reload", "wsrelay")
        assert echo(installed, authority) == serial(second)
        # A key that is not the certificate's changes nothing.
        installed.path(key).write_bytes(other.key.read_bytes())
        assert installed.try_run("systemctl", "reload", "wsrelay").returncode != 0
        installed.wait_message("does not belong to the first certificate")
        assert echo(installed, authority) == serial(second)
        kept.send(frame(TEXT, b"still here"))
        assert kept.read_frame().payload == b"still here"
