"""A database that is lent to one test after another. Each test finds it as new."""

import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg import sql

from looking import looks
from servers import Databases

_MOST_CHANGES = 5_000
"""Rows written by one test. Beyond this number a new copy is cheaper, and the tables would be larger than the next test
expects.
"""
_MOST_IN_ALL = 20_000
"""Rows written and taken back by all tests that used a copy. Each left a dead row, which later reads have to skip."""
_LEAVES_WITHIN = 1.0
"""Seconds that a server process may take to end after its client has left."""
_OURS = ("kronos", "cron")

# Writes what sessions otherwise add to the shared statistics only when they end.
_FLUSH = "select pg_stat_force_next_flush()"
_ALONE = """
    select not exists (select from pg_stat_activity
                        where datname = current_database() and pid not in (pg_backend_pid(), %s))
"""
# No trigger fires, and no foreign key is checked.
_AS_A_REPLICA = "-c session_replication_role=replica"
# Rows that were ever written, including rolled back ones. The catalog shows if a relation was truncated or created
# again. It does not show if a relation was vacuumed or analyzed while empty: its size, which plans depend on, is
# updated in place.
_WRITTEN = """
    select namespace.nspname, class.relname,
           pg_stat_get_tuples_inserted(class.oid) + pg_stat_get_tuples_updated(class.oid)
           + pg_stat_get_tuples_deleted(class.oid),
           pg_stat_get_vacuum_count(class.oid) + pg_stat_get_autovacuum_count(class.oid)
           + pg_stat_get_analyze_count(class.oid) + pg_stat_get_autoanalyze_count(class.oid)
      from pg_class as class
      join pg_namespace as namespace on namespace.oid = class.relnamespace
     where class.relkind = 'r' and not class.relisshared and (class.relname = any (%s)) is not false
"""
# The database's own part of the shared catalogs: its settings, comment and privileges. Also when its statistics were
# reset, because earlier writes are no longer reported then.
_OF_THE_DATABASE = """
    select format('%s', (database.datacl, database.datconnlimit, database.datallowconn, database.datdba,
                         (select array_agg(setting order by setting::text) from pg_db_role_setting as setting
                           where setting.setdatabase = database.oid),
                         shobj_description(database.oid, 'pg_database'),
                         pg_stat_get_db_stat_reset_time(database.oid)))
      from pg_database as database where datname = current_database()
"""
_AS_NEW = """
    reset session authorization; reset all; close all; unlisten *; deallocate all; discard sequences;
    select pg_advisory_unlock_all(); select pg_stat_force_next_flush()
"""

Table = tuple[str, str]


class _Told(NamedTuple):
    """A table's statistics: how many rows were written, and how often it was vacuumed or analyzed."""

    rows: int
    looks: int


_NOTHING = _Told(0, 0)


@dataclass(frozen=True)
class _Seeds:
    """The template's contents: the tables' rows in COPY format, and the statement that sets the sequences."""

    rows: dict[Table, bytes]
    sequences: sql.Composed


class Lent:
    """A copy of the template. After each test its rows are taken back and its session is reset. That takes 5 ms of CPU;
    a new copy and a new session's first queries take 80 ms. Another session takes the rows back: a session that turns
    triggers off and on plans all its statements again, those of functions too, at 20 ms for a job and its tick.

    A new copy is made if the rest cannot be taken back: changed tables, functions, privileges or settings, many rows, a
    session within a transaction, or another session that is still connected and could write into the next test's rows.
    Each test file begins with a new copy, so that its results depend on that file only.
    """

    def __init__(self, databases: Databases, superuser_url: str, template: str) -> None:
        self._databases = databases
        self._superuser_url = superuser_url
        self._template = template
        self._file: Path | None = None
        self._name: str | None = None
        self._connection: psycopg.Connection | None = None
        self._restorer: psycopg.Connection | None = None
        self._seeds: _Seeds | None = None
        self._written: dict[Table, _Told] = {}
        self._is_said = ""

    @property
    def url(self) -> str:
        """The superuser's URL."""
        assert self._name is not None, "no database is lent"
        return self._superuser_url.rsplit("/", 1)[0] + "/" + self._name

    @property
    def connection(self) -> psycopg.Connection:
        """The superuser's connection, outside a transaction. It is shared by the tests."""
        if self._connection is None:
            self._connection = psycopg.connect(self.url)
            _begin_anew(self._connection)
        return self._connection

    def lend(self, file: Path) -> None:
        """Lend the database to the next test, of this file."""
        if self._file != file or self._name is None or not self._is_as_new():
            self._make()
            self._file = file

    def close(self) -> None:
        for connection in (self._connection, self._restorer):
            if connection is not None:
                connection.close()
        self._connection = self._restorer = None
        if self._name is not None:
            self._databases.drop(self._name)
            self._name = None

    def _make(self) -> None:
        self.close()
        name = f"kronos_test_{uuid.uuid4().hex[:12]}"
        self._databases.copy(self._template, name)
        self._name = name
        self._seeds = self._seeds or _seeds(self.connection)
        self._written = {}
        self._is_said = _said(self.connection)

    def _is_as_new(self) -> bool:
        try:
            connection = self.connection
            if not connection.autocommit or connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                return False
            connection.execute(_AS_NEW, prepare=False)
            _begin_anew(connection)
            if self._restorer is None or self._restorer.closed:
                self._restorer = psycopg.connect(self.url, autocommit=True, options=_AS_A_REPLICA, prepare_threshold=0)
            restorer = self._restorer
            is_alone = _is_alone(restorer, connection.info.backend_pid)
            return is_alone and _said(restorer) == self._is_said and self._take_back(restorer)
        except psycopg.Error:  # the test closed or terminated a session, or no session may connect any more
            return False

    def _take_back(self, connection: psycopg.Connection) -> bool:
        """Take the written rows back. Return False if anything else was changed."""
        written = _written(connection)
        before = {table: self._written.get(table, _NOTHING) for table in written}
        changes = {
            table: told.rows - before[table].rows for table, told in written.items() if told.rows != before[table].rows
        }
        is_ours = all(schema in _OURS for schema, _ in changes)
        is_much = sum(changes.values()) > _MOST_CHANGES or sum(told.rows for told in written.values()) > _MOST_IN_ALL
        is_measured = any(told.looks != before[table].looks for table, told in written.items())
        if not is_ours or is_much or is_measured or self._written.keys() - written.keys():
            return False
        assert self._seeds is not None
        _restore(connection, changes.keys(), self._seeds)
        self._written = written | _written(connection, changes.keys())
        return True


def _begin_anew(connection: psycopg.Connection) -> None:
    """Reset what the client library keeps of a session: handlers, row factories, unread notifications."""
    psycopg.Connection.__init__(connection, connection.pgconn)
    connection.autocommit = True
    connection.prepare_threshold = None


def _is_alone(connection: psycopg.Connection, lent: int) -> bool:
    """Wait until sessions that are about to end have ended. Return whether none is left but this one and `lent`."""
    for pause in looks(_LEAVES_WITHIN, is_patient=False):
        ((is_alone,),) = connection.execute(_ALONE, [lent]).fetchall()
        if is_alone:
            return True
        time.sleep(pause)
    return False


def _restore(connection: psycopg.Connection, tables: Collection[Table], seeds: _Seeds) -> None:
    empty = [sql.SQL("delete from only {}").format(sql.Identifier(*table)) for table in tables]
    with connection.transaction():
        connection.execute(sql.SQL("; ").join([*empty, seeds.sequences]), prepare=False)
        for table in tables:
            if rows := seeds.rows.get(table):
                with connection.cursor().copy(sql.SQL("copy {} from stdin").format(sql.Identifier(*table))) as copy:
                    copy.write(rows)


def _written(connection: psycopg.Connection, only: Collection[Table] | None = None) -> dict[Table, _Told]:
    """The statistics of all tables, or of these, by table."""
    connection.execute(_FLUSH)
    names = None if only is None else [name for _, name in only]
    return {(schema, name): _Told(*told) for schema, name, *told in connection.execute(_WRITTEN, [names]).fetchall()}


def _said(connection: psycopg.Connection) -> str:
    ((said,),) = connection.execute(_OF_THE_DATABASE).fetchall()
    return str(said)


def _seeds(connection: psycopg.Connection) -> _Seeds:
    rows = {}
    for schema, name in connection.execute(
        """
        select namespace.nspname, class.relname
          from pg_class as class
          join pg_namespace as namespace on namespace.oid = class.relnamespace
         where class.relkind = 'r' and namespace.nspname = any (%s)
        """,
        [list(_OURS)],
    ).fetchall():
        with connection.cursor().copy(sql.SQL("copy {} to stdout").format(sql.Identifier(schema, name))) as copy:
            if text := b"".join(bytes(part) for part in copy):
                rows[schema, name] = text
    sequences = [
        sql.SQL("setval({}, {}, {})").format(
            name, *connection.execute(f"select last_value, is_called from {name}".encode()).fetchall()[0]
        )
        for (name,) in connection.execute("select oid::regclass::text from pg_class where relkind = 'S'").fetchall()
    ]
    return _Seeds(rows, sql.SQL("select {}").format(sql.SQL(", ").join(sequences)))
