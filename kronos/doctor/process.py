"""Findings about the process that looks: its settings and files, and the disk where PostgreSQL is on its machine."""

import os
import shutil
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

from cryptography import x509

from kronos import config
from kronos.certificates import CertificatesInvalid, read_certificates
from kronos.config import Settings
from kronos.doctor.finding import Finding, some
from kronos.server_time import CLOCK

_RENEW_WITHIN = timedelta(days=30)
_FREE_BYTES = 10_000_000_000
_FREE_SHARE = 0.1
# Where clouds tell a machine its credentials.
_METADATA = (ip_address("169.254.169.254"), ip_address("fd00:ec2::254"), ip_address("168.63.129.16"))
_WIDEST = {4: 7, 6: 7}


def process(settings: Settings, *, is_server: bool = True, now: datetime | None = None) -> Iterator[Finding]:
    """What its settings say; of a command that serves nobody, whether its metrics can be read is nobody's business."""
    unknown = config.unknown_variables()
    yield Finding(
        check="settings",
        ok=not unknown,
        detail=f"of no meaning in this release: {some(unknown)}" if unknown else "each KRONOS_* variable has a meaning",
        meaning="they are ignored: what was meant by them is not so",
        fix="correct the name (docs/configuration.md), or take it out of the environment",
    )
    open_to = _too_wide(settings.egress_allow)
    yield Finding(
        check="egress",
        ok=not open_to,
        detail=f"KRONOS_EGRESS_ALLOW lets deliveries reach {some(open_to)}" if open_to else "its networks are bounded",
        meaning="who may make an endpoint reaches every address, or reads the credentials of this machine",
        fix="name the networks that receivers are in, as small as they are, in KRONOS_EGRESS_ALLOW",
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
            meaning="Prometheus needs a key to read /metrics here; a worker's cannot be read at all",
            fix="set KRONOS_METRICS_PORT, for each process its own",
        )


def key_file(path: Path | None) -> Finding:
    """Whether others can read the encryption keys."""
    mode, others = None, 0o077
    if path is not None and path.exists():
        about = path.stat()
        mode = stat.S_IMODE(about.st_mode)
        if about.st_uid == 0 and os.geteuid() != 0:  # handed to this process by its group, as Kubernetes does
            others = 0o037
    return Finding(
        check="key file",
        ok=not (mode or 0) & others,
        detail=f"KRONOS_ENCRYPTION_KEY_FILE has mode {mode:04o}" if mode is not None else "there is no such file here",
        meaning="other users of this machine can open every secret that they find in a backup",
        fix="chmod 600 on it, a new first line, and `kronos secrets rotate`: the old keys may be known",
    )


def disk(data_directory: str | None, *, is_local: bool) -> Finding | None:
    """How much room PostgreSQL has, where it is on this machine; None where that cannot be seen."""
    if data_directory is None or not is_local:
        return None
    try:
        usage = shutil.disk_usage(data_directory)
    except OSError:  # a container's own, or a folder that is not ours to enter
        return None
    return Finding(
        check="disk",
        ok=usage.free >= min(_FREE_BYTES, _FREE_SHARE * usage.total),
        detail=f"{usage.free / 1e9:.1f} GB of {usage.total / 1e9:.1f} GB are free where the data directory is",
        meaning="when it is full PostgreSQL refuses every write: nothing is made, fired or delivered",
        fix="make room there: old logs, WAL of unread replication slots; shorter retention frees a week at a time",
    )


def _too_wide(allowed: str) -> list[str]:
    """The networks that nobody means who knows them."""
    found = []
    for text in filter(None, map(str.strip, allowed.split(","))):
        network = ip_network(text, strict=False)
        if network.prefixlen <= _WIDEST[network.version] or any(each in network for each in _METADATA):
            found.append(text)
    return found


def _certificates(path: Path | None, now: datetime) -> Finding:
    """Whether what deliveries trust is valid for long enough."""
    try:
        text = read_certificates(path) if path is not None else ""
    except CertificatesInvalid as error:
        return Finding(
            check="certificates",
            ok=False,
            detail=str(error),
            meaning="the file was changed since this process started, which goes on with what it read",
            fix="write certificates in PEM there",
        )
    found = x509.load_pem_x509_certificates(text.encode()) if text else []
    ending = [
        f"{each.subject.rfc4514_string()} on {each.not_valid_after_utc:%Y-%m-%d}"
        for each in found
        if each.not_valid_after_utc < now + _RENEW_WITHIN
    ]
    return Finding(
        check="certificates",
        ok=not ending,
        detail=f"they end: {some(ending)}" if ending else f"{len(found)} of KRONOS_CA_FILE, valid for 30 days yet",
        meaning="deliveries to receivers whose certificates they sign fail from then on",
        fix=f"put the authority's new certificate into {os.fspath(path) if path else 'KRONOS_CA_FILE'}; it is read "
        "again when it changes",
    )
