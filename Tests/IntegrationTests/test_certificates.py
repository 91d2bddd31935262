"""Certificates of wss://: chosen by name, swapped by reloads, and what is wrong with files."""

from __future__ import annotations

import ssl
import subprocess
import threading
from pathlib import Path

import pytest
from conftest import RelayFactory
from support.certificates import Authority, Pair, openssl, serial, shown_serial
from support.daemon import BINARY, complete, free_port
from support.secure import dial, handshake, secure


def test_the_certificate_is_chosen_by_name(
    relay: RelayFactory, authority: Authority, local: Pair
) -> None:
    other = authority.issue("relay.example.org")
    wild = authority.issue("*.example.net", kind="rsa")
    daemon = relay(secure(f"[{local.toml}, {other.toml}, {wild.toml}]"))
    for host, wanted in (
        ("relay.example.org", other),
        ("chat.example.net", wild),
        ("RELAY.example.org", other),
        ("elsewhere.example.com", local),
        ("deep.er.example.net", local),
        ("", local),
    ):
        context = authority.client(check_hostname=False)
        with handshake(daemon, context, host or None) as client:
            assert shown_serial(client.getpeercert(True)) == serial(wanted), host


def test_one_name_with_two_kinds_of_keys(relay: RelayFactory, authority: Authority) -> None:
    rsa = authority.issue("two.example.org", kind="rsa", label="two-rsa")
    ecdsa = authority.issue("two.example.org", label="two-ecdsa")
    daemon = relay(secure(f"[{rsa.toml}, {ecdsa.toml}]"))
    for cipher, wanted in (
        ("ECDHE-RSA-AES128-GCM-SHA256", rsa),
        ("ECDHE-ECDSA-AES128-GCM-SHA256", ecdsa),
    ):
        context = authority.client(maximum_version=ssl.TLSVersion.TLSv1_2)
        context.set_ciphers(cipher)
        with handshake(daemon, context, "two.example.org") as client:
            assert shown_serial(client.getpeercert(True)) == serial(wanted)


@pytest.mark.threads
def test_certificates_are_swapped_under_load(
    relay: RelayFactory, authority: Authority, local: Pair, tmp_path: Path
) -> None:
    pair = Pair(tmp_path / "c.pem", tmp_path / "k.pem")

    def install(new: Pair) -> None:
        pair.certificate.write_bytes(new.certificate.read_bytes())
        pair.key.write_bytes(new.key.read_bytes())
        pair.key.chmod(0o600)

    install(local)
    daemon = relay(secure(pair.toml))
    stop = threading.Event()
    counts: list[int] = []
    failures: list[BaseException] = []

    def echo() -> None:
        count = 0
        try:
            with dial(daemon, authority) as client:
                while not stop.is_set():
                    client.say(str(count))
                    assert client.hear() == str(count)
                    count += 1
                client.finish()
        except BaseException as error:
            failures.append(error)
        counts.append(count)

    threads = [threading.Thread(target=echo) for _ in range(8)]
    for thread in threads:
        thread.start()
    daemon.wait_message("certificate on 127.0.0.1")
    for round in range(10):
        new = authority.issue("localhost", "IP:127.0.0.1", label=f"swapped-{round}")
        install(new)
        assert daemon.reload()["WSRELAY_RESULT"] == "applied"
        with handshake(daemon, authority.client()) as client:
            assert shown_serial(client.getpeercert(True)) == serial(new)
    good = serial(new)
    pair.certificate.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n")
    assert daemon.reload()["WSRELAY_RESULT"] == "failed"
    with handshake(daemon, authority.client()) as client:
        assert shown_serial(client.getpeercert(True)) == good
    stop.set()
    for thread in threads:
        thread.join(20)
    assert not failures, failures[0]
    assert min(counts) > 0
    assert not daemon.find("close", cause="tls-failure")
    # The twelve handshakes end without a request; the loaded clients end well.
    assert len(daemon.wait("close", 8, cause="peer-close", clean="yes")) == 8


def check(tmp_path: Path, text: str) -> subprocess.CompletedProcess[str]:
    config = tmp_path / "checked.conf"
    config.write_text(complete(text, 1))
    return subprocess.run(
        [BINARY, "check", "--config", config], capture_output=True, text=True, timeout=20
    )


def test_check_finds_what_is_wrong_with_the_files(
    authority: Authority, local: Pair, tmp_path: Path
) -> None:
    other = authority.issue("other.example.org")
    encrypted = tmp_path / "encrypted.key"
    openssl("pkey", "-in", local.key, "-aes256", "-passout", "pass:x", "-out", encrypted)
    broken = tmp_path / "broken.pem"
    broken.write_text(local.certificate.read_text() + "-----BEGIN CERTIFICATE-----\nAAAA\n")
    for certificate, key, wanted in (
        (tmp_path / "none.pem", local.key, "none.pem cannot be read: No such file"),
        (local.key, local.key, "holds no certificate in PEM form"),
        (broken, local.key, "holds a certificate that cannot be read: number 3"),
        (local.certificate, local.certificate, "holds no private key in PEM form"),
        (local.certificate, other.key, "does not belong to the first certificate"),
        (local.certificate, encrypted, "is encrypted"),
        (tmp_path, local.key, "cannot be read: Is a directory"),
    ):
        done = check(tmp_path, secure(Pair(certificate, key).toml))
        assert done.returncode == 78
        (line,) = [line for line in done.stderr.splitlines() if "error:" in line]
        assert wanted in line
        assert "checked.conf:16:7: error: tls: " in line


def test_check_advises(authority: Authority, local: Pair, tmp_path: Path) -> None:
    old = authority.issue("old.example.org", days=-1)
    soon = authority.issue("soon.example.org", days=5)
    soon.key.chmod(0o644)
    done = check(tmp_path, secure(f"[{local.toml}, {old.toml}, {soon.toml}]"))
    assert done.returncode == 0, done.stderr
    advice = [line for line in done.stderr.splitlines() if "advice: tls:" in line]
    assert len(advice) == 3
    assert "old.example.org.pem expired after" in advice[0]
    assert "soon.example.org.pem expires after" in advice[1]
    assert "can be read by everyone" in advice[2]


def test_credentials(relay: RelayFactory, authority: Authority, local: Pair) -> None:
    text = secure(f'{{ certificate = "{local.certificate}", key = "credential:{local.key.name}" }}')
    daemon = relay(text, CREDENTIALS_DIRECTORY=str(authority.folder))
    with dial(daemon, authority) as client:
        client.say("hello")
        assert client.hear() == "hello"


def test_credentials_that_nobody_handed_over(tmp_path: Path, local: Pair) -> None:
    text = secure(f'{{ certificate = "{local.certificate}", key = "credential:relay.key" }}')
    done = check(tmp_path, text)
    assert done.returncode == 0
    assert "credential:relay.key was not checked" in done.stderr
    config = tmp_path / "checked.conf"
    config.write_text(complete(text, free_port()))
    served = subprocess.run(
        [BINARY, "serve", "--config", config], capture_output=True, text=True, timeout=20
    )
    assert served.returncode == 78
    assert "add LoadCredential=relay.key:FILE to the unit" in served.stderr
