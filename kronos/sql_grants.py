"""The database roles that make jobs by SQL, in their own transactions: granted, revoked, listed. As the owner of the
tables."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import psycopg

from kronos import errors, session
from kronos.sql import statement

# The function or the table is not there.
_NOT_MIGRATED = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction, psycopg.errors.InvalidParameterValue)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Granted:
    """The workspace, as it is called, that a role makes jobs of."""

    workspace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Revoked:
    """Whether the role had the workspace."""

    had_it: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlGrant:
    """A role and its workspace. `is_there`: whether there is such a role."""

    role_name: str
    workspace: str
    granted_at: datetime
    is_there: bool


_GRANT = statement("sql_grants.insert_grant", _Granted)
_REVOKE = statement("sql_grants.delete_grant", _Revoked)
_LIST = statement("sql_grants.list_grants", SqlGrant)


def grant(admin_database_url: str, workspace: str, role: str) -> str:
    """Let the role make jobs of the workspace, whose slug is returned. Raises SqlGrantRefused, DatabaseUnavailable."""
    with _owner(admin_database_url) as connection:
        (granted,) = session.rows(connection, _GRANT, {"workspace": workspace, "role": role})
    return granted.workspace


def revoke(admin_database_url: str, workspace: str, role: str) -> bool:
    """End that. Returns whether it was so. Raises SqlGrantRefused where the role has another, DatabaseUnavailable."""
    with _owner(admin_database_url) as connection:
        (revoked,) = session.rows(connection, _REVOKE, {"workspace": workspace, "role": role})
    return revoked.had_it


def listed(admin_database_url: str) -> list[SqlGrant]:
    """All of them, by the roles' names. Raises DatabaseUnavailable."""
    with _owner(admin_database_url) as connection:
        return session.rows(connection, _LIST, {})


@contextlib.contextmanager
def _owner(admin_database_url: str) -> Iterator[session.Connection]:
    """A transaction as the owner of the tables."""
    try:
        with session.connect(admin_database_url, session.wanted(None), autocommit=False) as connection:
            connection.execute("set role kronos_owner")
            yield connection
    except psycopg.errors.InsufficientPrivilege as error:
        raise errors.SqlGrantRefused(
            f"{error.diag.message_primary}: use the KRONOS_DATABASE_URL that `kronos migrate` is run with"
        ) from error
    except _NOT_MIGRATED as error:
        raise errors.SqlGrantRefused(f"{error.diag.message_primary}: run `kronos migrate` first") from error
    except psycopg.Error as error:
        raise _refused(error) from error


def _refused(error: psycopg.Error) -> errors.KronosError:
    told = errors.from_database(error)
    if isinstance(told, errors.SqlGrantRefused) and error.diag.message_hint:
        return errors.SqlGrantRefused(f"{told.detail}\nhint: {error.diag.message_hint}")
    return told
