"""The doctor's findings about its own process, and about servers that no test can have."""

import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path, PosixPath
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kronos import config
from kronos.doctor import process, ringer, server
from kronos.doctor.finding import Finding
from kronos.doctor.signs import CronSetup, ServerSigns, SessionSigns

SESSIONS = SessionSigns(
    connections=5,
    max_connections=97,
    sees_activity=True,
    oldest_seconds=None,
    oldest=None,
    prepared=0,
    prepared_seconds=None,
    waiting=0,
    waiting_seconds=None,
    waiting_for=None,
    is_encrypted=False,
    is_local=True,
)
SERVER = ServerSigns(
    is_fsync_on=True,
    are_pages_whole=True,
    commits="on",
    frozen_age=1000,
    multixact_age=10,
    slots=[],
    slot_bytes=None,
    standbys_wanted=False,
    standbys_there=False,
    lag_seconds=None,
    archive_fails_seconds=None,
    pending_restart=[],
    collation_change=None,
    relations=300,
    lockable=6400,
    is_autovacuum_on=True,
    data_directory=None,
)
CRON = CronSetup(
    is_visible=True,
    launches_jobs=True,
    logs_runs=True,
    is_by_workers=True,
    running=0,
    max_running=5,
    max_processes=8,
    installed="1.6",
    available="1.6",
    log_bytes=0,
    limits=[],
)


def broken(found: Any) -> set[str]:
    made: list[Finding] = list(found)
    assert [each for each in made if not (each.meaning and each.fix and each.severity)] == []
    return {each.check for each in made if not each.ok}


def settings(**given: object) -> config.Settings:
    return config.Settings(database_url="postgresql://u:s3cret@h/d", metrics_port=9, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({}, None),
        ({"is_local": False}, "encryption"),
        ({"is_local": False, "is_encrypted": True}, None),
        ({"connections": 88}, "connections"),
        ({"oldest_seconds": 700.0, "oldest": "psql of me, process 7"}, "transactions"),
        ({"waiting": 2, "waiting_seconds": 31.0, "waiting_for": "kronos.jobs"}, "locks"),
        ({"prepared": 1, "prepared_seconds": 700.0}, "prepared"),
    ],
)
def test_who_is_connected_and_how(changed: dict[str, Any], check: str | None) -> None:
    assert broken(server.sessions(replace(SESSIONS, **changed))) == ({check} if check else set())


def test_what_is_not_shown_is_not_said_to_be_well() -> None:
    (found,) = (
        each for each in server.sessions(replace(SESSIONS, sees_activity=False)) if each.check == "transactions"
    )
    assert (found.ok, "not visible to this user" in found.detail) == (True, True)


@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({}, None),
        ({"is_fsync_on": False}, "durability"),
        ({"are_pages_whole": False}, "durability"),
        ({"commits": "off"}, "commits"),
        ({"commits": "local"}, None),
        ({"lag_seconds": 61.0}, "replication lag"),
        ({"slots": ["left"], "slot_bytes": 2_000_000_000}, "replication slots"),
        ({"slots": ["left"], "slot_bytes": 16_000_000}, None),
        ({"standbys_wanted": True}, "synchronous standby"),
        ({"standbys_wanted": True, "standbys_there": True}, None),
        ({"multixact_age": 1_200_000_000}, "wraparound"),
        ({"relations": 4000}, "lock table"),
    ],
)
def test_what_the_server_keeps_and_for_how_long(changed: dict[str, Any], check: str | None) -> None:
    assert broken(server.server(replace(SERVER, **changed))) == ({check} if check else set())


@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({}, None),
        ({"launches_jobs": False}, "launching"),
        ({"launches_jobs": None, "logs_runs": None, "max_running": None, "is_visible": False}, None),
        ({"running": 5}, "cron slots"),
        ({"max_processes": 5}, "cron slots"),
        ({"max_processes": 5, "is_by_workers": False}, None),
        ({"logs_runs": False}, "cron log"),
        ({"log_bytes": 2_000_000_000}, "cron log size"),
        ({"available": "1.7"}, "cron version"),
        ({"limits": ["lock_timeout is not set"]}, "cron limits"),
    ],
)
def test_how_pg_cron_is_set_up(changed: dict[str, Any], check: str | None) -> None:
    assert broken(ringer.cron(replace(CRON, **changed))) == ({check} if check else set())


@pytest.mark.parametrize(
    ("allowed", "holds"),
    [
        ("", True),
        ("10.1.0.0/16, 127.0.0.0/8", True),
        ("0.0.0.0/0", False),
        ("::/0", False),
        ("128.0.0.0/2", False),
        ("169.254.0.0/16", False),
        ("fd00:ec2::254", False),
        ("168.63.129.16", False),
    ],
)
def test_networks_that_nobody_means_who_knows_them(allowed: str, holds: bool) -> None:
    assert ("egress" not in broken(process.process(settings(egress_allow=allowed)))) is holds


def test_variables_without_a_meaning_and_metrics_that_nobody_can_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRONOS_WORKER_CONCURENCY", "s3cret")
    found = {each.check: each for each in process.process(settings())}
    assert (found["settings"].ok, found["metrics"].ok) == (False, True)
    assert ("CONCURENCY" in found["settings"].detail, "s3cret" in found["settings"].detail) == (True, False)
    monkeypatch.delenv("KRONOS_WORKER_CONCURENCY")
    closed = settings().model_copy(update={"metrics_port": None})
    assert broken(process.process(closed)) == {"metrics"}


def certificate(path: Path, until: datetime) -> Path:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(until - timedelta(days=400))
        .not_valid_after(until)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return path


def test_a_certificate_that_ends_soon_is_named_and_a_new_one_is_well(tmp_path: Path) -> None:
    now = datetime(2026, 11, 29, tzinfo=UTC)
    file = certificate(tmp_path / "ca.pem", now + timedelta(days=29))
    found = {each.check: each for each in process.process(settings(ca_file=file), now=now)}
    assert (found["certificates"].ok, "CN=ca on 2026-12-28" in found["certificates"].detail) == (False, True)
    given = settings(ca_file=certificate(file, now + timedelta(days=31)))
    assert broken(process.process(given, now=now)) == set()
    file.write_text("gone")
    assert broken(process.process(given, now=now)) == {"certificates"}


def test_a_key_file_that_others_may_read_is_found_until_they_may_not(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("x")
    file.chmod(0o640)
    assert not process.key_file(file).ok
    file.chmod(0o600)
    assert process.key_file(file).ok
    assert process.key_file(tmp_path / "none").ok


def test_a_disk_with_little_room_is_found_where_it_can_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    total = 100_000_000_000
    monkeypatch.setattr(shutil, "disk_usage", lambda path: (_ for _ in ()).throw(FileNotFoundError(path)))
    assert process.disk(str(tmp_path), is_local=True) is None
    for free, holds in ((total // 100, False), (total, True)):
        monkeypatch.setattr(
            shutil, "disk_usage", lambda _, free=free: type("Usage", (), {"free": free, "total": total})
        )
        found = process.disk(str(tmp_path), is_local=True)
        assert found is not None
        assert found.ok is holds
    assert process.disk(None, is_local=True) is None
    assert process.disk(str(tmp_path), is_local=False) is None


@pytest.mark.parametrize(
    ("given", "check", "detail"),
    [
        ({}, "settings", "each KRONOS_* variable is a known setting"),
        ({}, "egress", "its networks are narrow enough"),
        ({"egress_allow": "0.0.0.0/0, 10.0.0.0/16"}, "egress", "KRONOS_EGRESS_ALLOW lets deliveries reach 0.0.0.0/0"),
        ({"egress_allow": "0.0.0.0/7"}, "egress", "KRONOS_EGRESS_ALLOW lets deliveries reach 0.0.0.0/7"),
        ({"egress_allow": "0.0.0.0/8"}, "egress", "its networks are narrow enough"),
        ({}, "certificates", "0 of KRONOS_CA_FILE, valid for at least 30 more days"),
        ({}, "key file", "this machine has no KRONOS_ENCRYPTION_KEY_FILE"),
        ({}, "metrics", "they are on port 9"),
    ],
)
def test_what_is_found_of_the_process_is_told(given: dict[str, Any], check: str, detail: str) -> None:
    found = {each.check: each.detail for each in process.process(settings(**given))}
    assert found[check] == detail
    assert "metrics" not in {each.check for each in process.process(settings(), is_server=False)}


def test_unknown_variables_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRONOS_WORKER_CONCURENCY", "1")
    found = {each.check: each.detail for each in process.process(settings())}
    assert found["settings"] == "unknown in this release: KRONOS_WORKER_CONCURENCY"
    closed = settings().model_copy(update={"metrics_port": None})
    assert {each.check: each.detail for each in process.process(closed)}["metrics"] == "KRONOS_METRICS_PORT is unset"


class Owned(PosixPath):
    """A file of this user, whoever runs the tests."""

    uid: int

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        found = list(super().stat(follow_symlinks=follow_symlinks))
        found[4] = self.uid
        return os.stat_result(found)


@pytest.mark.parametrize(
    ("mode", "owner", "caller", "holds"),
    [
        (0o600, 1000, 1000, True), (0o640, 1000, 1000, False), (0o604, 1000, 1000, False), (0o400, 0, 0, True),
        (0o640, 0, 0, False), (0o640, 0, 1000, True), (0o660, 0, 1000, False), (0o650, 0, 1000, False),
        (0o644, 0, 1000, False), (0o640, 1, 1000, False),
    ],
)  # fmt: skip
def test_a_key_file_of_root_may_be_read_by_its_group_as_kubernetes_mounts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, owner: int, caller: int, holds: bool
) -> None:
    file = Owned(tmp_path / "keys")
    file.uid = owner
    file.write_text("x")
    file.chmod(mode)
    monkeypatch.setattr(os, "geteuid", lambda: caller)
    found = process.key_file(file)
    assert (found.ok, found.detail) == (holds, f"KRONOS_ENCRYPTION_KEY_FILE has mode {mode:04o}")


@pytest.mark.parametrize(
    ("free", "total", "holds", "told"),
    [
        (10_000_000_000, 200_000_000_000, True, "10.0 GB of 200.0 GB"),
        (9_999_999_999, 200_000_000_000, False, "10.0 GB of 200.0 GB"),
        (5_000_000_000, 50_000_000_000, True, "5.0 GB of 50.0 GB"),
        (4_940_000_000, 50_000_000_000, False, "4.9 GB of 50.0 GB"),
    ],
)
def test_a_disk_needs_ten_gigabytes_or_a_tenth(
    monkeypatch: pytest.MonkeyPatch, free: int, total: int, holds: bool, told: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free, total=total))
    found = process.disk("/data", is_local=True)
    assert found is not None
    assert (found.ok, found.detail) == (holds, f"{told} are free on the data directory's disk")
