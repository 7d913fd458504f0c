"""Grant, revoke and list the database roles that create jobs by SQL, in their own transactions. Runs as the tables'
owner."""

import contextlib
from collections.abc import Iterator
from datetime import datetime

import psycopg

from kronos import errors, owner, session
from kronos.records import dataclass
from kronos.sql import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class _Granted:
    """The slug of the workspace in which a role creates jobs."""

    workspace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Revoked:
    """Whether the role had the workspace."""

    had_it: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlGrant:
    """A role and its workspace. `is_there`: whether the role still exists."""

    role_name: str
    workspace: str
    granted_at: datetime
    is_there: bool


_GRANT = statement("sql_grants.insert_grant", _Granted)
_REVOKE = statement("sql_grants.delete_grant", _Revoked)
_LIST = statement("sql_grants.list_grants", SqlGrant)


def grant(admin_database_url: str, workspace: str, role: str) -> str:
    """Let the role create jobs in the workspace, and return its slug. Raises SqlGrantRefused, DatabaseUnavailable."""
    with _owner(admin_database_url) as connection:
        (granted,) = session.rows(connection, _GRANT, {"workspace": workspace, "role": role})
    return granted.workspace


def revoke(admin_database_url: str, workspace: str, role: str) -> bool:
    """Revoke a grant; return whether it existed. Raises DatabaseUnavailable; SqlGrantRefused if it has another."""
    with _owner(admin_database_url) as connection:
        (revoked,) = session.rows(connection, _REVOKE, {"workspace": workspace, "role": role})
    return revoked.had_it


def listed(admin_database_url: str) -> list[SqlGrant]:
    """Return all grants, sorted by role name. Raises DatabaseUnavailable."""
    with _owner(admin_database_url) as connection:
        return session.rows(connection, _LIST, {})


@contextlib.contextmanager
def _owner(admin_database_url: str) -> Iterator[session.Connection]:
    """Like owner.connected; a refusal of the database includes its hint."""
    try:
        with owner.connected(admin_database_url, errors.SqlGrantRefused) as connection:
            yield connection
    except errors.SqlGrantRefused as error:
        cause = error.__cause__
        if isinstance(cause, psycopg.Error) and cause.diag.message_hint:
            raise errors.SqlGrantRefused(f"{error.detail}\nhint: {cause.diag.message_hint}") from cause
        raise
