"""The API reads executions as the view kronos.executions shows them: in every state, with the name of the job."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from factory import EndpointRow
from sql.plans import run_statement
from sql_factory import Connection, make_cron_job, records, values

_LIVE = """
insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
    scheduled_at, run_at,
                                   visible_at, attempt_count, claim_token, worker_id, claimed_at, started_at,
                                   max_attempts, max_crashes, timeout_ms, input)
select kronos.uuid7(), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', now(), now(), now() + state.due,
       state.attempts,
       state.token, state.worker, state.began, state.began, 5, 3, 1000, '{}'
  from kronos.jobs
 cross join (values (interval '-1 second', 0, null::uuid, null, null::timestamptz),
                    (interval '1 hour', 0, null, null, null),
                    (interval '1 hour', 1, null, null, null),
                    (interval '1 hour', 1, gen_random_uuid(), 'w1', now())) as state (due, attempts, token,
                        worker, began)
 where job_id = any (%s)
"""
_DONE = """
insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
    status, status_reason,
                                   scheduled_at, run_at, created_at, started_at, completed_at, max_attempts,
                                       input, output, error)
select kronos.uuid7(made.at), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', ended.status,
       '{"code": "test"}', made.at, made.at, made.at,
       ended.began, ended.at, 5, '{"a": 1}', '{"b": 2}', '{"c": 3}'
  from kronos.jobs
 cross join (select now() - interval '100 days' as at union all select now()) as made
 cross join (values ('SUCCESS', now(), now() + interval '1500 milliseconds'), ('FAILED', now(),
     now() - interval '1 hour'),
                    ('MISSED', null, now()), ('CANCELLED', null, now())) as ended (status, began, at)
 where job_id = any (%s)
"""


@pytest.fixture
def ids(superuser: Connection, endpoint: EndpointRow) -> list[uuid.UUID]:
    """Executions in each state, of a job with a name and of one without."""
    jobs = [make_cron_job(superuser, endpoint, name="report"), make_cron_job(superuser, endpoint)]
    superuser.execute(_LIVE, [jobs])
    superuser.execute(_DONE, [jobs])
    return values(superuser, "select execution_id from kronos.executions")


def test_executions_are_read_as_the_view_shows_them(superuser: Connection, ids: list[uuid.UUID]) -> None:
    shown = values(superuser, "select execution::text from kronos.executions as execution order by execution_id")
    assert len(shown) == len(ids) == 24
    named = records(superuser, "select status, job_name from kronos.executions")
    assert {(row["status"], row["job_name"]) for row in named} >= {
        ("RETRYING", "report"),
        ("MISSED", "report"),
        ("RUNNING", None),
    }
    for function in ("read_executions(%s)", "read_execution_page(%s, 100, 1000000)"):
        assert (
            values(
                superuser, f"select execution::text from kronos.{function} as execution order by execution_id", [ids]
            )
            == shown
        )


def test_a_page_keeps_the_order_and_names_the_job(
    superuser: Connection, endpoint: EndpointRow, ids: list[uuid.UUID]
) -> None:
    page = {
        "status": None,
        "scheduled_after": None,
        "scheduled_before": None,
        "before_created_at": None,
        "before_id": None,
        "limit": 100,
    }
    with superuser.transaction(force_rollback=True):
        superuser.execute("update kronos.workspaces set created_at = %s", [datetime.now(UTC) - timedelta(days=200)])
        listed = run_statement(
            superuser,
            "executions.list_executions",
            page | {"bytes": 10**6},
            role="kronos_api",
            workspace_id=endpoint.workspace_id,
        )
    wanted = records(
        superuser, "select execution_id, job_name from kronos.executions order by created_at desc, execution_id desc"
    )
    assert [(row[0], row[2]) for row in listed] == [(row["execution_id"], row["job_name"]) for row in wanted]
