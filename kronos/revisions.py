"""The revision of the schema that this release needs, and what a process does at a database that has another."""

from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection

from kronos import errors
from kronos.lines import Log

_log = Log("kronos")
# The comment, and not the table: every role that may use the schema may read it.
_REVISION = """
select coalesce(substring(obj_description(to_regclass('kronos.schema_version'), 'pg_class')
       from '^revision (.*)$'), ''),
       current_database()::text
"""
_reported = set[str]()


def scripts() -> Path:
    """The alembic/ folder: inside the wheel, or at the checkout's top."""
    bundled = Path(__file__).parent / "_alembic"
    return bundled if bundled.is_dir() else Path(__file__).parents[1] / "alembic"


def known() -> list[str]:
    """The revisions of this release, in order, by the names of their files: alembic, which has it from what is in them,
    takes long to load."""
    return sorted(path.name.partition("_")[0] for path in (scripts() / "versions").glob("[0-9]*_*.py"))


@cache
def needed() -> str:
    """The newest revision of this release: what its statements and functions are made for."""
    return known()[-1]


async def check(connection: AsyncConnection[Any]) -> None:
    """Raises SessionRefused where the database is older than this release. Where it is newer, says so once, and goes
    on.

    An upgrade keeps what the release before it needs wherever it can; what it could not keep fails by itself, and is
    tried again.
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
    """The sentence for a database that an earlier release migrated, or none."""
    at = f"at revision {revision}" if revision else "not migrated, or by an earlier release"
    run = "run its `kronos migrate` with an administrator's KRONOS_DATABASE_URL"
    return f"database {database} is {at}, and this release needs {needed()}: {run}"


def newer(revision: str) -> str:
    """The sentence for a database that a later release migrated."""
    return (
        f"the database is at revision {revision}, and this process is of a release that knows {needed()}: replace "
        "it by the newer one's"
    )
