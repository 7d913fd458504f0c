"""The SQLSTATEs of Kronos's own errors: the situation that raises each, with the error's facts for the caller, and the
error of the API that it becomes. Two states never leave the functions that use them."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import pytest

from alert_rows import add_rule
from beat_rows import make_beat
from factory import EndpointRow, add_endpoint, add_workspace
from kronos import database_errors, errors
from kronos.calendar_terms import CalendarNotFound
from sql_factory import Connection, make_cron_job, value, values

Make = Callable[[Connection, EndpointRow], object]
_WITH_SECRETS = """
    insert into kronos.endpoint_versions
    select (jsonb_populate_record(kept, jsonb_build_object('version', 2, 'secrets', %(secrets)s::text[],
                                                           'signing_secrets', %(signing)s::text[]))).*
      from kronos.endpoint_versions as kept where endpoint_id = %(endpoint_id)s"""


@dataclass(frozen=True, kw_only=True)
class Raised:
    """A statement that is rejected, and what it is rejected with."""

    statement: str
    message: str
    becomes: type[errors.KronosError]
    column: str | None = None
    hint: str = ""
    pointer: str = ""
    secrets: tuple[str, ...] = ()
    signing: tuple[str, ...] = ()


_RAISED: dict[str, Raised] = {
    "KR014": Raised(
        statement="select kronos.match_version('the job is', 3, array[1, 2])",
        message="the job is at version 3, which If-Match does not name: read it and decide again",
        becomes=errors.PreconditionFailed,
    ),
    "KR015 absent": Raised(
        statement=_WITH_SECRETS,
        secrets=("token",),
        message="the secret token does not exist in this workspace",
        hint="Store the secret first.",
        column="secrets",
        pointer="/spec",
        becomes=errors.Unprocessable,
    ),
    "KR015 absent key": Raised(
        statement=_WITH_SECRETS,
        secrets=("token",),
        signing=("token",),
        message="the secret token does not exist in this workspace",
        hint="A signing key is whsec_ or whsk_ and then base64: store one first.",
        column="signing_secrets",
        pointer="/signing_secrets",
        becomes=errors.Unprocessable,
    ),
    "KR015 no key": Raised(
        statement=_WITH_SECRETS,
        secrets=("plain",),
        signing=("plain",),
        message="the secret plain is not a signing key",
        hint="A signing key is whsec_ or whsk_ and then base64: store one first.",
        column="signing_secrets",
        pointer="/signing_secrets",
        becomes=errors.Unprocessable,
    ),
    "KR024 workspace": Raised(
        statement="select kronos.grant_sql('no-such-workspace', 'postgres')",
        message="no workspace no-such-workspace",
        hint="List the workspaces: `kronos workspace ls`.",
        becomes=errors.SqlGrantRefused,
    ),
    "KR024 role": Raised(
        statement="select kronos.grant_sql('kronos-system', 'no such role')",
        message="role no such role does not exist",
        hint='Create it first: `create role "no such role" login`.',
        becomes=errors.SqlGrantRefused,
    ),
    "KR042 suspended": Raised(
        statement="update kronos.workspaces set status = 'SUSPENDED' where slug = 'kronos-system'",
        message="workspace kronos-system belongs to Kronos: it can be read but not changed",
        becomes=errors.Forbidden,
    ),
    "KR042 renamed": Raised(
        statement="update kronos.workspaces set slug = 'ours' where slug = 'kronos-system'",
        message="workspace kronos-system belongs to Kronos: it can be read but not changed",
        becomes=errors.Forbidden,
    ),
    "KR046 of a job": Raised(
        statement='update kronos.jobs set calendars = \'{"a \\"b"}\' where job_id = %(job_id)s',
        message='no calendar "a \\"b" in this workspace',
        pointer="/calendars",
        becomes=CalendarNotFound,
    ),
    "KR046 asked for": Raised(
        statement="select kronos.known_calendars(array['holidays', 'closures'])",
        message='no calendar "holidays" in this workspace',
        pointer="/calendars",
        becomes=CalendarNotFound,
    ),
}


def _rejected(connection: Connection, statement: str, given: dict[str, object]) -> psycopg.Error:
    with connection.transaction(force_rollback=True), pytest.raises(psycopg.Error) as caught:
        connection.execute(statement.encode(), given)
    return caught.value


@pytest.mark.parametrize("case", _RAISED)
def test_each_state_is_raised_with_its_facts_and_becomes_an_error_of_the_api(shared: Connection, case: str) -> None:
    expected = _RAISED[case]
    endpoint = add_endpoint(shared)
    shared.execute("insert into kronos.secrets (workspace_id, name) values (%s, 'plain')", [endpoint.workspace_id])
    given: dict[str, object] = {
        "endpoint_id": endpoint.endpoint_id,
        "job_id": make_cron_job(shared, endpoint),
        "secrets": list(expected.secrets),
        "signing": list(expected.signing),
    }
    error = _rejected(shared, expected.statement, given)
    assert error.sqlstate == case.split()[0], error
    assert error.diag.message_primary == expected.message
    assert (error.diag.column_name, error.diag.message_hint or "") == (expected.column, expected.hint)
    became = database_errors.from_database(error)
    assert type(became) is expected.becomes
    assert expected.message in str(became.detail)
    assert [each.pointer for each in became.faults] == ([expected.pointer] if expected.pointer else [])


def _of_cron_jobs(connection: Connection, endpoint: EndpointRow) -> object:
    return make_cron_job(connection, endpoint)


def _of_alarms(connection: Connection, endpoint: EndpointRow) -> object:
    return [make_cron_job(connection, endpoint, cron="7 * * * *") for _ in range(2)]


def _of_an_input(connection: Connection, endpoint: EndpointRow) -> object:
    return make_cron_job(connection, endpoint, input='"a secret that is too long"')


def _of_heartbeats(connection: Connection, endpoint: EndpointRow) -> object:
    return make_beat(connection, endpoint.workspace_id, period_seconds=60)


def _of_rules(connection: Connection, endpoint: EndpointRow) -> object:
    return add_rule(connection, endpoint)


_QUOTAS: dict[str, tuple[str, Make, dict[str, int], str | None]] = {
    "cron_jobs": ("max_cron_jobs", _of_cron_jobs, {"used": 1, "limit": 0}, None),
    "alarms_per_minute": ("max_alarms_per_minute", _of_alarms, {"used": 2, "limit": 1}, "cron"),
    "input_bytes": ("max_input_bytes", _of_an_input, {"asked": 27, "limit": 2}, "input"),
    "heartbeats": ("max_heartbeats", _of_heartbeats, {"used": 1, "limit": 0}, None),
    "alert_rules": ("max_alert_rules", _of_rules, {"used": 1, "limit": 0}, None),
}


@pytest.mark.parametrize("quota", _QUOTAS)
def test_a_quota_that_never_has_room_is_kr041_with_its_numbers(shared: Connection, quota: str) -> None:
    """Its sibling KR040 says that there will be room later."""
    setting, make, numbers, column = _QUOTAS[quota]
    endpoint = add_endpoint(shared)
    with shared.transaction(force_rollback=True):
        shared.execute(
            f"update kronos.workspaces set {setting} = %s where workspace_id = %s".encode(),
            [numbers["limit"], endpoint.workspace_id],
        )
        shared.execute("select set_config('kronos.quotas', 'on', true)")
        with pytest.raises(psycopg.Error) as caught, shared.transaction():
            make(shared, endpoint)
    error = caught.value
    assert (error.sqlstate, error.diag.column_name or None) == ("KR041", column), error
    assert json.loads(error.diag.message_detail or "") == {"quota": quota, **numbers}
    assert error.diag.message_hint
    assert "secret" not in str(error)
    became = database_errors.from_database(error)
    assert isinstance(became, errors.QuotaTooSmall)
    assert became.numbers == {"quota": quota, **numbers}
    assert [each.pointer for each in became.faults] == [f"/{column}" if column else ""]


def test_a_full_day_of_executions_is_an_answer_that_holds_no_lock(shared: Connection, module_database_url: str) -> None:
    """KR043 gives the shards back: a ring goes on in other workspaces, and must not block this one's others."""
    workspace_id = add_workspace(shared)
    shared.execute("update kronos.workspaces set max_executions_per_day = 20 where workspace_id = %s", [workspace_id])
    shards = "select shard from kronos.quota_shards where workspace_id = %s for update nowait"
    with psycopg.connect(module_database_url, autocommit=True) as other, shared.transaction():
        refusal = value(shared, "select kronos.take_executions(%s, 21)", [workspace_id])
        assert (refusal["quota"], refusal["used"], refusal["limit"], refusal["asked"]) == (
            "executions_per_day",
            0,
            20,
            21,
        )
        assert "is_held" not in refusal
        assert len(values(other, shards, [workspace_id])) == 16
        assert value(shared, "select kronos.take_executions(%s, 20)", [workspace_id]) is None
        with pytest.raises(psycopg.errors.LockNotAvailable):
            values(other, shards, [workspace_id])


def test_states_of_their_own_never_leave_the_functions_that_use_them(shared: Connection) -> None:
    """KR020 and KR043 end a subtransaction, which releases its locks; the same function catches them."""
    raises = "raise sqlstate ''KR020''|errcode = c_none"
    catches = "when sqlstate ''KR0(20|43)'' then"
    found = shared.execute(
        f"""
        select proname, regexp_count(prosrc, '{raises}'), regexp_count(prosrc, '{catches}')
          from pg_proc where pronamespace = 'kronos'::regnamespace and prosrc ~ 'KR0(20|43)'
        """.encode()
    ).fetchall()
    assert len(found) > 10
    assert [row for row in found if row[1] < 1 or row[1] != row[2]] == []


def test_a_search_of_old_history_holds_no_partition_when_it_is_done(shared: Connection) -> None:
    """KR020. Otherwise one search would take the locks of years, and fill the lock table for all sessions."""
    held = """
        select count(*) from pg_locks join pg_class on pg_class.oid = relation
         where pid = pg_backend_pid() and relname ~ '^execution_done_'"""
    job_id = make_cron_job(shared)
    with shared.transaction():
        assert value(
            shared,
            "select kronos.has_history(%s, now() - interval '70 days', now(), '-infinity', '-infinity')",
            [job_id],
        ) is False  # fmt: skip
        assert value(shared, held) == 0
        shared.execute("select from kronos.execution_done where execution_id > kronos.uuid7_floor(now())")
        assert value(shared, held) > 0, "a search without it"


def test_a_malformed_schedule_is_a_conflict_that_says_how_to_mend_it(shared: Connection) -> None:
    job_id = make_cron_job(shared)
    damage = "update kronos.jobs set schedule.months = 1 << 20, schedule.weekdays = 0 where job_id = %s"
    asked = "select kronos.next_tick(schedule, now()) from kronos.jobs where job_id = %(job_id)s"
    with shared.transaction(force_rollback=True):
        shared.execute(damage, [job_id])
        became = database_errors.from_database(_rejected(shared, asked, {"job_id": job_id}))
    assert (type(became), became.code, became.status) == (errors.Conflict, "job_malformed", 409)
    assert "the job's schedule is malformed: " in became.detail
    assert "change the job to create a valid version" in became.detail
