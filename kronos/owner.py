"""A connection as the tables' owner, for administrators' commands."""

import contextlib
from collections.abc import Iterator

import psycopg

from kronos import database_errors, errors, origin, session

# The role, a table or a function does not exist.
_NOT_MIGRATED = (
    psycopg.errors.InvalidParameterValue,
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedFunction,
)


def act_as_owner(connection: session.Connection) -> None:
    """Act as the tables' owner from now on. The audit records the changes under the user who runs this command. Raises
    psycopg.Error."""
    connection.execute("set role kronos_owner")
    connection.execute("select set_config('kronos.caller', %s, false)", [origin.said(origin.command_line())])


@contextlib.contextmanager
def connected(
    admin_database_url: str, refused: type[errors.KronosError], *, autocommit: bool = False
) -> Iterator[session.Connection]:
    """Yield a connection in a transaction as the tables' owner; with autocommit each statement is one. Raises `refused`
    if the user may not act as the owner or the schema does not exist, DatabaseUnavailable."""
    try:
        with session.connect(admin_database_url, session.wanted(None), autocommit=autocommit) as connection:
            act_as_owner(connection)
            yield connection
    except psycopg.errors.InsufficientPrivilege as error:
        raise refused(
            f"{error.diag.message_primary}: use the same KRONOS_DATABASE_URL as for `kronos migrate`"
        ) from error
    except _NOT_MIGRATED as error:
        raise refused(f"{error.diag.message_primary}: run `kronos migrate` first") from error
    except psycopg.Error as error:
        raise database_errors.from_database(error) from error
