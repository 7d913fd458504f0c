"""How long the certificates hold by which this process and PostgreSQL trust each other: those that KRONOS_DATABASE_URL
names, and the one that PostgreSQL shows. When one of them ends, all processes lose the database together."""

import os
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from psycopg.conninfo import conninfo_to_dict

from kronos.certificates import CertificatesInvalid, read_certificates
from kronos.doctor.finding import Finding, some
from kronos.server_time import CLOCK

_ENDS_WITHIN = timedelta(days=14)
_ANSWER_SECONDS = 1.0
_ALL_ANSWER_SECONDS = 2.0
"""After that no other server is asked: who reads the status, or scrapes, waits for all of them."""
_SSL_REQUEST = struct.pack(">ii", 8, 80877103)  # https://www.postgresql.org/docs/current/protocol-message-formats.html
_VERIFYING = ("verify-ca", "verify-full")
_UNREADABLE = (ValueError, x509.InvalidVersion)
"""What OpenSSL takes, and cryptography does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A certificate, and where it was found."""

    where: str
    name: str
    issuer: str
    ends: datetime


def database(url: str, now: datetime | None = None) -> Finding:
    """Whether all of them hold for two weeks yet. Connects to each server that is named, where it is to be verified."""
    options, until = conninfo_to_dict(url), (now or CLOCK.now()) + _ENDS_WITHIN
    root, mode = _file(options, "sslrootcert", "root.crt"), _option(options, "sslmode") or "prefer"
    is_verified = mode in _VERIFYING or (mode == "require" and bool(root))
    found: list[_Held] = []
    faults: list[str] = []
    until_asked = time.monotonic() + _ALL_ANSWER_SECONDS
    for host, port in _servers(options) if is_verified else ():
        if time.monotonic() < until_asked and (shown := _shown_by(host, port)) is not None:
            try:
                found.append(_named(f"of {host}:{port}", x509.load_der_x509_certificate(shown)))
            except _UNREADABLE as error:
                faults.append(f"what {host}:{port} shows cannot be read: {error}")
    for path, are_authorities in ((root if is_verified else "", True), (_client(options, mode), False)):
        if path and path != "system":
            try:
                loaded = x509.load_pem_x509_certificates(read_certificates(Path(path)).encode())
                held = [_named(f"of {path}", each) for each in loaded]
            except CertificatesInvalid as error:
                faults.append(str(error))
            except _UNREADABLE as error:
                faults.append(f"{path} cannot be read: {error}")
            else:
                found += _in_use(held, found) if are_authorities else held
    looked_at = len(found)
    faults += [f"{each.name} {each.where} ends on {each.ends:%Y-%m-%d}" for each in found if each.ends < until]
    well = f"{looked_at} of PostgreSQL's, valid for 14 days yet" if looked_at else "none decides whether it is reached"
    return Finding(
        check="database certificates",
        ok=not faults,
        detail=some(faults) if faults else well,
        meaning="from then on no process connects to PostgreSQL: nothing is made, fired or delivered",
        fix="renew it, and let PostgreSQL read it (select pg_reload_conf()); files that the URL names are read by each "
        "new connection",
    )


def _named(where: str, each: x509.Certificate) -> _Held:
    name, issuer = each.subject.rfc4514_string(), each.issuer.rfc4514_string()
    return _Held(where=where, name=name, issuer=issuer, ends=each.not_valid_after_utc)


def _in_use(authorities: list[_Held], shown: list[_Held]) -> list[_Held]:
    """Those that PostgreSQL's are of, the newest of each name; where none is, the one that ends last. Files have more
    than are needed, as a system's or a cloud's, and some of these have long ended."""
    issuers = {each.issuer for each in shown}
    newest = {each.name: each for each in sorted(authorities, key=lambda each: each.ends)}
    used = [each for name, each in newest.items() if name in issuers]
    return used or [max(authorities, key=lambda each: each.ends)]


def _client(options: dict[str, str | int | None], mode: str) -> str:
    return _file(options, "sslcert", "postgresql.crt") if mode != "disable" else ""


def _file(options: dict[str, str | int | None], option: str, of_home: str) -> str:
    """As libpq takes it: of the option, else of ~/.postgresql, where it is there."""
    at_home = os.path.expanduser(f"~/.postgresql/{of_home}")  # where there is no home it stays as it is
    return _option(options, option) or (at_home if os.path.isfile(at_home) else "")


def _option(options: dict[str, str | int | None], name: str) -> str:
    """As libpq takes it: of the string, else of its environment."""
    return str(options.get(name) or os.environ.get(f"PG{name.upper()}") or "")


def _servers(options: dict[str, str | int | None]) -> Iterator[tuple[str, int]]:
    """Host and port of each server that is named; none that is reached by a socket of this machine."""
    hosts = (_option(options, "hostaddr") or _option(options, "host")).split(",")
    ports = (_option(options, "port") or "5432").split(",")
    for nth, host in enumerate(hosts):
        if host and not host.startswith(("/", "@")):
            yield host, int(ports[nth if len(ports) == len(hosts) else 0] or 5432)


def _shown_by(host: str, port: int) -> bytes | None:
    """The certificate that PostgreSQL shows there; None where it does not answer, which others say, or has none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # to be read, and not to be trusted
    try:
        with socket.create_connection((host, port), timeout=_ANSWER_SECONDS) as plain:
            plain.sendall(_SSL_REQUEST)
            if plain.recv(1) != b"S":
                return None
            with context.wrap_socket(plain, server_hostname=host) as tls:
                return tls.getpeercert(binary_form=True)
    except OSError:
        return None
