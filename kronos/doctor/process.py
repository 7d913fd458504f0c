"""Findings about the process that runs the check: its settings, its files, and the disk of a PostgreSQL next to it."""

import os
import shutil
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

from kronos import config
from kronos.certificates import CertificatesInvalid, read_certificates
from kronos.config import Settings
from kronos.doctor.finding import Finding, some
from kronos.server_time import CLOCK

_RENEW_WITHIN = timedelta(days=30)
_FREE_BYTES = 10_000_000_000
_FREE_SHARE = 0.1
ROOM = "free space there: old logs, WAL of unread replication slots; a shorter retention frees a week at a time"
# Where cloud providers serve a machine its credentials.
_METADATA = (ip_address("169.254.169.254"), ip_address("fd00:ec2::254"), ip_address("168.63.129.16"))
_WIDEST = {4: 7, 6: 7}


def process(settings: Settings, *, is_server: bool = True, now: datetime | None = None) -> Iterator[Finding]:
    """Yield the findings about the process's settings. Whether metrics can be read is checked for servers only."""
    unknown = config.unknown_variables()
    yield Finding(
        check="settings",
        ok=not unknown,
        detail=f"unknown in this release: {some(unknown)}" if unknown else "each KRONOS_* variable is a known setting",
        meaning="they are ignored, so what they were meant to set is not set",
        fix="correct the name (docs/configuration.md), or remove it from the environment",
    )
    open_to = _too_wide(settings.egress_allow)
    yield Finding(
        check="egress",
        ok=not open_to,
        detail=f"KRONOS_EGRESS_ALLOW lets deliveries reach {some(open_to)}"
        if open_to
        else "its networks are narrow enough",
        meaning="users who may create endpoints can reach every address, or read this machine's cloud credentials",
        fix="list only the networks that receivers are in, as small as possible, in KRONOS_EGRESS_ALLOW",
    )
    yield _certificates(settings.ca_file, now or CLOCK.now())
    yield key_file(settings.encryption_key_file)
    if is_server:
        yield Finding(
            check="metrics",
            ok=settings.metrics_port is not None,
            detail=f"they are on port {settings.metrics_port}"
            if settings.metrics_port
            else "KRONOS_METRICS_PORT is unset",
            meaning="Prometheus needs a key to read /metrics here; a worker's metrics cannot be read at all",
            fix="set KRONOS_METRICS_PORT, with a different port for each process",
        )


def key_file(path: Path | None) -> Finding:
    """Report whether other users can read the encryption keys."""
    mode, others = None, 0o077
    if path is not None and path.exists():
        about = path.stat()
        mode = stat.S_IMODE(about.st_mode)
        if about.st_uid == 0 and os.geteuid() != 0:  # readable through the file's group, as Kubernetes mounts it
            others = 0o037
    return Finding(
        check="key file",
        ok=not (mode or 0) & others,
        detail=f"KRONOS_ENCRYPTION_KEY_FILE has mode {mode:04o}"
        if mode is not None
        else "this machine has no KRONOS_ENCRYPTION_KEY_FILE",
        meaning="other users of this machine can decrypt every secret that they find in a backup",
        fix="chmod 600 the file, add a new key as its first line, and run `kronos secrets rotate`: the old keys may be "
        "known",
    )


def disk(data_directory: str | None, *, is_local: bool) -> Finding | None:
    """Report PostgreSQL's free disk space if it is on this machine; None if this process cannot see it."""
    if data_directory is None or not is_local:
        return None
    try:
        usage = shutil.disk_usage(data_directory)
    except OSError:  # a container's own path, or a directory that this user may not enter
        return None
    return Finding(
        check="disk",
        ok=usage.free >= min(_FREE_BYTES, _FREE_SHARE * usage.total),
        detail=f"{usage.free / 1e9:.1f} GB of {usage.total / 1e9:.1f} GB are free on the data directory's disk",
        meaning="once the disk is full, PostgreSQL rejects every write: nothing is created, fired or delivered",
        fix=ROOM,
    )


def _too_wide(allowed: str) -> list[str]:
    """Return the networks that are too wide, or that contain a cloud's metadata address."""
    found = []
    for text in filter(None, map(str.strip, allowed.split(","))):
        network = ip_network(text, strict=False)
        if network.prefixlen <= _WIDEST[network.version] or any(each in network for each in _METADATA):
            found.append(text)
    return found


def _certificates(path: Path | None, now: datetime) -> Finding:
    """Report whether the certificates that deliveries trust are valid for long enough."""
    try:
        text = read_certificates(path) if path is not None else ""
    except CertificatesInvalid as error:
        return Finding(
            check="certificates",
            ok=False,
            detail=str(error),
            meaning="the file was changed after this process started, which still uses what it read then",
            fix="write certificates in PEM to that file",
        )
    from cryptography import x509  # 20 ms that few processes need

    found = x509.load_pem_x509_certificates(text.encode()) if text else []
    ending = [
        f"{each.subject.rfc4514_string()} on {each.not_valid_after_utc:%Y-%m-%d}"
        for each in found
        if each.not_valid_after_utc < now + _RENEW_WITHIN
    ]
    return Finding(
        check="certificates",
        ok=not ending,
        detail=f"they expire: {some(ending)}"
        if ending
        else f"{len(found)} of KRONOS_CA_FILE, valid for at least 30 more days",
        meaning="after that, deliveries fail to receivers whose certificates they sign",
        fix=f"add the authority's new certificate to {os.fspath(path) if path else 'KRONOS_CA_FILE'}; the file is read "
        "again when it changes",
    )
