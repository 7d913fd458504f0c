"""The schema revision that this release needs, and the check of a process against the database's revision."""

from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection

from kronos import errors
from kronos.lines import Log

_log = Log("kronos")
# The comment instead of the table: every role that may use the schema may read it.
_REVISION = """
select coalesce(substring(obj_description(to_regclass('kronos.schema_version'), 'pg_class')
       from '^revision (.*)$'), ''),
       current_database()::text
"""
_reported = set[str]()


def scripts() -> Path:
    """Return the alembic/ folder: inside the wheel, or at the top of the checkout."""
    bundled = Path(__file__).parent / "_alembic"
    return bundled if bundled.is_dir() else Path(__file__).parents[1] / "alembic"


def known() -> list[str]:
    """Return this release's revisions, in order, from their files' names: alembic, which reads the files, takes long to
    load."""
    return sorted(path.name.partition("_")[0] for path in (scripts() / "versions").glob("[0-9]*_*.py"))


@cache
def needed() -> str:
    """Return the newest revision of this release, for which its statements and functions are written."""
    return known()[-1]


async def check(connection: AsyncConnection[Any]) -> None:
    """Raise SessionRefused if the database is older than this release. If it is newer, log that once and continue.

    An upgrade keeps what the previous release needs wherever it can. What it could not keep fails by itself, and is
    retried.
    """
    try:
        found = await (await connection.execute(_REVISION)).fetchone()
    except psycopg.errors.InsufficientPrivilege as error:
        raise errors.SessionRefused(
            f"{error.diag.message_primary}: run `kronos migrate` with an administrator's KRONOS_DATABASE_URL"
        ) from error
    revision, database = (str(found[0]), str(found[1])) if found is not None else ("", "?")
    if revision < needed():
        raise errors.SessionRefused(older(revision, database))
    if revision > needed() and revision not in _reported:
        _reported.add(revision)
        _log.warning("revision.newer", newer(revision))


def older(revision: str, database: str) -> str:
    """Return the message for a database that an earlier release migrated, or that was never migrated."""
    at = f"at revision {revision}" if revision else "not migrated, or by an earlier release"
    run = "run `kronos migrate` of this release with an administrator's KRONOS_DATABASE_URL"
    return f"database {database} is {at}, and this release needs {needed()}: {run}"


def newer(revision: str) -> str:
    """Return the message for a database that a later release migrated."""
    return (
        f"the database is at revision {revision}, but this process is from a release that knows {needed()}: replace "
        "it with the newer release"
    )
