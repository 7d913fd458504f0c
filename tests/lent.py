"""A database that is lent to one test after the other, each of which finds it as new."""

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

_MOST_CHANGES = 2_000
"""Rows written by one test, beyond which a new copy is cheaper, and no bigger than another test would expect."""
_MOST_IN_ALL = 20_000
"""Rows written and taken back by all tests of a copy: each left a dead one, and what is read past them has a cost."""
_LEAVES_WITHIN = 1.0
"""Seconds, in which a server process ends whose client has just left."""
_OURS = ("kronos", "cron")

# What sessions leave behind in the shared statistics at their end, this one at once.
_FLUSH = "select pg_stat_force_next_flush()"
_ALONE = """
    select not exists (select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid())
"""
# Rows that were ever written, rolled back ones too. Of a relation that was emptied or made anew the catalog tells; of
# one that was vacuumed or analyzed empty it does not: its size, by which statements are planned, is written in place.
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
# Of the catalogs that all databases share: what was set for this one, or said of it, or taken from it. And when its
# statistics were begun anew: what was written before is not told any more.
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
    select pg_advisory_unlock_all()
"""

Table = tuple[str, str]


class _Told(NamedTuple):
    """What the statistics tell of a table: rows that were written, and how often it was vacuumed or analyzed."""

    rows: int
    looks: int


_NOTHING = _Told(0, 0)


@dataclass(frozen=True)
class _Seeds:
    """What the template holds: tables' rows as COPY writes them, and what sets the sequences to where they are."""

    rows: dict[Table, bytes]
    sequences: sql.Composed


class Lent:
    """A copy of the template. After a test, the rows that it wrote are taken back, and its session is cleaned: 5 ms of
    CPU, where a new copy and a new session's first look at everything take 80.

    What cannot be taken back so is made anew: tables, functions, rights and settings that were changed, many rows, a
    session that was left within a transaction, or somebody else's that is still there: who was left behind would write
    into the next test's rows. Each file of tests begins with a new copy, so that what a test finds depends on its file
    alone.
    """

    def __init__(self, databases: Databases, superuser_url: str, template: str) -> None:
        self._databases = databases
        self._superuser_url = superuser_url
        self._template = template
        self._file: Path | None = None
        self._name: str | None = None
        self._connection: psycopg.Connection | None = None
        self._seeds: _Seeds | None = None
        self._written: dict[Table, _Told] = {}
        self._is_said = ""

    @property
    def url(self) -> str:
        """The superuser's."""
        assert self._name is not None, "no database is lent"
        return self._superuser_url.rsplit("/", 1)[0] + "/" + self._name

    @property
    def connection(self) -> psycopg.Connection:
        """The superuser's, in no transaction; it stays."""
        if self._connection is None:
            self._connection = psycopg.connect(self.url)
            _begin_anew(self._connection)
        return self._connection

    def lend(self, file: Path) -> None:
        """To the next test, of this file."""
        if self._file != file or self._name is None or not self._is_as_new():
            self._make()
            self._file = file

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
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
            return _is_alone(connection) and _said(connection) == self._is_said and self._take_back(connection)
        except psycopg.Error:  # the test has closed or ended this session, or nobody may connect any more
            return False

    def _take_back(self, connection: psycopg.Connection) -> bool:
        """False where more was changed than rows of ours."""
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
    """What the client's side keeps of a session, too: handlers, how rows are made, notifications nobody has read."""
    psycopg.Connection.__init__(connection, connection.pgconn)
    connection.autocommit = True
    connection.prepare_threshold = None


def _is_alone(connection: psycopg.Connection) -> bool:
    """Once all have left that are about to."""
    for pause in looks(_LEAVES_WITHIN):
        ((is_alone,),) = connection.execute(_ALONE).fetchall()
        if is_alone:
            return True
        time.sleep(pause)
    return False


def _restore(connection: psycopg.Connection, tables: Collection[Table], seeds: _Seeds) -> None:
    empty = [sql.SQL("delete from only {}").format(sql.Identifier(*table)) for table in tables]
    # No trigger sees it, and no key holds it back.
    begin = sql.SQL("; ").join([sql.SQL("set local session_replication_role = replica"), *empty, seeds.sequences])
    with connection.transaction():
        connection.execute(begin)
        for table in tables:
            if rows := seeds.rows.get(table):
                with connection.cursor().copy(sql.SQL("copy {} from stdin").format(sql.Identifier(*table))) as copy:
                    copy.write(rows)


def _written(connection: psycopg.Connection, only: Collection[Table] | None = None) -> dict[Table, _Told]:
    """By table, of all of them or of these."""
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
