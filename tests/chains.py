"""Certificates for tests: authorities, intermediates and servers, each valid for as long as the test says."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NOW = datetime.now(UTC).replace(microsecond=0)
"""The machine's time, which OpenSSL compares certificates with."""


@cache
def _key(nth: str) -> ec.EllipticCurvePrivateKey:
    """The private key for a name; the same name always gets the same key."""
    return ec.generate_private_key(ec.SECP256R1())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate and its key."""

    name: str
    held: x509.Certificate

    @property
    def pem(self) -> str:
        return self.held.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key(self) -> str:
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return _key(self.name).private_bytes(*form).decode()

    @property
    def ends(self) -> str:
        return f"{self.held.not_valid_after_utc:%Y-%m-%d}"


def made(
    name: str,
    days: int,
    by: Certificate | None = None,
    *,
    hosts: tuple[str, ...] = (),
    since: int = -400,
    raw: bytes = b"",
) -> Certificate:
    """Make a certificate that is valid for `days` more days, signed by `by` or by itself. It is an authority's, unless
    it is for `hosts`; `raw` replaces the encoded host names with bytes that no one would write.
    """
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(name) if by is None else by.held.subject)
        .public_key(_key(name).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=since))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=not hosts, path_length=None), critical=True)
    )
    if raw:
        builder = builder.add_extension(x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, raw), False)
    elif hosts and hosts != (name,):  # otherwise only its common name names the server
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in hosts]), False)
    return Certificate(name=name, held=builder.sign(_key(by.name if by is not None else name), hashes.SHA256()))


def written(path: Path, *texts: str) -> Path:
    """Write the texts to a file that only its owner can read."""
    path.write_text("".join(texts))
    path.chmod(0o600)
    return path
