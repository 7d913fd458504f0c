"""The Citus cluster that holds old weeks of the history: its requirements, its tables, and aging out rows there.

Each week has its own table for executions and one for attempts, in schema kronos_history, so that a whole week can be
dropped. All tables are distributed by workspace_id with the same number of shards, so a workspace's weeks are
colocated.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from psycopg import sql

from kronos import errors, session
from kronos.records import dataclass

SCHEMA = "kronos_history"
_SHARDS = 16
KEYS: Mapping[str, Sequence[str]] = {
    "execution_done": ("execution_id",),
    "attempt": ("execution_id", "claim_token"),
}
"""The primary key of each history table here; in the cluster workspace_id precedes it."""
# For the lists and lookups of one workspace, like the indexes here in sql/schema/executions.sql.
_INDEXES: Mapping[str, Sequence[Sequence[str]]] = {
    "execution_done": (
        ("execution_id",),
        ("workspace_id", "status", "created_at"),
        ("job_id", "status", "created_at"),
        ("endpoint_id", "created_at"),
    ),
    "attempt": (("execution_id",),),
}
# Equal on both sides, whatever a session's settings: how many rows, which ones, and when the newest ended.
FINGERPRINT = (
    "select count(*), coalesce(sum(('x' || left(md5(execution_id::text || extract(epoch from completed_at)::text),"
    " 15))::bit(60)::bigint), 0), max(completed_at) from {table}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a history table, with its type as format_type writes it."""

    name: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFor:
    """From when on a workspace keeps successes and failures. workspace_id None: all workspaces without their own
    retention."""

    workspace_id: str | None
    success_since: datetime
    failure_since: datetime


def require_citus(far: session.Connection, database: str) -> int:
    """Return how many nodes hold shards. Raises MigrationFailed, with what to do, if this cannot be the history's
    cluster."""
    row = far.execute(
        "select (select extversion from pg_extension where extname = 'citus'), to_regnamespace('kronos') is not null"
    ).fetchone()
    version, is_kronos = row or (None, False)
    if is_kronos:
        raise errors.MigrationFailed(
            f"database {database} of KRONOS_HISTORY_URL is a Kronos database itself: the history needs a separate "
            "database. Nothing was changed"
        )
    if version is None:
        raise errors.MigrationFailed(
            f"database {database} of KRONOS_HISTORY_URL has no Citus: add citus to shared_preload_libraries on each of "
            "its nodes, restart them, and run `create extension citus` in that database. Nothing was changed"
        )
    far.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(SCHEMA)))
    nodes = far.execute("select count(*) from pg_catalog.pg_dist_node where isactive and shouldhaveshards").fetchone()
    return max(1, int(nodes[0]) if nodes else 0)  # a cluster that knows no node yet adds itself with its first table


def require_own(far: session.Connection, instance: str) -> None:
    """Record which instance owns the history here. Raises MigrationFailed if another instance does: weeks have the same
    names in each, so one would drop the other's."""
    name = sql.Identifier(SCHEMA, "instance")
    far.execute(sql.SQL("create table if not exists {} (instance text primary key)").format(name))
    whose = [str(each) for (each,) in far.execute(sql.SQL("select instance from {}").format(name))]
    if whose == [instance]:
        return
    if whose:
        takes_over = f"update {SCHEMA}.instance set instance = '{instance}'"  # noqa: S608 (of a sentence)
        raise errors.MigrationFailed(
            f"the database of KRONOS_HISTORY_URL holds the history of another Kronos ({', '.join(whose)}; this one is "
            f"{instance}): give each its own database. If this one was restored to replace that one, and that one is "
            f"gone for good, take its history over there: {takes_over}. "
            "Nothing was changed"
        )
    far.execute(sql.SQL("insert into {} values (%s) on conflict do nothing").format(name), [instance])


def make_table(far: session.Connection, parent: str, table: str, columns: Sequence[Column]) -> None:
    """Create one week's table, distributed and empty. A table left by an interrupted run is created again."""
    name = sql.Identifier(SCHEMA, table)
    key = sql.SQL(", ").join(map(sql.Identifier, ("workspace_id", *KEYS[parent])))
    stands = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(each.name), sql.SQL(each.type)) for each in columns
    )
    far.execute(sql.SQL("drop table if exists {}").format(name))
    far.execute(sql.SQL("create table {} ({}, primary key ({}))").format(name, stands, key))
    for index in _INDEXES[parent]:
        far.execute(sql.SQL("create index on {} ({})").format(name, sql.SQL(", ").join(map(sql.Identifier, index))))
    far.execute(
        "select create_distributed_table(%s, 'workspace_id', shard_count => %s)", [f"{SCHEMA}.{table}", _SHARDS]
    )


def add_columns(far: session.Connection, table: str, columns: Sequence[Column]) -> None:
    """Add the columns that a later release added here."""
    for each in columns:
        far.execute(
            sql.SQL("alter table {} add column if not exists {} {}").format(
                sql.Identifier(SCHEMA, table), sql.Identifier(each.name), sql.SQL(each.type)
            )
        )


def drop_tables(far: session.Connection, kept: Sequence[str], before: str) -> None:
    """Drop the weeks that retention has dropped here: those that begin `before` (YYYYMMDD) the oldest week left. Newer
    ones stay, because a copy that was restored from an old backup does not know them."""
    gone = far.execute(
        "select relname from pg_class where relnamespace = %s::regnamespace and relkind = 'r'"
        " and relname ~ '^(execution_done|attempt)_[0-9]{8}$' and relname <> all (%s) and right(relname, 8) < %s",
        [SCHEMA, list(kept), before],
    ).fetchall()
    for (table,) in gone:
        far.execute(sql.SQL("drop table {}").format(sql.Identifier(SCHEMA, table)))


def age_out(far: session.Connection, parent: str, table: str, ages: Sequence[KeptFor]) -> int:
    """Delete a week's rows that are older than their workspace keeps them, on all nodes in one statement, and return
    how many. Attempts stay as long as either kind of outcome, since some belong to failed executions, which are kept
    here."""
    own = [each.workspace_id for each in ages if each.workspace_id is not None]
    deleted = 0
    for each in ages:
        longest = min(each.success_since, each.failure_since)
        whose: tuple[str, object] = (
            ("workspace_id = %(whose)s::uuid", each.workspace_id)
            if each.workspace_id is not None
            else ("workspace_id <> all (%(whose)s::uuid[])", own)
        )
        rules = (
            {"true": longest}
            if parent == "attempt"
            else {"status in ('SUCCESS', 'SKIPPED')": each.success_since, "status = 'MISSED'": each.failure_since}
        )
        for which, since in rules.items():
            deleted += far.execute(
                sql.SQL("delete from {} where {} and {} and completed_at < %(since)s").format(
                    sql.Identifier(SCHEMA, table), sql.SQL(whose[0]), sql.SQL(which)
                ),
                {"whose": whose[1], "since": since},
            ).rowcount
    return deleted


def fingerprint(connection: session.Connection, table: sql.Composable) -> tuple[object, ...]:
    """Return a value that is equal on both sides if they hold the same rows. Its first item is the number of rows."""
    row: tuple[object, ...] | None = connection.execute(sql.SQL(FINGERPRINT).format(table=table)).fetchone()
    return row or ()
