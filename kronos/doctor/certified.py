"""How long the certificates hold by which this process and PostgreSQL trust each other: those that KRONOS_DATABASE_URL
names, and the one that PostgreSQL shows. When one of them ends, all processes lose the database together."""

import os
import socket
import ssl
import struct
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from psycopg.conninfo import conninfo_to_dict

from kronos.certificates import CertificatesInvalid, read_certificates
from kronos.doctor.finding import Finding, some
from kronos.server_time import CLOCK

_ENDS_WITHIN = timedelta(days=14)
_ANSWER_SECONDS = 1.0
_SSL_REQUEST = struct.pack(">ii", 8, 80877103)  # https://www.postgresql.org/docs/current/protocol-message-formats.html
_VERIFYING = ("verify-ca", "verify-full")


def database(url: str, now: datetime | None = None) -> Finding:
    """Whether all of them hold for two weeks yet. Connects to each server that is named, where it is to be verified."""
    options, until = conninfo_to_dict(url), (now or CLOCK.now()) + _ENDS_WITHIN
    root, mode = _option(options, "sslrootcert"), _option(options, "sslmode") or "prefer"
    is_verified = mode in _VERIFYING or (mode == "require" and bool(root))
    named = [*([root] if is_verified else []), _option(options, "sslcert") if mode != "disable" else ""]
    faults, looked_at = list[str](), 0
    for path in (each for each in named if each and each != "system"):
        try:
            found = x509.load_pem_x509_certificates(read_certificates(Path(path)).encode())
        except CertificatesInvalid as error:
            faults.append(str(error))
            continue
        looked_at += len(found)
        faults += _ending(f"of {path}", found, until)
    for host, port in _servers(options) if is_verified else ():
        if (shown := _shown_by(host, port)) is not None:
            looked_at += 1
            faults += _ending(f"of {host}:{port}", [shown], until)
    well = f"{looked_at} of PostgreSQL's, valid for 14 days yet" if looked_at else "none decides whether it is reached"
    return Finding(
        check="database certificates",
        ok=not faults,
        detail=some(faults) if faults else well,
        meaning="from then on no process connects to PostgreSQL: nothing is made, fired or delivered",
        fix="renew it, and let PostgreSQL read it (select pg_reload_conf()); files that the URL names are read by each "
        "new connection",
    )


def _option(options: dict[str, str | int | None], name: str) -> str:
    """As libpq takes it: of the string, else of its environment."""
    return str(options.get(name) or os.environ.get(f"PG{name.upper()}") or "")


def _ending(where: str, found: list[x509.Certificate], until: datetime) -> list[str]:
    return [
        f"{each.subject.rfc4514_string()} {where} ends on {each.not_valid_after_utc:%Y-%m-%d}"
        for each in found
        if each.not_valid_after_utc < until
    ]


def _servers(options: dict[str, str | int | None]) -> Iterator[tuple[str, int]]:
    """Host and port of each server that is named; none that is reached by a socket of this machine."""
    hosts = (_option(options, "hostaddr") or _option(options, "host")).split(",")
    ports = (_option(options, "port") or "5432").split(",")
    for nth, host in enumerate(hosts):
        if host and not host.startswith(("/", "@")):
            yield host, int(ports[nth if len(ports) == len(hosts) else 0] or 5432)


def _shown_by(host: str, port: int) -> x509.Certificate | None:
    """The certificate that PostgreSQL shows there; None where it does not answer, which others say, or has none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # to be read, and not to be trusted
    try:
        with socket.create_connection((host, port), timeout=_ANSWER_SECONDS) as plain:
            plain.sendall(_SSL_REQUEST)
            if plain.recv(1) != b"S":
                return None
            with context.wrap_socket(plain, server_hostname=host) as tls:
                shown = tls.getpeercert(binary_form=True)
    except OSError:
        return None
    return x509.load_der_x509_certificate(shown) if shown else None
