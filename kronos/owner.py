"""A connection as the owner of the tables, for what an administrator's commands do."""

import contextlib
from collections.abc import Iterator

import psycopg

from kronos import database_errors, errors, origin, session

# The role, a table or a function is not there.
_NOT_MIGRATED = (
    psycopg.errors.InvalidParameterValue,
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedFunction,
)


def act_as_owner(connection: session.Connection) -> None:
    """From now on the owner of the tables acts; what it changes the audit has as done by who runs this command. Raises
    psycopg.Error."""
    connection.execute("set role kronos_owner")
    connection.execute("select set_config('kronos.caller', %s, false)", [origin.said(origin.command_line())])


@contextlib.contextmanager
def connected(
    admin_database_url: str, refused: type[errors.KronosError], *, autocommit: bool = False
) -> Iterator[session.Connection]:
    """A transaction as the owner of the tables; with autocommit each statement is one. Raises `refused` where the user
    may not act as the owner or the schema is not there, DatabaseUnavailable."""
    try:
        with session.connect(admin_database_url, session.wanted(None), autocommit=autocommit) as connection:
            act_as_owner(connection)
            yield connection
    except psycopg.errors.InsufficientPrivilege as error:
        raise refused(
            f"{error.diag.message_primary}: use the KRONOS_DATABASE_URL that `kronos migrate` is run with"
        ) from error
    except _NOT_MIGRATED as error:
        raise refused(f"{error.diag.message_primary}: run `kronos migrate` first") from error
    except psycopg.Error as error:
        raise database_errors.from_database(error) from error
