"""How long the certificates hold by which this process and PostgreSQL trust each other: those that KRONOS_DATABASE_URL
names, and the one that PostgreSQL shows. When one of them ends, all processes lose the database together."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from psycopg.conninfo import conninfo_to_dict

from kronos.certificates import CertificatesInvalid, read_certificates
from kronos.doctor import handshakes
from kronos.doctor.finding import Finding, some
from kronos.server_time import CLOCK

Options: TypeAlias = dict[str, str | int | None]
_ENDS_WITHIN = timedelta(days=14)
_ALL_ANSWER_SECONDS = 2.0
"""After that no other server is asked: who reads the status waits for all of them."""
# psycopg's wheels look in a folder of their own, which is nowhere, so that no machine's openssl.cnf is read:
# https://github.com/psycopg/psycopg/issues/1476
_NO_SYSTEM = "write sslrootcert=/etc/ssl/certs/ca-certificates.crt, or set SSL_CERT_FILE to that file"
_VERIFYING = ("verify-ca", "verify-full")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A certificate, and where it was found."""

    where: str
    name: str
    issuer: str
    ends: datetime


@dataclass(frozen=True, slots=True)
class _LookedAt:
    """What is looked at, what is wrong, and what puts it right."""

    held: list[_Held]
    faults: list[str]
    remedies: list[str]


def database(url: str, now: datetime | None = None) -> Finding:
    """Whether all of them hold for two weeks yet, and a new connection would trust them. Connects to each server that
    is named, where it is to be verified."""
    options, now = conninfo_to_dict(url), now or CLOCK.now()
    root, mode = _trust(options)
    found = _asked(options, root, mode)
    for path, are_authorities in ((root if _verifies(root, mode) else "", True), (_client(options, mode), False)):
        if path and path != "system":
            _read(path, found, are_authorities=are_authorities)
    held = list(dict.fromkeys(found.held))
    ending = [_ending(each, now) for each in held if each.ends < now + _ENDS_WITHIN]
    faults = [*found.faults, *(each for each in ending if not any(each in fault for fault in found.faults))]
    well = f"{len(held)} of PostgreSQL's, valid for 14 days yet" if held else "none decides whether it is reached"
    return Finding(
        check="database certificates",
        ok=not faults,
        detail=some(faults) if faults else well,
        meaning="no new connection to PostgreSQL is made: nothing is made, fired or delivered once the present ones end"
        if found.faults
        else "from then on no process connects to PostgreSQL: nothing is made, fired or delivered",
        fix="; ".join(dict.fromkeys([*found.remedies, *([handshakes.RENEW] if ending else [])])) or handshakes.RENEW,
    )


def _ending(each: _Held, now: datetime) -> str:
    return f"{each.name} {each.where} {'ended' if each.ends < now else 'ends'} on {each.ends:%Y-%m-%d}"


def refusal(url: str) -> tuple[str, str] | None:
    """Why what PostgreSQL shows is not trusted, and what to do; None where it is, or nobody answers."""
    options = conninfo_to_dict(url)
    root, mode = _trust(options)
    found = _asked(options, root, mode)
    if root == "system" and not os.environ.get("SSL_CERT_FILE"):
        found.faults.append("the libpq that Kronos brings knows no authorities by sslrootcert=system")
        found.remedies.append(_NO_SYSTEM)
    return (some(found.faults), "; ".join(dict.fromkeys(found.remedies))) if found.faults else None


def _trust(options: Options) -> tuple[str, str]:
    """The file of authorities, and how they are gone by."""
    return _file(options, "sslrootcert", "root.crt"), _option(options, "sslmode") or "prefer"


def _verifies(root: str, mode: str) -> bool:
    return mode in _VERIFYING or (mode == "require" and bool(root))


def _asked(options: Options, root: str, mode: str) -> _LookedAt:
    """What the servers show."""
    found = _LookedAt([], [], [])
    until_asked = time.monotonic() + _ALL_ANSWER_SECONDS
    for address, port, name in _servers(options) if _verifies(root, mode) else ():
        server = handshakes.TlsServer(address=address, port=port, name=name if mode == "verify-full" else "", root=root)
        try:
            answer = handshakes.shown(server) if time.monotonic() < until_asked else None
        except OSError:  # the file of authorities, of which _read says what it is
            continue
        if answer is None:
            continue
        try:
            certificates = [x509.load_der_x509_certificate(each) for each in answer.chain]
        except handshakes.UNREADABLE as error:
            found.faults.append(f"what {server.place} shows cannot be read: {error}")
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
    """What is in a file that the URL names."""
    try:
        loaded = x509.load_pem_x509_certificates(read_certificates(Path(path)).encode())
        held = [_named(f"of {path}", each) for each in loaded]
    except CertificatesInvalid as error:
        found.faults.append(str(error))
        found.remedies.append("write certificates in PEM there")
    except handshakes.UNREADABLE as error:
        found.faults.append(f"{path} cannot be read: {error}")
        found.remedies.append("write certificates in PEM there")
    else:
        # the way that was proven to end there is the word of who goes it
        is_proven = any(each.where == f"of {path}" for each in found.held)
        found.held.extend(([] if is_proven else _in_use(held, found.held)) if are_authorities else held)


def _named(where: str, each: x509.Certificate) -> _Held:
    name, issuer = (handshakes.as_read(one.rfc4514_string()) for one in (each.subject, each.issuer))
    return _Held(where=where, name=name, issuer=issuer, ends=each.not_valid_after_utc)


def _in_use(authorities: list[_Held], shown: list[_Held]) -> list[_Held]:
    """Those that PostgreSQL's are of, the newest of each name; where none is, the one that ends last. Files have more
    than are needed, as a system's or a cloud's, and some of these have long ended."""
    issuers = {each.issuer for each in shown}
    newest = {each.name: each for each in sorted(authorities, key=lambda each: each.ends)}
    used = [each for name, each in newest.items() if name in issuers]
    return used or [max(authorities, key=lambda each: each.ends)]


def _client(options: Options, mode: str) -> str:
    return _file(options, "sslcert", "postgresql.crt") if mode != "disable" else ""


def _file(options: Options, option: str, of_home: str) -> str:
    """As libpq takes it: of the option, else of ~/.postgresql, where it is there."""
    at_home = os.path.expanduser(f"~/.postgresql/{of_home}")  # where there is no home it stays as it is
    return _option(options, option) or (at_home if os.path.isfile(at_home) else "")


def _option(options: Options, name: str) -> str:
    """As libpq takes it: of the string, else of its environment."""
    return str(options.get(name) or os.environ.get(f"PG{name.upper()}") or "")


def _servers(options: Options) -> Iterator[tuple[str, int, str]]:
    """Address, port and name of each server that is named; none that is reached by a socket of this machine."""
    names, addresses = _option(options, "host").split(","), _option(options, "hostaddr").split(",")
    if not any(addresses):
        addresses = names
    ports = (_option(options, "port") or "5432").split(",")
    for nth, address in enumerate(addresses):
        if address and not address.startswith(("/", "@")):
            name = names[nth] if len(names) == len(addresses) else ""
            yield address, int(ports[nth if len(ports) == len(addresses) else 0] or 5432), name or address
