"""Read the certificate that PostgreSQL presents in a TLS handshake, and find out why it is not trusted: libpq reports
only that it is not, without the reason."""

import socket
import ssl
import struct
from collections.abc import Sequence
from typing import Protocol, cast

from cryptography import x509

from kronos import unseen
from kronos.doctor.finding import some
from kronos.records import dataclass
from kronos.server_time import CLOCK

_ANSWER_SECONDS = 1.0
_SSL_REQUEST = struct.pack(">ii", 8, 80877103)  # https://www.postgresql.org/docs/current/protocol-message-formats.html
_MOST_READ, _MOST_NAMES = 120, 8
_DER = 2  # _ssl.ENCODING_DER
# From OpenSSL's x509_vfy.h.
_NOT_YET, _ENDED, _ITSELF, _NO_ISSUER, _OTHER_NAME = 9, 10, 18, (19, 20, 21), (62, 64)
_SAID = (_NOT_YET, _ENDED, _ITSELF, *_NO_ISSUER, *_OTHER_NAME)
UNREADABLE = (ValueError, x509.InvalidVersion)
"""Raised for certificates that OpenSSL accepts and cryptography does not."""
RENEW = (
    "renew it, and make PostgreSQL read it (select pg_reload_conf()); files that the URL names are read by each new "
    "connection"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsServer:
    """A server, as a conninfo names it. `name`: the name that its certificate must match; empty: any. `root`: the file
    of trusted authorities, or `system`."""

    address: str
    port: int
    name: str
    root: str

    @property
    def place(self) -> str:
        """Return name and port for messages."""
        return f"{self.name or self.address}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """Certificates in DER, the server's own first. If trusted: the chain up to and including the authority; otherwise
    the certificates that were sent. `fault`, `remedy`: why a new connection fails, and what to do; None: trusted."""

    chain: tuple[bytes, ...]
    fault: str | None = None
    remedy: str = ""


def shown(asked: TlsServer) -> Handshake | None:
    """Return what a new connection to the server would get. None if no server answers, which other checks report, or
    if it has no TLS. Raises OSError if the file of authorities cannot be read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = bool(asked.name)
    if asked.root == "system":
        context.set_default_verify_paths()
    elif asked.root:
        context.load_verify_locations(asked.root)
    try:
        chain = _chain(asked, context)
    except ssl.SSLCertVerificationError as error:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # only to read it; no trust follows from it
        sent = _chain(asked, context) or ()
        fault, remedy = _told(error, sent, asked)
        return Handshake(chain=sent, fault=fault, remedy=remedy)
    return None if chain is None else Handshake(chain=chain)


def _chain(asked: TlsServer, context: ssl.SSLContext) -> tuple[bytes, ...] | None:
    """Raises SSLCertVerificationError."""
    try:
        with socket.create_connection((asked.address, asked.port), timeout=_ANSWER_SECONDS) as plain:
            plain.sendall(_SSL_REQUEST)
            if plain.recv(1) != b"S":
                return None
            with context.wrap_socket(plain, server_hostname=asked.name or asked.address) as tls:
                return _certificates(tls, is_verified=context.verify_mode is not ssl.CERT_NONE)
    except ssl.SSLCertVerificationError:
        raise
    except (OSError, ValueError):  # ValueError: not a valid host name
        return None


class _Certificate(Protocol):
    def public_bytes(self, form: int, /) -> bytes: ...


class _Chains(Protocol):
    """Public methods of SSLSocket since Python 3.13. Earlier versions have them on its inner object, with other return
    types. pip's truststore reads them the same way."""

    def get_verified_chain(self) -> Sequence["bytes | _Certificate"] | None: ...

    def get_unverified_chain(self) -> Sequence["bytes | _Certificate"] | None: ...


def _certificates(tls: ssl.SSLSocket, *, is_verified: bool) -> tuple[bytes, ...]:
    held = cast("_Chains", tls if hasattr(tls, "get_verified_chain") else vars(tls)["_sslobj"])
    found = (held.get_verified_chain() if is_verified else held.get_unverified_chain()) or ()
    return tuple(each if isinstance(each, bytes) else each.public_bytes(_DER) for each in found)


def _told(error: ssl.SSLCertVerificationError, sent: Sequence[bytes], asked: TlsServer) -> tuple[str, str]:
    """Return why the certificate is not trusted, and what to do."""
    try:
        chain = [x509.load_der_x509_certificate(each) for each in sent]
    except UNREADABLE:
        chain = []
    code, file = error.verify_code, _file(asked)
    if not chain or code not in _SAID:
        return (
            f"the certificate of {asked.place} is not trusted: {error.verify_message}",
            "fix what that message says",
        )
    own = f"{_name(chain[0])} of {asked.place}"
    if code == _ENDED:
        ended = [each for each in chain if each.not_valid_after_utc < CLOCK.now()]
        words = [f"{_name(each)} of {asked.place} expired on {each.not_valid_after_utc:%Y-%m-%d}" for each in ended]
        return some(words) or f"the authority of {own} has expired", RENEW
    if code == _NOT_YET:
        return f"{own}, or its authority's certificate, is not valid yet", "set the clocks of both machines, or wait"
    if code == _ITSELF:
        return f"{own} is self-signed", f"write that certificate into {file}, or have an authority sign it"
    if code in _OTHER_NAME:
        return (
            f"{own} is for {', '.join(_names(chain[0])) or 'no host'}, not for {asked.name}",
            "use the certificate's host name in KRONOS_DATABASE_URL; hostaddr may hold the address",
        )
    return (
        f"{own} was issued by {as_read(chain[-1].issuer.rfc4514_string())}, which is not in {file}",
        "add that authority's certificate there; if it is an intermediate one, append it to PostgreSQL's "
        "ssl_cert_file instead",
    )


def _file(asked: TlsServer) -> str:
    return "the operating system's authorities" if asked.root == "system" else asked.root or "~/.postgresql/root.crt"


def _name(each: x509.Certificate) -> str:
    return as_read(each.subject.rfc4514_string()) or "the certificate without a name"


def as_read(text: str) -> str:
    """Return a certificate's text, safe to print. Any server at that address may have written it, so it must not
    contain a sequence that a terminal obeys."""
    seen = unseen.EACH.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return seen if len(seen) <= _MOST_READ else f"{seen[:_MOST_READ]}…"


def _names(own: x509.Certificate) -> list[str]:
    """Return the certificate's hosts, as libpq reads them: from its extension, otherwise its common name."""
    try:
        held = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return ["names that cannot be read"]
    except x509.ExtensionNotFound:
        common = own.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return [as_read(str(each.value)) for each in common]
    names = [*held.get_values_for_type(x509.DNSName), *map(str, held.get_values_for_type(x509.IPAddress))]
    return [as_read(each) for each in names[:_MOST_NAMES]]
