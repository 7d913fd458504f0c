"""The walls between workspaces and roles: each table, role, verb and workspace; a new table without a stated
expectation fails. And no argument, however written, changes pg_cron's commands."""

import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from depth import depth
from factory import EndpointRow, add_endpoint
from sql.test_policies import furnished
from sql_factory import Connection, Record, acting_as, make_cron_job, records, values

_ROLES = ("kronos_api", "kronos_worker", "kronos_cron")
# s: select, i: insert, u: update, d: delete; in parentheses: only some columns.
_MAY = {
    "active_executions": {"kronos_api": "s"},
    "attempts": {"kronos_api": "s"},
    "executions": {"kronos_api": "s"},
    "job_details": {"kronos_api": "s"},
    "version_details": {"kronos_api": "s"},
    "endpoint_details": {"kronos_api": "s"},
    "backfill_details": {"kronos_api": "s"},
    "operation_details": {"kronos_api": "s"},
    "alarm_setting": {},
    "alert_counts": {},
    "alert_ends": {},
    "alert_notifications": {"kronos_api": "s"},
    "alert_rules": {"kronos_api": "siud"},
    "alert_states": {},
    "api_keys": {},
    "attempt": {"kronos_api": "s", "kronos_worker": "si"},
    "attempt_late": {"kronos_worker": "si"},
    "audit": {"kronos_api": "s"},
    "audit_chains": {"kronos_api": "s"},
    "audit_pending": {"kronos_api": "s"},
    "backfill_redriven": {"kronos_api": "s"},
    "backfills": {"kronos_api": "siu"},
    "calendar_moves": {"kronos_api": "s"},
    "calendars": {"kronos_api": "siu"},
    **{key: {"kronos_api": "s"} for key in ("beat_pings", "beat_pointers", "beat_ticks", "heartbeat_details")},
    "beats": {"kronos_api": "(s)"},
    **{key: {} for key in ("ping_door", "ping_gaps")},
    "callbacks": {"kronos_api": "s"},
    "cancelled_jobs": {"kronos_worker": "s"},
    "catch_up_wave": {},
    "dead_letters": {"kronos_api": "s"},
    "deletions": {},
    "document_versions": {"kronos_api": "si", "kronos_worker": "s"},
    "documents": {"kronos_api": "siu"},
    "endpoint_gate": {"kronos_api": "siu", "kronos_worker": "su"},
    "endpoint_health": {"kronos_api": "s", "kronos_worker": "s"},
    "endpoint_versions": {"kronos_api": "si", "kronos_worker": "s"},
    "endpoints": {"kronos_api": "siu", "kronos_worker": "s"},
    "execution_done": {"kronos_api": "si", "kronos_worker": "si"},
    "execution_live": {"kronos_api": "siud", "kronos_worker": "sud"},
    "heartbeats": {"kronos_worker": "s"},
    "history_weeks": {"kronos_api": "s"},
    "idempotency_keys": {"kronos_api": "si"},
    "incidents": {"kronos_api": "s(u)"},
    "job_callbacks": {"kronos_api": "s"},
    "job_faults": {"kronos_api": "s"},
    "job_tags": {},
    "jobs": {"kronos_api": "siu"},
    "late_days": {"kronos_api": "s"},
    "live_changes": {},
    "live_marks": {},
    "live_origin": {},
    "live_watches": {},
    "made_objects": {},
    "managed": {"kronos_api": "siud"},
    "operations": {"kronos_api": "siu"},
    "organizations": {"kronos_api": "siu"},
    "pointers": {"kronos_api": "siud"},
    "pointers_floor": {},
    "quota_shards": {},
    "request_limit": {},
    "request_rates": {},
    "retention": {},
    "retention_sweeps": {},
    "role_mappings": {"kronos_api": "sid"},
    "schema_version": {},
    "secrets": {"kronos_api": "(s)iud", "kronos_worker": "s"},
    "sign_ins": {},
    "sql_grants": {},
    "turns": {"kronos_api": "s"},
    "workspace_gate": {"kronos_api": "s", "kronos_worker": "su"},
    "workspace_retention": {},
    "workspaces": {"kronos_api": "siu", "kronos_worker": "s"},
    "zones": {"kronos_api": "s"},
}
"""What each role may do at all. Row level security determines to which rows."""
_OF_NOBODY = {"zones", "organizations"}
"""Tables without a workspace that the API may access."""
_VERBS = {"s": "select", "i": "insert", "u": "update", "d": "delete"}


@pytest.fixture(scope="module")
def tenants(module_database_url: str) -> Iterator[tuple[EndpointRow, EndpointRow]]:
    """Two workspaces with a row of nearly each kind."""
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        yield furnished(connection), furnished(connection)


def test_each_role_may_do_to_each_table_what_is_stated_here_and_nothing_else(shared: Connection) -> None:
    found = records(
        shared,
        """
        select class.relname, role.name as role, string_agg(
                   case when has_table_privilege(role.name, class.oid, verb.name) then verb.letter
                        when verb.name <> 'delete' and has_any_column_privilege(role.name, class.oid, verb.name)
                        then '(' || verb.letter || ')' else '' end, '' order by verb.place) as verbs
          from pg_class as class
         cross join unnest(%s::text[]) as role (name)
         cross join (values ('s', 'select', 1), ('i', 'insert', 2), ('u', 'update', 3),
                            ('d', 'delete', 4)) as verb (letter, name, place)
         where class.relnamespace = 'kronos'::regnamespace and class.relkind in ('r', 'p', 'v')
           and not class.relispartition
         group by class.relname, role.name
        """,
        [list(_ROLES)],
    )
    there: dict[str, dict[str, str]] = {each["relname"]: {} for each in found}
    for each in found:
        if each["verbs"]:
            there[each["relname"]][each["role"]] = each["verbs"]
    assert there == _MAY
    more = values(
        shared,
        """
        select class.relname || ' ' || role.name
          from pg_class as class cross join unnest(%s::text[]) as role (name)
         where class.relnamespace = 'kronos'::regnamespace and class.relkind in ('r', 'p', 'v')
           and (has_table_privilege(role.name, class.oid, 'truncate, references, trigger')
                or class.relispartition and has_table_privilege(role.name, class.oid, 'select, insert, update, delete'))
        """,
        [list(_ROLES)],
    )
    assert more == []


def test_each_table_that_the_api_reaches_is_confined_for_every_verb(shared: Connection) -> None:
    """One restrictive policy for all verbs, with the same condition for reading and writing."""
    confined = set(
        values(
            shared,
            """
            select class.relname
              from pg_policy as policy join pg_class as class on class.oid = policy.polrelid
             where not policy.polpermissive and policy.polcmd = '*'
               and policy.polroles = array['kronos_api'::regrole::oid]
               and (pg_get_expr(policy.polqual, policy.polrelid) like '%%workspace_id = %%kronos.workspace_id%%'
                    or pg_get_expr(policy.polqual, policy.polrelid) = 'false')
               and coalesce(pg_get_expr(policy.polwithcheck, policy.polrelid), 'as read') = 'as read'
            """,
        )
    )
    views = set(values(shared, "select viewname from pg_views where schemaname = 'kronos'"))
    reached = {table for table, roles in _MAY.items() if "kronos_api" in roles}
    assert reached - confined - views == _OF_NOBODY


_TABLES = sorted(_MAY)


@pytest.mark.parametrize("role", _ROLES)
@pytest.mark.parametrize("scope", ["none", "ours", "theirs"])
def test_no_verb_of_a_role_reaches_a_row_outside_the_workspace_that_was_entered(
    shared: Connection, tenants: tuple[EndpointRow, EndpointRow], role: str, scope: str
) -> None:
    ours, theirs = (each.workspace_id for each in tenants)
    entered = {"none": None, "ours": ours, "theirs": theirs}[scope]
    known = records(
        shared,
        """
        select class.relname, class.relkind::text, array_agg(attribute.attname::text) as columns
          from pg_class as class join pg_attribute as attribute on attribute.attrelid = class.oid
         where class.relnamespace = 'kronos'::regnamespace and class.relkind in ('r', 'p', 'v')
           and not class.relispartition and attribute.attnum > 0 and not attribute.attisdropped
           and attribute.attgenerated = ''
         group by class.relname, class.relkind
        """,
    )
    reached: dict[str, int] = {}
    for table in known:
        name, columns = table["relname"], table["columns"]
        verbs = _MAY[name].get(role, "")
        of_workspaces = "workspace_id" in columns
        for letter, verb in _VERBS.items() if table["relkind"] != "v" else [("s", "select")]:
            with shared.transaction(force_rollback=True):
                before = _rows(shared, table, entered) if role == "kronos_api" else []
                statement, params = _statement(shared, verb, name, columns, theirs if entered != theirs else ours)
                shared.execute(f"set local role {role}")
                if entered is not None:
                    shared.execute("select set_config('kronos.workspace_id', %s, true)", [str(entered)])
                allowed = letter in verbs
                cursor, refused = _tried(shared, statement, params)
                if refused is not None:
                    # A constraint or trigger may reject the row first, although the role may write.
                    is_denied = isinstance(refused, psycopg.errors.InsufficientPrivilege)
                    assert allowed or is_denied, (name, role, verb, refused)
                    assert not (allowed and is_denied) or verb in ("insert", "update") or "(" in verbs, (name, verb)
                    continue
                assert allowed, f"{role} may {verb} {name}"
                if role == "kronos_api" and verb == "select" and of_workspaces:
                    seen = {row[0] for row in cursor.fetchall()}
                    assert seen <= ({entered} if entered is not None else set()), (name, seen)
                    reached[name] = len(seen)
                elif role == "kronos_api" and verb in ("update", "delete") and entered is None and of_workspaces:
                    assert cursor.rowcount == 0, name
                shared.execute("reset role")
                if role == "kronos_api" and of_workspaces:
                    assert _rows(shared, table, entered) == before, (name, verb)
    if role == "kronos_api":
        assert sum(reached.values()) >= (10 if entered is not None else 0), reached
        assert len(reached) > 25


def _tried(
    connection: Connection, statement: str, params: list[Any]
) -> tuple[psycopg.Cursor[tuple[Any, ...]], psycopg.Error | None]:
    try:
        with connection.transaction():
            return connection.execute(statement.encode(), params), None
    except psycopg.Error as error:
        return connection.cursor(), error


def _rows(connection: Connection, table: Record, but: uuid.UUID | None) -> list[str]:
    """All rows of a table except one workspace's, each with the transaction that wrote it."""
    if "workspace_id" not in table["columns"]:
        return []
    written = "each.xmin::text || " if table["relkind"] != "v" else ""
    return values(
        connection,
        f"select {written}each::text from kronos.{table['relname']} as each"
        " where workspace_id is distinct from %s order by 1",
        [but],
    )


def _statement(
    connection: Connection, verb: str, table: str, columns: list[str], other: uuid.UUID
) -> tuple[str, list[Any]]:
    """All that the verb can do to the table. An insert copies a row of another workspace."""
    if verb == "select":
        return f"select {'workspace_id' if 'workspace_id' in columns else '1'} from kronos.{table}", []
    if verb == "update":
        column = next((each for each in columns if each in ("created_at", "updated_at")), columns[0])
        return f"update kronos.{table} set {column} = {column}", []
    if verb == "delete":
        return f"delete from kronos.{table}", []
    found = values(
        connection,
        f"select to_jsonb(each) from kronos.{table} as each"
        + (" where workspace_id = %s limit 1" if "workspace_id" in columns else " limit 1"),
        [other] if "workspace_id" in columns else None,
    )
    row = found[0] if found else {"workspace_id": str(other)}
    listed = ", ".join(f'"{each}"' for each in columns)
    return (
        f"insert into kronos.{table} ({listed}) select {listed} from jsonb_populate_record(null::kronos.{table}, %s)",
        [Jsonb(row)],
    )


_HOSTILE = (
    "'; select 1; --",
    "$$; drop table kronos.jobs; $$",
    "x'), ('* * * * *', 'select 1') --",
    "a\nb\r\n; delete from cron.job;",
    "kronos:00000000-0000-0000-0000-000000000000",
    "* * * * *",
    "\\'; select cron.schedule('x', '* * * * *', 'select 1'); --",
    "%s %I %L %%",
    "{}",
    "select kronos.fire('x')",
    "\u2019; select 1",
)
_ENTRIES = "select jobname, command, username, database, nodename, active from cron.job order by jobname"


def assert_entries(connection: Connection, others: list[Any]) -> None:
    """Each Kronos entry calls fire with the id in its name, as kronos_cron; other entries are unchanged."""
    for entry in records(connection, _ENTRIES):
        if not entry["jobname"].startswith("kronos:"):
            continue
        job_id = uuid.UUID(entry["jobname"].removeprefix("kronos:"))
        assert entry["command"] == f"select kronos.fire('{job_id}')"
        assert entry["username"] == "kronos_cron"
    assert _of_others(connection) == others


def _of_others(connection: Connection) -> list[Any]:
    return records(connection, f"select * from ({_ENTRIES}) as entry where jobname not like 'kronos:%'")


def _arguments(kinds: list[str], hostile: str, job_id: uuid.UUID) -> list[Any]:
    made: dict[str, Any] = {
        "text": hostile,
        "text[]": [hostile, hostile],
        "jsonb": Jsonb({"code": hostile, hostile: hostile}),
        "jsonb[]": [Jsonb(hostile)],
        "uuid": job_id,
        "uuid[]": [job_id],
        "bytea": hostile.encode(),
        "boolean": True,
        "boolean[]": [True],
        "interval": "1 second",
        "timestamp with time zone": "2026-01-01T00:00:00Z",
    }
    return [made.get(kind, [1] if kind.endswith("[]") else 1) for kind in kinds]


@pytest.mark.parametrize("role", ["kronos_api", "kronos_worker"])
def test_whatever_a_role_passes_to_the_functions_that_it_may_call_pg_cron_runs_nothing_but_fire(
    shared: Connection, role: str
) -> None:
    endpoint = add_endpoint(shared)
    job_id = make_cron_job(shared, endpoint, is_registered=True)
    shared.execute("select cron.schedule('a neighbour', '1 1 1 1 *', 'select 7')")
    others = _of_others(shared)
    functions = records(
        shared,
        """
        select proc.proname, array(select format_type(each, null)
                                     from unnest(proc.proargtypes::oid[]) as each)::text[] as kinds,
               proc.prokind::text
          from pg_proc as proc
         where proc.pronamespace = 'kronos'::regnamespace and has_function_privilege(%s, proc.oid, 'execute')
           and proc.prorettype <> 'trigger'::regtype and proc.provolatile = 'v'
        """,
        [role],
    )
    assert len(functions) > 30
    called = 0
    for each in functions:
        for hostile in _HOSTILE if {"text", "text[]", "jsonb"} & {*each["kinds"]} else _HOSTILE[:1]:
            marks = ", ".join(f"%s::{kind}" for kind in each["kinds"])
            with acting_as(shared, role), suppress(psycopg.Error), shared.transaction():
                shared.execute("set local statement_timeout = '10s'")
                shared.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
                shared.execute(
                    f"select kronos.{each['proname']}({marks})".encode(), _arguments(each["kinds"], hostile, job_id)
                )
                called += 1
        assert_entries(shared, others)
    assert called > 30
    with shared.transaction():
        shared.execute("select cron.unschedule('a neighbour')")


_TEXTS = st.one_of(
    st.sampled_from(_HOSTILE),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40),
)


@settings(
    max_examples=depth(10, deep=40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(texts=st.lists(_TEXTS, min_size=6, max_size=6), alarm=st.sampled_from(["*/2 * * * *", "5 4 * * *"]) | _TEXTS)
def test_nothing_that_a_user_wrote_is_in_a_command_of_pg_cron(shared: Connection, texts: list[str], alarm: str) -> None:
    """Written in the worst way that the API's role can, bypassing every check of the API."""
    endpoint = add_endpoint(shared)
    job_id = make_cron_job(shared, endpoint)
    others = _of_others(shared)
    columns = dict(
        zip(("cron", "description", "title", "timezone", "created_by", "alarm"), (*texts[:5], alarm), strict=True)
    )
    present = set(
        values(
            shared,
            "select attname::text from pg_attribute where attrelid = 'kronos.jobs'::regclass and attnum > 0"
            " and atttypid = 'text'::regtype",
        )
    )
    with acting_as(shared, "kronos_api"), suppress(psycopg.Error), shared.transaction():
        shared.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        for column, text in {**columns, "name": texts[5]}.items():
            if column in present:
                with suppress(psycopg.Error), shared.transaction():
                    shared.execute(f"update kronos.jobs set {column} = %s where job_id = %s", [text, job_id])
        with suppress(psycopg.Error), shared.transaction():
            shared.execute(
                "update kronos.jobs set input = %s where job_id = %s", [Jsonb(json.loads(json.dumps(texts))), job_id]
            )
        shared.execute("select kronos.register_pg_cron(%s)", [job_id])
    assert_entries(shared, others)
    entry = values(shared, "select command from cron.job where jobname = %s", [f"kronos:{job_id}"])
    assert entry in ([], [f"select kronos.fire('{job_id}')"])
