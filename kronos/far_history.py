"""The Citus cluster that old weeks of the history lie in, by workspace: what it must be, its tables, and what ages out
there.

Each week has a table of its own for executions and one for attempts, in schema kronos_history, so that a week goes
whole. All are distributed by workspace_id, with the same number of shards, so a workspace's weeks lie together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from kronos import errors, session

SCHEMA = "kronos_history"
_SHARDS = 16
KEYS: Mapping[str, Sequence[str]] = {
    "execution_done": ("execution_id",),
    "attempt": ("execution_id", "claim_token"),
}
"""The primary key of each table of the history, here; over there workspace_id stands before it."""
# What lists and looks of one workspace ask, as sql/schema/executions.sql has it here.
_INDEXES: Mapping[str, Sequence[Sequence[str]]] = {
    "execution_done": (
        ("execution_id",),
        ("workspace_id", "status", "created_at"),
        ("job_id", "status", "created_at"),
        ("endpoint_id", "created_at"),
    ),
    "attempt": (("execution_id",),),
}
# The same on both sides, whatever a session's settings: how many rows, which, and when the newest ended.
FINGERPRINT = (
    "select count(*), coalesce(sum(('x' || left(md5(execution_id::text || extract(epoch from completed_at)::text),"
    " 15))::bit(60)::bigint), 0), max(completed_at) from {table}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table of the history, as format_type writes its type."""

    name: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFor:
    """Since when a workspace keeps what succeeded and what did not; of None all that have no ages of their own."""

    workspace_id: str | None
    success_since: datetime
    failure_since: datetime


def require_citus(far: session.Connection, database: str) -> int:
    """How many nodes hold shards. Raises MigrationFailed where this cannot be the history's cluster, with what to
    do."""
    row = far.execute(
        "select (select extversion from pg_extension where extname = 'citus'), to_regnamespace('kronos') is not null"
    ).fetchone()
    version, is_kronos = row or (None, False)
    if is_kronos:
        raise errors.MigrationFailed(
            f"database {database} of KRONOS_HISTORY_URL is a Kronos itself: the history needs a database of its own. "
            "Nothing was changed"
        )
    if version is None:
        raise errors.MigrationFailed(
            f"database {database} of KRONOS_HISTORY_URL has no Citus: add citus to shared_preload_libraries on each of "
            "its nodes, restart them, and run `create extension citus` in that database. Nothing was changed"
        )
    far.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(SCHEMA)))
    nodes = far.execute("select count(*) from pg_catalog.pg_dist_node where isactive and shouldhaveshards").fetchone()
    return max(1, int(nodes[0]) if nodes else 0)  # one that knows no node yet adds itself with its first table


def require_own(far: session.Connection, instance: str) -> None:
    """Writes down whose history lies here. Raises MigrationFailed where it is another instance's: weeks have the same
    names in each, and one would drop the other's."""
    name = sql.Identifier(SCHEMA, "instance")
    far.execute(sql.SQL("create table if not exists {} (instance text primary key)").format(name))
    whose = [str(each) for (each,) in far.execute(sql.SQL("select instance from {}").format(name))]
    if whose == [instance]:
        return
    if whose:
        takes_over = f"update {SCHEMA}.instance set instance = '{instance}'"  # noqa: S608 (of a sentence)
        raise errors.MigrationFailed(
            f"the database of KRONOS_HISTORY_URL holds the history of another Kronos ({', '.join(whose)}; this one is "
            f"{instance}): give each a database of its own. Where this one was restored in the place of that one, "
            f"which is gone for good, say so there: {takes_over}. "
            "Nothing was changed"
        )
    far.execute(sql.SQL("insert into {} values (%s) on conflict do nothing").format(name), [instance])


def make_table(far: session.Connection, parent: str, table: str, columns: Sequence[Column]) -> None:
    """The table of one week, distributed and empty; one that a run before has begun begins anew."""
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
    """What a later release has added here."""
    for each in columns:
        far.execute(
            sql.SQL("alter table {} add column if not exists {} {}").format(
                sql.Identifier(SCHEMA, table), sql.Identifier(each.name), sql.SQL(each.type)
            )
        )


def drop_tables(far: session.Connection, kept: Sequence[str], before: str) -> None:
    """Drops the weeks that retention has dropped here, which begin `before` the oldest that is left, as YYYYMMDD. Not
    newer ones: a copy that was restored from an old backup knows nothing of them."""
    gone = far.execute(
        "select relname from pg_class where relnamespace = %s::regnamespace and relkind = 'r'"
        " and relname ~ '^(execution_done|attempt)_[0-9]{8}$' and relname <> all (%s) and right(relname, 8) < %s",
        [SCHEMA, list(kept), before],
    ).fetchall()
    for (table,) in gone:
        far.execute(sql.SQL("drop table {}").format(sql.Identifier(SCHEMA, table)))


def age_out(far: session.Connection, parent: str, table: str, ages: Sequence[KeptFor]) -> int:
    """Deletes the rows of a week that are older than their workspace keeps them, on all nodes at once. Attempts stay as
    long as either outcome: those of executions that failed, and are kept here, are among them."""
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
    """Equal on both sides where the same rows are there; the first is their number."""
    row: tuple[object, ...] | None = connection.execute(sql.SQL(FINGERPRINT).format(table=table)).fetchone()
    return row or ()
