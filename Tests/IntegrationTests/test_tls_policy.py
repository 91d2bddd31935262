"""What a scanner asks of wss://: versions, ciphers, renegotiation, compression, ALPN, tickets."""

from __future__ import annotations

import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from conftest import RelayFactory
from support.certificates import Authority, openssl
from support.daemon import Daemon
from support.secure import secure
from support.wire import request


@pytest.fixture
def daemon(relay: RelayFactory, authority: Authority) -> Daemon:
    names = ("localhost", "IP:127.0.0.1")
    ecdsa, rsa = authority.issue(*names), authority.issue(*names, kind="rsa", label="rsa")
    # Asked for by name, so that ciphers of both kinds are offered.
    return relay(secure(f"[{ecdsa.toml}, {rsa.toml}]"))


def s_client(
    daemon: Daemon, authority: Authority, *options: str, text: str = "", host: str = "localhost"
) -> subprocess.CompletedProcess[str]:
    """Runs `openssl s_client`, which may use whatever was ever a cipher."""
    return subprocess.run(
        [
            *("openssl", "s_client", "-connect", f"127.0.0.1:{daemon.port}"),
            *("-servername", host, "-CAfile", str(authority.root.certificate), *options),
        ],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def connected(done: subprocess.CompletedProcess[str]) -> bool:
    return "Verify return code: 0 (ok)" in done.stdout and "Cipher is (NONE)" not in done.stdout


@pytest.mark.parametrize("version", ["tls1_2", "tls1_3"])
def test_versions_that_are_spoken(daemon: Daemon, authority: Authority, version: str) -> None:
    done = s_client(daemon, authority, f"-{version}", "-verify_hostname", "localhost")
    assert connected(done), done.stdout + done.stderr
    assert f"New, TLSv1.{version[-1]}" in done.stdout


@pytest.mark.parametrize("version", ["tls1", "tls1_1"])
def test_versions_that_are_not(daemon: Daemon, authority: Authority, version: str) -> None:
    done = s_client(daemon, authority, f"-{version}", "-cipher", "ALL:@SECLEVEL=0")
    assert not connected(done)
    assert "alert protocol version" in done.stderr
    record = daemon.closed(cause="tls-failure")
    assert record["WSRELAY_CAUSE_DETAIL"] == "the peer offers no version from TLS 1.2 on"


def test_only_ciphers_with_forward_secrecy_and_authentication(
    daemon: Daemon, authority: Authority
) -> None:
    offered = openssl("ciphers", "-tls1_2", "-s", "ALL:COMPLEMENTOFALL:@SECLEVEL=0").strip()
    every = [c for c in offered.split(":") if not c.startswith("TLS_")]
    assert len(every) > 50, "a client with few ciphers would find nothing"
    taken = {
        cipher
        for cipher in every
        if connected(s_client(daemon, authority, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0"))
    }
    assert taken == {
        f"ECDHE-{kind}-{cipher}"
        for kind in ("ECDSA", "RSA")
        for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    }


def test_no_cipher_in_common(daemon: Daemon, authority: Authority) -> None:
    assert not connected(s_client(daemon, authority, "-tls1_2", "-cipher", "AES128-SHA"))
    assert daemon.closed(cause="tls-failure")["WSRELAY_CAUSE_DETAIL"] == "no cipher in common"


def test_a_client_without_aes_in_hardware_gets_chacha(daemon: Daemon, authority: Authority) -> None:
    suites = "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256"
    done = s_client(daemon, authority, "-tls1_3", "-ciphersuites", suites)
    assert "Cipher is TLS_CHACHA20_POLY1305_SHA256" in done.stdout


def test_no_renegotiation(daemon: Daemon, authority: Authority) -> None:
    # A line of R asks s_client to renegotiate.
    done = s_client(daemon, authority, "-tls1_2", text="R\n")
    assert "Secure Renegotiation IS supported" in done.stdout
    assert "no renegotiation" in done.stderr


def test_no_compression(daemon: Daemon, authority: Authority) -> None:
    done = s_client(daemon, authority, "-tls1_2", "-comp")
    assert "Compression: NONE" in done.stdout


@pytest.mark.parametrize("version", ["tls1_2", "tls1_3"])
def test_sessions_are_resumed_without_early_data(
    daemon: Daemon, authority: Authority, tmp_path: Path, version: str
) -> None:
    session = str(tmp_path / "session.pem")
    # Waits for an answer, so that the tickets in front of it have come.
    text = request(headers={"Connection": "close"}).decode()
    first = s_client(daemon, authority, f"-{version}", "-ign_eof", "-sess_out", session, text=text)
    assert "\nNew, TLSv1." in first.stdout
    again = s_client(daemon, authority, f"-{version}", "-sess_in", session)
    assert "\nReused, TLSv1." in again.stdout
    if version == "tls1_3":
        assert "Max Early Data: 0" in first.stdout


def alpn(daemon: Daemon, authority: Authority, *protocols: str) -> str | None:
    context = authority.client()
    context.set_alpn_protocols(list(protocols))
    raw = socket.create_connection(("127.0.0.1", daemon.port), 20)
    with context.wrap_socket(raw, server_hostname="localhost") as client:
        return client.selected_alpn_protocol()


def test_alpn(daemon: Daemon, authority: Authority) -> None:
    assert alpn(daemon, authority, "h2", "http/1.1") == "http/1.1"
    assert alpn(daemon, authority, "http/1.1") == "http/1.1"
    # A client that speaks of nothing is not asked.
    assert alpn(daemon, authority) is None
    with pytest.raises(ssl.SSLError, match="no application protocol"):
        alpn(daemon, authority, "h2")
    detail = daemon.closed(cause="tls-failure")["WSRELAY_CAUSE_DETAIL"]
    assert detail == "the peer asks for another protocol than http/1.1 (ALPN)"


def test_the_chain_is_sent(daemon: Daemon, authority: Authority) -> None:
    done = s_client(daemon, authority, "-showcerts")
    assert done.stdout.count("-----BEGIN CERTIFICATE-----") == 2
    assert connected(done)
