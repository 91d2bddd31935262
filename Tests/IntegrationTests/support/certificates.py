"""Certificates of an authority that only these tests trust."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


def openssl(*arguments: str | Path, text: str | None = None) -> str:
    """What an openssl command prints; it must succeed."""
    done = subprocess.run(
        ["openssl", *map(str, arguments)],
        input=text,
        stdin=None if text is not None else subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass(frozen=True)
class Pair:
    """A certificate with its chain, and its key."""

    certificate: Path
    key: Path

    @property
    def toml(self) -> str:
        return f'{{ certificate = "{self.certificate}", key = "{self.key}" }}'


class Authority:
    """Signs certificates through one between it and them, as public authorities do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.root = self._certificate("root", "/CN=Test Root", "CA:TRUE", signer=None)
        self.between = self._certificate("between", "/CN=Test Authority", "CA:TRUE", self.root)

    def _key(self, name: str, kind: str) -> Path:
        path = self.folder / f"{name}.key"
        options = {
            "ecdsa": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        }[kind]
        openssl("genpkey", *options, "-out", path)
        path.chmod(0o600)
        return path

    def _certificate(
        self,
        name: str,
        subject: str,
        constraint: str,
        signer: Pair | None,
        names: str = "",
        kind: str = "ecdsa",
        days: int = 90,
    ) -> Pair:
        key = self._key(name, kind)
        certificate = self.folder / f"{name}.pem"
        request = self.folder / f"{name}.csr"
        extensions = self.folder / f"{name}.ext"
        lines = [f"basicConstraints=critical,{constraint}"]
        if names:
            lines.append(f"subjectAltName={names}")
        extensions.write_text("\n".join(lines) + "\n")
        openssl("req", "-new", "-key", key, "-subj", subject, "-out", request)
        sign: list[str | Path] = ["-signkey", key]
        if signer is not None:
            sign = ["-CA", signer.certificate, "-CAkey", signer.key, "-CAcreateserial"]
        openssl(
            *("x509", "-req", "-in", request, "-days", str(days), "-extfile", extensions),
            *(*sign, "-out", certificate),
        )
        return Pair(certificate, key)

    def issue(self, *names: str, kind: str = "ecdsa", days: int = 90, label: str = "") -> Pair:
        """A certificate for DNS names, or addresses written as `IP:127.0.0.1`."""
        label = label or names[0].replace("*", "any").replace(":", "-")
        alternatives = ",".join(n if n.startswith("IP:") else f"DNS:{n}" for n in names)
        pair = self._certificate(
            label, f"/CN={names[0]}", "CA:FALSE", self.between, alternatives, kind, days
        )
        chain = pair.certificate.read_text() + self.between.certificate.read_text()
        pair.certificate.write_text(chain)
        return pair

    def client(self, **changes: object) -> ssl.SSLContext:
        """How a client speaks TLS that trusts this authority."""
        context = ssl.create_default_context(cafile=str(self.root.certificate))
        for name, value in changes.items():
            setattr(context, name, value)
        return context


def shown_serial(certificate: bytes | None) -> int:
    """The serial number of a certificate in DER."""
    assert certificate is not None
    pem = ssl.DER_cert_to_PEM_cert(certificate)
    return int(openssl("x509", "-noout", "-serial", text=pem).strip().split("=")[1], 16)


def serial(pair: Pair) -> int:
    """The serial number of the first certificate in a file."""
    line = openssl("x509", "-noout", "-serial", "-in", pair.certificate)
    return int(line.strip().split("=")[1], 16)
