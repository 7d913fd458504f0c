"""Only Kronos writes its entries of pg_cron, and only for active jobs."""

import uuid

import psycopg
import pytest

from factory import EndpointRow
from sql.test_policies import _TENANT_TABLES, furnished, in_workspace
from sql_factory import Connection, acting_as, entries, make_cron_job, value, values

_TABLES = [*_TENANT_TABLES, "workspaces", "api_keys", "attempt_late", "heartbeats"]


@pytest.fixture
def ours(shared: Connection) -> EndpointRow:
    """The test's own workspace, with a job, a waiting execution, a finished one, an attempt and a backfill."""
    return furnished(shared)


@pytest.fixture
def theirs(shared: Connection) -> EndpointRow:
    """A neighbor's workspace with the same contents."""
    return furnished(shared)


@pytest.mark.parametrize("role", ["kronos_api", "kronos_worker"])
@pytest.mark.parametrize(
    "statement",
    [
        "select * from cron.job",
        "select * from cron.job_run_details",
        "delete from cron.job",
        "update cron.job set active = false",
        "select cron.schedule('* * * * *', 'select 1')",
        "select cron.unschedule(1)",
        "select kronos.pg_cron_entries('', '', 1)",
        "select kronos.pg_cron_digest('', '', 1)",
        "select kronos.mend_pg_cron_entries('{}', '{}', '{}', '', '', 1)",
        "select kronos.register_jobs('{}', '{}')",
        "select kronos.unregister_jobs('{}')",
    ],
)
def test_pg_cron_is_out_of_reach_of_those_who_serve_requests_and_deliver(
    shared: Connection, role: str, statement: str
) -> None:
    with acting_as(shared, role), pytest.raises(psycopg.errors.InsufficientPrivilege):
        shared.execute(statement)


def test_an_active_jobs_entry_cannot_be_removed_by_anybodys_request(
    shared: Connection, ours: EndpointRow, theirs: EndpointRow
) -> None:
    before = entries(shared)
    for endpoint in (ours, theirs):
        job_id = value(
            shared, "select job_id from kronos.jobs where endpoint_id = %s and trigger = 'CRON'", [endpoint.endpoint_id]
        )
        with in_workspace(shared, ours), pytest.raises(psycopg.Error, match="is ACTIVE") as caught:
            shared.execute("select kronos.unregister_pg_cron(%s)", [job_id])
        assert caught.value.sqlstate == "KR011"
    assert entries(shared) == before


def test_a_job_that_is_not_active_cannot_be_registered(shared: Connection, ours: EndpointRow) -> None:
    job_id = make_cron_job(shared, ours, status="PAUSED")
    for unknown in (job_id, uuid.uuid4()):
        with acting_as(shared, "kronos_api"), pytest.raises(psycopg.Error) as caught:
            shared.execute("select kronos.register_pg_cron(%s)", [unknown])
        assert caught.value.sqlstate == "KR010"


@pytest.mark.parametrize(
    "table",
    [*_TABLES, "active_executions", "executions", "attempts", "job_details", "endpoint_details", "backfill_details"],
)
def test_kronos_cron_reads_nothing_of_kronos(shared: Connection, table: str) -> None:
    with acting_as(shared, "kronos_cron"), pytest.raises(psycopg.errors.InsufficientPrivilege):
        shared.execute(f"select from kronos.{table}")


def test_kronos_cron_sees_no_entry_but_kronoss(shared: Connection, ours: EndpointRow) -> None:
    shared.execute("select cron.schedule('a neighbour', '* * * * *', 'select 1')")
    with acting_as(shared, "kronos_cron"):
        names = values(shared, "select jobname from cron.job")
    assert names
    assert [name for name in names if not name.startswith("kronos:")] == []
