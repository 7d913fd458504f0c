"""Certificates of a test's own: authorities, those between, and servers, each valid for as long as the test says."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NOW = datetime.now(UTC).replace(microsecond=0)
"""The machine's, as OpenSSL goes by it."""


@cache
def _key(nth: str) -> ec.EllipticCurvePrivateKey:
    """One for each name."""
    return ec.generate_private_key(ec.SECP256R1())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One, and its key."""

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
    """Valid for `days` yet; signed `by` another, or by itself. Of an authority, unless it is for `hosts`, which `raw`
    says in their stead, as nobody writes them."""
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
    elif hosts and hosts != (name,):  # whose name alone says whose it is, as many of PostgreSQL's
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in hosts]), False)
    return Certificate(name=name, held=builder.sign(_key(by.name if by is not None else name), hashes.SHA256()))


def written(path: Path, *texts: str) -> Path:
    """A file with these, which only its owner reads."""
    path.write_text("".join(texts))
    path.chmod(0o600)
    return path
