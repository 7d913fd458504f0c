"""Check how long the certificates between this process and PostgreSQL are valid: those that KRONOS_DATABASE_URL names,
and the one that PostgreSQL presents. When one of them expires, all processes lose the database together."""

import os
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from psycopg.conninfo import conninfo_to_dict

from kronos.certificates import CertificatesInvalid, read_certificates
from kronos.doctor import handshakes
from kronos.doctor.finding import Finding, some
from kronos.records import dataclass
from kronos.server_time import CLOCK

Options: TypeAlias = dict[str, str | int | None]
_ENDS_WITHIN = timedelta(days=14)
_ALL_ANSWER_SECONDS = 2.0
"""After that no further server is queried, because every read of the status waits for all of them."""
# The OpenSSL in psycopg's wheels searches a directory that does not exist, so that it never reads the machine's
# openssl.cnf: https://github.com/psycopg/psycopg/issues/1476
_NO_SYSTEM = "set sslrootcert=/etc/ssl/certs/ca-certificates.crt, or set SSL_CERT_FILE to that file"
_VERIFYING = ("verify-ca", "verify-full")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A certificate, and where it came from."""

    where: str
    name: str
    issuer: str
    ends: datetime


@dataclass(frozen=True, slots=True)
class _LookedAt:
    """The certificates found, their faults, and the remedies."""

    held: list[_Held]
    faults: list[str]
    remedies: list[str]


def database(url: str, now: datetime | None = None) -> Finding:
    """Report whether all certificates are valid for two more weeks, and whether a new connection would trust them.
    Connects to each server in the URL whose certificate is to be verified."""
    options, now = conninfo_to_dict(url), now or CLOCK.now()
    root, mode = _trust(options)
    found = _asked(options, root, mode)
    for path, are_authorities in ((root if _verifies(root, mode) else "", True), (_client(options, mode), False)):
        if path and path != "system":
            _read(path, found, are_authorities=are_authorities)
    held = list(dict.fromkeys(found.held))
    ending = [_ending(each, now) for each in held if each.ends < now + _ENDS_WITHIN]
    faults = [*found.faults, *(each for each in ending if not any(each in fault for fault in found.faults))]
    well = f"{len(held)} of PostgreSQL's, valid for at least 14 more days" if held else "the connection uses none"
    return Finding(
        check="database certificates",
        ok=not faults,
        detail=some(faults) if faults else well,
        meaning="no process can open a new connection to PostgreSQL: once the present ones end, nothing is created, "
        "fired or delivered"
        if found.faults
        else "after that no process can connect to PostgreSQL: nothing is created, fired or delivered",
        fix="; ".join(dict.fromkeys([*found.remedies, *([handshakes.RENEW] if ending else [])])) or handshakes.RENEW,
    )


def _ending(each: _Held, now: datetime) -> str:
    return f"{each.name} {each.where} {'expired' if each.ends < now else 'expires'} on {each.ends:%Y-%m-%d}"


def refusal(url: str) -> tuple[str, str] | None:
    """Return why PostgreSQL's certificate is not trusted, and what to do; None if it is, or if no server answers."""
    options = conninfo_to_dict(url)
    root, mode = _trust(options)
    found = _asked(options, root, mode)
    if root == "system" and not os.environ.get("SSL_CERT_FILE"):
        found.faults.append("Kronos's bundled libpq knows no authorities for sslrootcert=system")
        found.remedies.append(_NO_SYSTEM)
    return (some(found.faults), "; ".join(dict.fromkeys(found.remedies))) if found.faults else None


def _trust(options: Options) -> tuple[str, str]:
    """Return the file of trusted authorities, and the sslmode."""
    return _file(options, "sslrootcert", "root.crt"), _option(options, "sslmode") or "prefer"


def _verifies(root: str, mode: str) -> bool:
    return mode in _VERIFYING or (mode == "require" and bool(root))


def _asked(options: Options, root: str, mode: str) -> _LookedAt:
    """Read the certificates that the servers present."""
    found = _LookedAt([], [], [])
    until_asked = time.monotonic() + _ALL_ANSWER_SECONDS
    for address, port, name in _servers(options) if _verifies(root, mode) else ():
        server = handshakes.TlsServer(address=address, port=port, name=name if mode == "verify-full" else "", root=root)
        try:
            answer = handshakes.shown(server) if time.monotonic() < until_asked else None
        except OSError:  # from reading the file of authorities; _read reports it
            continue
        if answer is None:
            continue
        try:
            certificates = [x509.load_der_x509_certificate(each) for each in answer.chain]
        except handshakes.UNREADABLE as error:
            found.faults.append(f"the certificate of {server.place} cannot be read: {error}")
            found.remedies.append(handshakes.RENEW)
            continue
        if answer.fault is not None:
            found.faults.append(answer.fault)
            found.remedies.append(answer.remedy)
        *own, last = certificates
        found.held.extend(_named(f"of {server.place}", each) for each in own)
        is_authoritys = answer.fault is None and own and root != "system"
        found.held.append(_named(f"of {root}" if is_authoritys else f"of {server.place}", last))
    return found


def _read(path: str, found: _LookedAt, *, are_authorities: bool) -> None:
    """Read a certificate file that the URL names."""
    try:
        loaded = x509.load_pem_x509_certificates(read_certificates(Path(path)).encode())
        held = [_named(f"of {path}", each) for each in loaded]
    except CertificatesInvalid as error:
        found.faults.append(str(error))
        found.remedies.append("write certificates in PEM to that file")
    except handshakes.UNREADABLE as error:
        found.faults.append(f"{path} cannot be read: {error}")
        found.remedies.append("write certificates in PEM to that file")
    else:
        # A verified chain that ends at this file's authority already shows which one is in use.
        is_proven = any(each.where == f"of {path}" for each in found.held)
        found.held.extend(([] if is_proven else _in_use(held, found.held)) if are_authorities else held)


def _named(where: str, each: x509.Certificate) -> _Held:
    name, issuer = (handshakes.as_read(one.rfc4514_string()) for one in (each.subject, each.issuer))
    return _Held(where=where, name=name, issuer=issuer, ends=each.not_valid_after_utc)


def _in_use(authorities: list[_Held], shown: list[_Held]) -> list[_Held]:
    """Return the authorities that issued PostgreSQL's certificates, the newest of each name; if none did, the one that
    expires last. System and cloud bundles hold many more, and some of those expired long ago."""
    issuers = {each.issuer for each in shown}
    newest = {each.name: each for each in sorted(authorities, key=lambda each: each.ends)}
    used = [each for name, each in newest.items() if name in issuers]
    return used or [max(authorities, key=lambda each: each.ends)]


def _client(options: Options, mode: str) -> str:
    return _file(options, "sslcert", "postgresql.crt") if mode != "disable" else ""


def _file(options: Options, option: str, of_home: str) -> str:
    """Return a file as libpq finds it: from the option, otherwise in ~/.postgresql if it exists there."""
    at_home = os.path.expanduser(f"~/.postgresql/{of_home}")  # unchanged if there is no home directory
    return _option(options, option) or (at_home if os.path.isfile(at_home) else "")


def _option(options: Options, name: str) -> str:
    """Return an option as libpq reads it: from the connection string, otherwise from its environment variable."""
    return str(options.get(name) or os.environ.get(f"PG{name.upper()}") or "")


def _servers(options: Options) -> Iterator[tuple[str, int, str]]:
    """Yield address, port and name of each server in the URL, except those reached over a local socket."""
    names, addresses = _option(options, "host").split(","), _option(options, "hostaddr").split(",")
    if not any(addresses):
        addresses = names
    ports = (_option(options, "port") or "5432").split(",")
    for nth, address in enumerate(addresses):
        if address and not address.startswith(("/", "@")):
            name = names[nth] if len(names) == len(addresses) else ""
            yield address, int(ports[nth if len(ports) == len(addresses) else 0] or 5432), name or address
