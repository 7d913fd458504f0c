"""The schema's migrations, run by alembic. alembic takes longer to import than the rest of `kronos up`, so this module
is imported only if the database is not at this release's revision."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg.rows import TupleRow
from sqlalchemy import Connection, create_engine, pool
from sqlalchemy.exc import DBAPIError

from kronos import revisions


def _alembic(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(revisions.scripts()))
    config.attributes["connection"] = connection
    return config


@contextmanager
def runner(driver: psycopg.Connection[TupleRow]) -> Iterator[Callable[[str], None]]:
    """Yield the function that brings the schema to a revision, over a connection outside a transaction. Raises
    psycopg.Error.

    Everything done over the connection meanwhile is one transaction, committed at the end; then the connection is
    closed.
    """
    # SQLAlchemy's first queries end in a rollback, so it has to come before everything in the transaction.
    engine = create_engine("postgresql+psycopg://", creator=lambda: driver, poolclass=pool.NullPool)
    # The inner one for whoever catches an error of `run`; the outer one for the commit, and for the rollback after the
    # server has ended.
    with _of_psycopg(), engine.begin() as connection:

        def run(to: str) -> None:
            with _of_psycopg():
                command.upgrade(_alembic(connection), to)

        yield run


@contextmanager
def _of_psycopg() -> Iterator[None]:
    """Raise psycopg's error instead of SQLAlchemy's."""
    try:
        yield
    except DBAPIError as error:
        raise error.orig or error from error


def head() -> str | None:
    """Return the newest revision, by the order that the files themselves name."""
    return ScriptDirectory.from_config(_alembic()).get_current_head()


def after(at: str | None) -> list[tuple[str, str]]:
    """Return (revision, its description) from revision `at` to this release's, in order."""
    found = ScriptDirectory.from_config(_alembic()).iterate_revisions("head", at or "base")
    return [(each.revision, (each.doc or "").strip()) for each in reversed(list(found))]
