"""The instance itself: its administrator's key, and whether it can do its work."""

import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
from psycopg import sql as composed

from kronos import errors, session
from kronos.config import Settings
from kronos.database import InstanceView
from kronos.model import Role as KeyRole
from kronos.session import Role
from kronos.sql import statement

_KEY_PREFIX = "kr_live"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What is stored of a key: enough to recognise its secret, not to know it."""

    key_id: UUID
    secret_sha256: bytes
    role: KeyRole


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """pg_cron as seen from outside: silent_seconds is since it last rang an internal job, or since PostgreSQL started."""

    extension_version: str | None
    internal_jobs: int
    internal_entries: int
    silent_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """What a worker's look at pg_cron found, and what its ring did; `executions` is None where it did not ring."""

    at: datetime  # PostgreSQL's clock
    is_heard: bool
    is_silent: bool
    executions: int | None
    is_left: bool  # something is still due
    internal_jobs: list[UUID]  # to be run in silent pg_cron's place


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalRun:
    """Whether an internal job was run in pg_cron's place."""

    is_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRules:
    """When other rules of a time zone in use were last noticed; None: never."""

    changed_at: datetime | None


_FIND_KEY = statement("system.find_api_key", ApiKey)
_READINESS = statement("system.get_readiness", Readiness)
_ZONE_RULES = statement("system.get_zone_rules", ZoneRules)
RING_IF_SILENT = statement("system.ring_if_silent", Rung)
RUN_INTERNAL_JOB = statement("system.run_internal_job", InternalRun)
SILENT_AFTER = timedelta(seconds=90)  # the internal jobs ring every minute; half a minute is pg_cron's worst backlog seen


def split_key(key: str) -> tuple[str, bytes] | None:
    """A key's public id and the digest of its secret; None where it has not the form kr_live_<public id>_<secret>."""
    public_id, _, secret = key.removeprefix(_KEY_PREFIX + "_").partition("_")
    if not key.startswith(_KEY_PREFIX + "_") or not public_id or not secret or not key.isascii():
        return None
    return public_id, hashlib.sha256(secret.encode()).digest()


async def find_key(view: InstanceView, public_id: str) -> ApiKey | None:
    """The key with this public id, unless it is unknown or revoked. Raises DatabaseUnavailable."""
    return await view.one_or_none(_FIND_KEY, {"public_id": public_id})


async def readiness(view: InstanceView) -> Readiness:
    """What readiness is judged by. Raises DatabaseUnavailable."""
    (found,) = await view.rows(_READINESS, {})
    return found


async def zone_rules(view: InstanceView) -> ZoneRules:
    """What tells sessions with old time zone data from new ones. Raises DatabaseUnavailable."""
    (found,) = await view.rows(_ZONE_RULES, {})
    return found


def why_not_ready(found: Readiness) -> str | None:
    """The reason why ticks would not be fired in time; None where they are."""
    if found.extension_version is None:
        return "the extension pg_cron is not installed in this database: run `kronos migrate`"
    if found.internal_entries < found.internal_jobs or found.internal_jobs == 0:
        return f"{found.internal_entries} of {found.internal_jobs} internal jobs have a pg_cron entry: run `kronos migrate`"
    if found.silent_seconds > SILENT_AFTER.total_seconds():
        return f"pg_cron has not rung for {found.silent_seconds:.0f} s: is its launcher running, is cron.database_name this database?"
    return None


def configure(admin_database_url: str, settings: Settings) -> None:
    """Store what holds for the instance and not for a process. Raises DatabaseUnavailable."""
    try:
        with session.connect(admin_database_url, session.wanted(None), autocommit=False) as connection:
            connection.execute("set role kronos_owner")
            connection.execute(
                "update kronos.catch_up_wave set immediate = %s, stagger_seconds = %s",
                [settings.catch_up_immediate, settings.catch_up_stagger_seconds],
            )
            connection.execute(
                "select kronos.set_retention(null, %s, %s)", [settings.retention_success_days, settings.retention_failure_days]
            )
            connection.execute("update kronos.retention set run_details_days = %s", [settings.retention_run_details_days])
    except psycopg.Error as error:
        raise errors.from_database(error) from error


def ensure_admin_key(admin_database_url: str, key_file: Path) -> None:
    """Make the instance administrator's key, if `key_file` is not there, and see that the database knows the one in the file.

    The file (mode 0600) is on disk before the database knows its key, so a crash in between only means that the next start stores it.
    Raises DatabaseUnavailable, KronosError when the file holds no key.
    """
    if not key_file.exists():
        key = f"{_KEY_PREFIX}_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}"
        key_file.parent.mkdir(parents=True, exist_ok=True)
        partial = key_file.with_name(f"{key_file.name}.{os.getpid()}.partial")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(key + "\n")
            file.flush()
            os.fsync(descriptor)
        try:
            os.link(partial, key_file)  # like a rename, but never over a key that another process was first to write
        except FileExistsError:
            pass
        finally:
            partial.unlink()
    split = split_key(key_file.read_text(encoding="utf-8").strip())
    if split is None:
        raise errors.KronosError(f"{key_file} holds no key of the form {_KEY_PREFIX}_<public id>_<secret>")
    public_id, digest = split
    try:
        with session.connect(admin_database_url, session.wanted(None), autocommit=False) as connection:
            connection.execute("set role kronos_owner")
            connection.execute(
                "insert into kronos.api_keys (public_id, secret_sha256, role) values (%s, %s, 'instance_admin')"
                " on conflict (public_id) do nothing",
                [public_id, digest],
            )
    except psycopg.Error as error:
        raise errors.from_database(error) from error


def set_passwords(admin_database_url: str, passwords: Mapping[Role, str]) -> None:
    """Let each role log in with its password, of which PostgreSQL and its log see the verifier alone. Raises DatabaseUnavailable."""
    try:
        with session.connect(admin_database_url, session.wanted(None), autocommit=False) as connection:
            for role, password in passwords.items():
                verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
                connection.execute(composed.SQL("alter role {} password {}").format(composed.Identifier(role), composed.Literal(verifier)))
    except psycopg.Error as error:
        raise errors.from_database(error) from error
