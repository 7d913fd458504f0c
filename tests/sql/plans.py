"""What a statement really reads: its plan, and the plans of every statement within the functions that it calls, as
PostgreSQL executed them.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg
from psycopg import sql as composed
from psycopg._queries import PostgresQuery
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus

from kronos import sql
from sql_factory import Connection, value

# auto_explain sends each statement's plan, nested ones included, to the client as a message. EXPLAIN shows a function
# as one node.
_TELL = """
load 'auto_explain';
set local auto_explain.log_min_duration = 0;
set local auto_explain.log_analyze = on;
set local auto_explain.log_timing = off;
set local auto_explain.log_nested_statements = on;
set local auto_explain.log_level = notice;
set local client_min_messages = notice;
set local jit = off;
"""
# The locks, except those on the indexes of unpartitioned tables. Planning locks all of these indexes and a cached plan
# none, so they depend on the number of indexes and on the session's history.
LOCKS = """
select count(*) from pg_locks join pg_class on pg_class.oid = relation
 where pid = pg_backend_pid() and locktype = 'relation' and (relkind not in ('i', 'I') or relispartition)
"""


@contextmanager
def told_plans(connection: Connection) -> Iterator[list[str]]:
    """Collect the plans of the statements in the block, as text; the transaction is rolled back."""
    plans: list[str] = []

    def hear(diagnostic: psycopg.errors.Diagnostic) -> None:
        if (message := diagnostic.message_primary or "").startswith("duration:"):
            plans.append(message)

    connection.add_notice_handler(hear)
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(_TELL)
            yield plans
    finally:
        connection.remove_notice_handler(hear)


@contextmanager
def overheard(connection: Connection, role: str) -> Iterator[list[str]]:
    """Collect the plans of the statements that a superuser's session runs in the block as the role, with its cached
    plans, as text.
    """
    plans: list[str] = []

    def hear(diagnostic: psycopg.errors.Diagnostic) -> None:
        if (message := diagnostic.message_primary or "").startswith("duration:"):
            plans.append(message)

    connection.execute("reset role")
    connection.execute(_TELL.replace("set local", "set"), prepare=False)
    connection.execute(composed.SQL("set role {}").format(composed.Identifier(role)))
    connection.add_notice_handler(hear)
    try:
        yield plans
    finally:
        connection.remove_notice_handler(hear)


def run_statement(
    connection: Connection,
    name: str,
    params: Mapping[str, object],
    *,
    role: str,
    workspace_id: object = None,
    plan: str = "auto",
) -> list[tuple[object, ...]]:
    """Prepare and run one of the product's statements as the role that runs it, for a workspace. Return its rows."""
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", sql.texts()[name])))
    query = PostgresQuery(Transformer(connection))
    query.convert(sql.texts()[name].encode(), dict.fromkeys(names))
    connection.execute(f"set local role {role}")
    connection.execute(f"set local plan_cache_mode = {plan if plan == 'auto' else f'force_{plan}_plan'}")
    connection.execute("select set_config('kronos.workspace_id', %s, true)", [str(workspace_id)])
    result = connection.pgconn.prepare(b"explained", query.query)
    assert result.status == ExecStatus.COMMAND_OK, result.error_message.decode()
    arguments = composed.SQL(", ").join(composed.Literal(params[each]) for each in names)
    execute = composed.SQL("execute explained({})").format(arguments) if names else composed.SQL("execute explained")
    try:
        return connection.execute(execute).fetchall()
    finally:
        connection.execute("deallocate explained")


def plan_of(
    connection: Connection,
    name: str,
    params: Mapping[str, object],
    *,
    workspace_id: object = None,
    plan: str = "custom",
    role: str = "kronos_api",
) -> str:
    """The plans of one of the product's statements, nested ones included, with the rows actually read."""
    with told_plans(connection) as plans:
        run_statement(connection, name, params, role=role, workspace_id=workspace_id, plan=plan)
    return "\n".join(plans)


def rows_read(plan: str, table: str) -> int:
    """The most rows that one scan of the table, or of one of its partitions, returned and discarded."""
    most = 0
    lines = plan.splitlines()
    for number, line in enumerate(lines):
        if found := re.search(rf"Scan.* on {table}\S* .*\(actual rows=(\d+) loops=(\d+)\)", line):
            removed = 0
            for following in lines[number + 1 :]:
                if "->" in following:
                    break
                if again := re.search(r"Rows Removed by \w+: (\d+)", following):
                    removed += int(again[1])
            most = max(most, (int(found[1]) + removed) * int(found[2]))
    return most


def thrown_away(plan: str) -> int:
    """The most rows that one join examined and discarded, over all of its loops."""
    loops, most = 1, 0
    for line in plan.splitlines():
        if found := re.search(r"\(actual rows=\d+ loops=(\d+)\)", line):
            loops = int(found[1])
        if removed := re.search(r"Rows Removed by Join Filter: (\d+)", line):
            most = max(most, loops * int(removed[1]))
    return most


def seq_scans(plan: str, *tables: str) -> list[str]:
    """The plan's sequential scans of these tables or of their partitions."""
    return [
        line.strip()
        for line in plan.splitlines()
        for table in tables
        if re.search(rf"Seq Scan on {table}\b|Seq Scan on {table}_\d", line)
    ]


def partitions_in(plan: str, table: str) -> set[str]:
    """The partitions of the table that the plans name, whether or not they were scanned."""
    return set(re.findall(rf"on ({table}_(?:\d+|default))\b", plan))


def locks(connection: Connection) -> int:
    """How many locks on tables, and on the indexes of partitions, the connection's transaction holds."""
    held: int = value(connection, LOCKS)
    return held
