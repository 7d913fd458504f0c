"""The parts of a support bundle. Each is a text file."""

import platform
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import orjson
import psycopg

from kronos import doctor, reading, session, sql, tzdata
from kronos.config import Settings
from kronos.doctor.finding import Finding
from kronos.encryption import KeySource
from kronos.records import dataclass
from kronos.sql import statement
from kronos.support import allowed

# The most frequent statements, with their roles. The bundle has their generic plans, which do not depend on parameters.
_HOT: Final = {
    "claims.list_due_endpoints": "kronos_worker",
    "claims.claim_executions": "kronos_worker",
    "results.finalize_successes": "kronos_worker",
    "results.finalize_executions": "kronos_worker",
    "jobs.insert_bare_one_shots": "kronos_api",
    "job_changes.replace_cron_job": "kronos_api",
    "job_reads.get_job": "kronos_api",
    "job_reads.list_jobs": "kronos_api",
    "executions.get_execution": "kronos_api",
    "executions.list_executions": "kronos_api",
    "executions.list_job_executions": "kronos_api",
}
_PACKAGES: Final = ("kronos", "psycopg", "fastapi", "starlette", "uvicorn", "pydantic", "orjson", "aiohttp", "alembic")
_LINES: Final = 500
_LOG_BYTES: Final = 256 * 1024
_PARAMETER = re.compile(r"%\((\w+)\)s")
_NAMES_LEFT_OUT: Final = "left out: may name jobs, endpoints, roles or files (to include it: --with-names)"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableUse:
    """Size and vacuum state of a table."""

    name: str
    live: int
    dead: int
    bytes: int
    table_scans: int
    index_scans: int
    vacuumed_at: datetime | None
    analysed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CountOf:
    """A count, and what was counted."""

    what: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsOf:
    """A group of similar sessions."""

    kind: str
    program: str
    state: str
    waits_for: str
    sessions: int
    longest_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSetting:
    """A PostgreSQL setting."""

    name: str
    value: str
    unit: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerVersions:
    """Versions and size of a PostgreSQL database."""

    postgresql: str
    pg_cron: str
    revision: str
    up_seconds: float
    database_bytes: int


_TABLES = statement("support.list_tables", TableUse)
_COUNTS = statement("support.list_counts", CountOf)
_SESSIONS = statement("support.list_sessions", SessionsOf)
_SETTINGS = statement("support.list_settings", ServerSetting)
_VERSIONS = statement("support.get_versions", ServerVersions)


def parts(
    url: str, *, settings: Settings, keys: KeySource, logs: Path | None, with_names: bool
) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of each part. `logs` is the folder of `kronos up`'s logs. A part that cannot be
    created contains the reason; none is left out silently."""
    found = list(doctor.examine(url, fix=False, progress=lambda checked, total: None, keys=keys, settings=settings))
    yield "doctor.json", _json([_finding(each, with_names=with_names) for each in found])
    yield "settings.json", _json(allowed.settings(settings))
    yield "program.json", _json(_program())
    yield "logs.txt", "\n".join(_logs(logs)).encode()
    try:
        with session.connect(
            url, session.wanted(None), application_name="kronos-support", context=reading.context()
        ) as connection:
            yield from _asked(connection)
    except Exception as error:
        yield "database.txt", f"PostgreSQL could not be queried: {type(error).__name__}\n".encode()


def _asked(connection: session.Connection) -> Iterator[tuple[str, bytes]]:
    """Query PostgreSQL as the owner, then get the plans as the roles that run the statements."""

    def rows(make: Callable[[], object]) -> bytes:
        try:
            return _json(make())
        except psycopg.Error as error:
            return _json({"could not be queried": error.sqlstate})

    connection.execute("set role kronos_owner")
    connection.execute("set statement_timeout = '10s'")
    yield "postgresql.json", rows(lambda: session.rows(connection, _VERSIONS, {}))
    yield (
        "postgresql-settings.json",
        rows(lambda: session.rows(connection, _SETTINGS, {"names": list(allowed.POSTGRESQL)})),
    )
    yield "tables.json", rows(lambda: session.rows(connection, _TABLES, {}))
    yield "counts.json", rows(lambda: session.rows(connection, _COUNTS, {}))
    yield "sessions.json", rows(lambda: session.rows(connection, _SESSIONS, {}))
    connection.execute("set plan_cache_mode = force_generic_plan")
    yield "plans.txt", "\n\n".join(_plan(connection, name, role) for name, role in _HOT.items()).encode()


def _plan(connection: session.Connection, name: str, role: str) -> str:
    """Return the generic plan of a statement. It contains no values of rows."""
    text, names = sql.texts()[name], list[str]()

    def number(found: re.Match[str]) -> str:
        if found[1] not in names:
            names.append(found[1])
        return f"${names.index(found[1]) + 1}"

    prepared = _PARAMETER.sub(number, text.strip().removesuffix(";")).replace("%%", "%")
    try:
        connection.execute(f"set role {role}".encode())
        connection.execute(b"prepare explained as " + prepared.encode())
        given = f"({', '.join(['null'] * len(names))})" if names else ""
        found = connection.execute(f"explain execute explained{given}".encode()).fetchall()
        connection.execute("deallocate explained")
    except psycopg.Error as error:
        return f"-- {name}, as {role}: no plan ({error.sqlstate})"
    return "\n".join([f"-- {name}, as {role}", *(str(line) for (line,) in found)])


def _finding(found: Finding, *, with_names: bool) -> dict[str, object]:
    is_plain = with_names or found.check in allowed.DETAILS
    about = {"check": found.check, "severity": found.severity, "ok": found.ok}
    return about | {"detail": found.detail if is_plain else _NAMES_LEFT_OUT}


def _program() -> dict[str, object]:
    """Return the versions of Kronos, its packages and the platform."""
    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "not installed"
    return {
        "packages": packages,
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "libpq": psycopg.pq.version(),
        "system": f"{platform.system()} {platform.machine()}",
        "time_zone_data": tzdata.client_version(),
    }


def _logs(folder: Path | None) -> Iterator[str]:
    """Yield the last lines of each log of `kronos up`, without words from elsewhere."""
    files = sorted(folder.glob("*.log")) if folder is not None and folder.is_dir() else []
    if not files:
        yield "there are no logs of `kronos up` here: add the logs of your own collector"
        return
    words = allowed.Words()
    for file in files:
        with file.open("rb") as stream:
            stream.seek(max(0, file.stat().st_size - _LOG_BYTES))
            texts = stream.read().decode(errors="replace").splitlines()
        yield f"== {file.name}"
        yield from list(words.lines(iter(texts)))[-_LINES:]


def _json(found: object) -> bytes:
    rows = [asdict(each) for each in found] if isinstance(found, list) and found and _is_row(found[0]) else found
    return orjson.dumps(rows, option=orjson.OPT_INDENT_2)


def _is_row(found: object) -> bool:
    return hasattr(found, "__dataclass_fields__")
