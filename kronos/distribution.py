"""Move old weeks of the history to other machines: `kronos migrate --distributed`.

Work still happens in one database: a delivery ends in a transaction of that database only, whatever the state of the
other machines. Weeks that are over and no longer change are copied to a Citus cluster, compared, and read from there. A
foreign table replaces their partition, so every list, lookup and sum finds them where it always did (decision 0116).
"""

from collections.abc import Callable, Sequence
from typing import Literal

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from kronos import database_errors, errors, far_history, migrations, owner, patience, session
from kronos.far_history import KEYS, SCHEMA, Column, KeptFor
from kronos.records import dataclass

_SERVER = "kronos_history"
_READERS = ("kronos_owner", "kronos_api", "kronos_worker")
# The parts of the URL that postgres_fdw takes as options of a server. User and password go into each user mapping.
_OF_THE_SERVER = ("host", "hostaddr", "port", "dbname", "sslmode", "sslrootcert", "target_session_attrs")
# A lost node is reported within seconds. Rows are fetched two thousand at a time.
_ALSO = {
    "connect_timeout": "5",
    "tcp_user_timeout": "10000",
    # for a query that was received before its machine failed
    "keepalives_idle": "5",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "fetch_size": "2000",
    "updatable": "true",
}
_TRIES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run did. `partitions`: partitions that are now on the other machines. `changed`: partitions that were
    copied but not moved, because their rows changed or the tables were in use."""

    nodes: int
    partitions: int
    moved: int
    rows: int
    changed: int
    aged_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """A partition that may be moved."""

    parent: str
    partition: str


def distribute(
    admin_url: str, history_url: str, *, keep_weeks: int, progress: Callable[[str], None] = lambda _: None
) -> Report:
    """Move the weeks that ended more than `keep_weeks` weeks ago, and age out rows of those already moved. May be run
    again: the next run completes an interrupted one. Raises MigrationFailed with what to do, Unconnected."""
    if (at := migrations.current(admin_url)) != migrations.head():
        raise errors.MigrationFailed(
            f"the database is at revision {at or 'nothing'}, but this release needs {migrations.head()}: run "
            "`kronos migrate` first. Nothing was changed"
        )
    target = conninfo_to_dict(history_url)
    if not target.get("password"):
        raise errors.MigrationFailed(
            "KRONOS_HISTORY_URL has no password: PostgreSQL allows only superusers to read another server without one"
            ". Nothing was changed"
        )
    try:
        with (
            session.connect(history_url, session.wanted(None)) as far,
            session.connect(admin_url, session.wanted(None)) as near,
        ):
            near.execute("select pg_advisory_lock(hashtext('kronos.migrate'))")
            if near.execute("select kronos.is_held()").fetchone() != (False,):
                raise errors.MigrationFailed(
                    "this instance is held, as a copy: its moved history belongs to its original. Nothing was changed"
                )
            nodes = far_history.require_citus(far, str(target.get("dbname")))
            instance = _instance(near)
            far_history.require_own(far, instance)
            _name_server(near, {key: str(value) for key, value in target.items() if value is not None})
            owner.act_as_owner(near)
            _require_reached(near, instance)
            for parent in KEYS:
                _free_key(near, parent, progress)
            return _move_all(near, far, nodes, keep_weeks, progress)
    except psycopg.errors.InsufficientPrivilege as error:
        raise errors.MigrationFailed(
            f"{error.diag.message_primary}: let a superuser run `create extension postgres_fdw; grant usage on foreign "
            "data wrapper postgres_fdw to` the role that migrates; then run this again: it completes what is missing"
        ) from error
    except psycopg.Error as error:
        raise database_errors.from_database(error) from error


def _instance(near: session.Connection) -> str:
    """Return what identifies this database and no copy of it that was restored beside it from a dump."""
    row = near.execute(
        "select system_identifier || '/' || (select oid from pg_database where datname = current_database())"
        " from pg_control_system()"
    ).fetchone()
    return str((row or ("",))[0])


def _require_reached(near: session.Connection, instance: str) -> None:
    """Raises MigrationFailed unless this database's own server reaches the database that rows are copied to. The server
    is on another machine than this process and may know that host by another name. Nothing is moved before this is
    certain."""
    try:
        with near.transaction(force_rollback=True):
            near.execute(
                sql.SQL(
                    "create foreign table kronos.history_reached (instance text) server {}"
                    " options (schema_name {}, table_name 'instance')"
                ).format(sql.Identifier(_SERVER), sql.Literal(SCHEMA))
            )
            found = near.execute("select instance from kronos.history_reached").fetchone()
            said = f"it finds {found[0] if found else 'nothing'} there, where this command finds {instance}"
    except psycopg.Error as error:
        if not database_errors.is_undone(error):
            raise
        found, said = None, error.diag.message_detail or error.diag.message_primary or "it gives no reason"
    if found != (instance,):
        raise errors.MigrationFailed(
            "this command reaches the database of KRONOS_HISTORY_URL, but PostgreSQL's own server does not: host and "
            f"port must lead there from PostgreSQL's machine too, and it must ask for a password ({said}). No row was "
            "moved"
        )


def _name_server(near: session.Connection, target: dict[str, str]) -> None:
    """Create the foreign server for the other machines, or update it to the URL."""
    near.execute("create extension if not exists postgres_fdw")
    options = {key: value for key, value in target.items() if key in _OF_THE_SERVER} | _ALSO
    logins = {"user": target.get("user", ""), "password": target.get("password", "")}
    with near.transaction():
        row = near.execute("select srvoptions from pg_foreign_server where srvname = %s", [_SERVER]).fetchone()
        if row is None:
            near.execute(
                sql.SQL("create server {} foreign data wrapper postgres_fdw {}").format(
                    sql.Identifier(_SERVER), _options(options)
                )
            )
            near.execute(sql.SQL("grant usage on foreign server {} to kronos_owner").format(sql.Identifier(_SERVER)))
        else:
            present = [each.partition("=")[0] for each in row[0] or []]
            near.execute(
                sql.SQL("alter server {} {}").format(sql.Identifier(_SERVER), _options(options, present=present))
            )
        row = near.execute("select session_user").fetchone()  # the role that runs doctor and reports
        for role in dict.fromkeys((*_READERS, *map(str, row or ()))):
            there = sql.SQL("user mapping for {} server {}").format(sql.Identifier(role), sql.Identifier(_SERVER))
            near.execute(
                sql.SQL("drop user mapping if exists for {} server {}").format(
                    sql.Identifier(role), sql.Identifier(_SERVER)
                )
            )
            near.execute(sql.SQL("create {} {}").format(there, _options(logins)))


def _options(options: dict[str, str], *, present: Sequence[str] = ()) -> sql.Composed:
    """Return the options clause of a statement: set the present options, drop those no longer wanted."""
    clauses = [
        sql.SQL("{} {} {}").format(
            sql.SQL("set" if key in present else "add") if present else sql.SQL(""),
            sql.Identifier(key),
            sql.Literal(value),
        )
        for key, value in options.items()
    ]
    clauses += [sql.SQL("drop {}").format(sql.Identifier(key)) for key in present if key not in options]
    return sql.SQL("options ({})").format(sql.SQL(", ").join(clauses))


def _free_key(near: session.Connection, parent: str, progress: Callable[[str], None]) -> None:
    """Give each partition its own primary key and drop the table's, since PostgreSQL allows no foreign table as
    partition of a table with one. Indexes are built concurrently; tables are locked only while the keys are
    exchanged."""
    is_free = near.execute(
        "select not exists (select from pg_index where indrelid = format('kronos.%%I', %s::text)::regclass"
        " and indisprimary)",
        [parent],
    ).fetchone()
    if is_free == (True,):
        return
    key = sql.SQL(", ").join(map(sql.Identifier, KEYS[parent]))
    leaves = [
        str(leaf)
        for (leaf,) in near.execute(
            "select inhrelid::regclass::text from pg_inherits"
            " where inhparent = format('kronos.%%I', %s::text)::regclass order by 1",
            [parent],
        )
    ]
    names = [leaf.removeprefix("kronos.") for leaf in leaves]
    for name in names:
        progress(f"creating a primary key for {name}")
        near.execute(sql.SQL("drop index if exists {}").format(sql.Identifier("kronos", f"{name}_own")))
        near.execute(
            sql.SQL("create unique index concurrently {} on {} ({})").format(
                sql.Identifier(f"{name}_own"), sql.Identifier("kronos", name), key
            )
        )

    if not _is_changed(near, lambda: _exchange_keys(near, parent, names)):
        raise errors.MigrationFailed(
            f"other sessions used kronos.{parent} for {_TRIES} s; nothing was changed. Run this again at a quieter time"
        )


def _exchange_keys(near: session.Connection, parent: str, names: Sequence[str]) -> bool:
    """Drop the table's primary key and give its partitions the indexes that were built for them. Return whether the
    tables were free."""
    if near.execute("select kronos.lock_history()").fetchone() != (True,):
        return False
    for name in names:  # only if free, like the tables: waiting for one would block all readers of the tables
        near.execute(sql.SQL("lock table {} in access exclusive mode nowait").format(sql.Identifier("kronos", name)))
    near.execute(
        sql.SQL("alter table {} drop constraint {}").format(
            sql.Identifier("kronos", parent), sql.Identifier(f"{parent}_pkey")
        )
    )
    for name in names:
        near.execute(
            sql.SQL("alter table {} add constraint {} primary key using index {}").format(
                sql.Identifier("kronos", name), sql.Identifier(f"{name}_pkey"), sql.Identifier(f"{name}_own")
            )
        )
    near.execute(  # for partitions that were created meanwhile
        "select kronos.key_partition(%s, relname) from pg_inherits join pg_class on pg_class.oid = inhrelid"
        " where inhparent = format('kronos.%%I', %s::text)::regclass",
        [parent, parent],
    )
    return True


def _is_changed(near: session.Connection, change: Callable[[], bool]) -> bool:
    """Run `change` in its own transaction and return whether it succeeded. It gives way to other sessions, and is
    undone and retried while it returns False."""

    def attempt() -> Literal[True] | None:
        with near.transaction():
            near.execute("set local lock_timeout = '500ms'")
            if change():
                return True
            raise psycopg.Rollback
        return None

    try:
        return patience.patiently(attempt, tries=_TRIES) is not None
    except patience.IN_THE_WAY:
        return False


def _move_all(
    near: session.Connection, far: session.Connection, nodes: int, keep_weeks: int, progress: Callable[[str], None]
) -> Report:
    moved = rows = changed = aged_out = 0
    for week in _weeks(near, keep_weeks):
        progress(f"moving {week.partition}")
        copied = _move(near, far, week)
        if copied is None:
            changed += 1
        else:
            moved, rows = moved + 1, rows + copied
    there = [
        Week(parent=str(parent), partition=str(partition))
        for parent, partition in near.execute("select parent, partition from kronos.moved_partitions()")
    ]
    oldest = near.execute("select min(partition) from kronos.partitions() where parent = 'execution_done'").fetchone()
    far_history.drop_tables(far, [week.partition for week in there], str((oldest or ("",))[0])[-len("YYYYMMDD") :])
    ages = _ages(near)
    for week in there:
        far_history.add_columns(far, week.partition, _columns(near, week.parent))
        aged_out += far_history.age_out(far, week.parent, week.partition, ages)
    return Report(nodes=nodes, partitions=len(there), moved=moved, rows=rows, changed=changed, aged_out=aged_out)


def _weeks(near: session.Connection, keep_weeks: int) -> list[Week]:
    """Return the local partitions that ended long enough ago, oldest first, and in which nothing ended in the last
    hour."""
    found = [
        Week(parent=str(parent), partition=str(partition))
        for parent, partition in near.execute(
            "select each.parent, each.partition from kronos.partitions() as each"
            " join pg_class as class on class.relnamespace = 'kronos'::regnamespace and class.relname = each.partition"
            " where kronos.uuid7_time(each.to_id) <= kronos.now() - make_interval(weeks => %s)"
            " and class.relkind = 'r'"  # a moved one is partitioned, even if the server was dropped since
            " and not exists (select from kronos.moved_partitions() as moved where moved.partition = each.partition)"
            " order by each.from_id, each.parent desc",
            [keep_weeks],
        )
    ]
    return [week for week in found if _is_quiet(near, week)]


def _is_quiet(near: session.Connection, week: Week) -> bool:
    row = near.execute(
        sql.SQL("select exists (select from {} where completed_at >= kronos.now() - interval '1 hour')").format(
            sql.Identifier("kronos", week.partition)
        )
    ).fetchone()
    return row == (False,)


def _columns(near: session.Connection, parent: str) -> list[Column]:
    return [
        Column(name=str(name), type=str(of_type))
        for name, of_type in near.execute(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute"
            " where attrelid = format('kronos.%%I', %s::text)::regclass and attnum > 0 and not attisdropped"
            " order by attnum",
            [parent],
        )
    ]


def _move(near: session.Connection, far: session.Connection, week: Week) -> int | None:
    """Return how many rows were moved; None if they stay, because they changed or the tables were in use."""
    columns = _columns(near, week.parent)
    names = sql.SQL(", ").join(sql.Identifier(each.name) for each in columns)
    far_history.make_table(far, week.parent, week.partition, columns)
    source = sql.SQL("(select {} from {}{}) as gone").format(
        names,
        sql.Identifier("kronos", week.partition),
        sql.SQL(" where status in ('SUCCESS', 'SKIPPED', 'MISSED')" if week.parent == "execution_done" else ""),
    )
    with (
        near.cursor().copy(sql.SQL("copy (select * from {}) to stdout").format(source)) as out,
        far.cursor().copy(
            sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(SCHEMA, week.partition), names)
        ) as into,
    ):
        for block in out:
            into.write(block)
    there = far_history.fingerprint(far, sql.Identifier(SCHEMA, week.partition))

    def exchange() -> bool:
        near.execute(sql.SQL("lock table {} in share mode").format(sql.Identifier("kronos", week.partition)))
        if far_history.fingerprint(near, source) != there:
            raise _Changed
        row = near.execute(
            "select kronos.move_partition(%s, %s, coalesce(%s::timestamptz + interval '1 microsecond',"
            " (select kronos.uuid7_time(from_id) from kronos.partitions() where partition = %s)))",
            [week.parent, week.partition, there[-1], week.partition],
        ).fetchone()
        return row == (True,)

    try:
        return int(str(there[0])) if _is_changed(near, exchange) else None
    except _Changed:
        return None


class _Changed(Exception):
    """The rows of a week differ from those that were copied."""


def _ages(near: session.Connection) -> list[KeptFor]:
    """Return the instance's retention, then that of workspaces with their own. None is shorter than the catch-up window
    of any live job."""
    return [
        KeptFor(workspace_id=whose, success_since=success, failure_since=failure)
        for whose, success, failure in near.execute(
            """
            with least_of_all as (
                select coalesce(ceil(max(catch_up_window_seconds) / 86400.0) + 1, 0)::integer as days
                  from kronos.jobs where status in ('ACTIVE', 'PAUSED') and trigger = 'CRON'
            ), age as (
                select null as workspace_id, success_days, failure_days from kronos.retention
                 union all
                select own.workspace_id::text, coalesce(own.success_days, instance.success_days),
                       coalesce(own.failure_days, instance.failure_days)
                  from kronos.workspace_retention as own cross join kronos.retention as instance
            )
            select age.workspace_id, kronos.now() - make_interval(days => greatest(age.success_days, days)),
                   kronos.now() - make_interval(days => greatest(age.failure_days, days))
              from age cross join least_of_all
            """
        )
    ]
