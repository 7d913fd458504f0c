"""One-shots that are their executions: created many at a time, read, listed, cancelled, retried and deleted like any
job.
"""

import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import psycopg
import pytest
from psycopg.types.json import Jsonb

from factory import add_endpoint
from one_shot_rows import DAY, NO_FILTER, finish, get, make, name_of, run_as_api
from sql.plans import run_statement
from sql_factory import Connection, await_lock, make_cron_job, records, value, values


def test_many_are_made_at_once_each_one_row(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    made = make(superuser, endpoint, 300)
    rows = records(superuser, "select * from kronos.execution_live order by (input ->> 'n')::integer")
    assert value(superuser, "select count(*) from kronos.jobs where endpoint_id = %s", [endpoint.endpoint_id]) == 0
    assert [row["execution_id"] for row in rows] == [row["job_id"] for row in rows] == [each["job_id"] for each in made]
    assert {
        (row["endpoint_version"], row["cause"], row["max_attempts"], row["max_crashes"], row["timeout_ms"])
        for row in rows
    } == {(1, "API", endpoint.max_attempts, endpoint.max_crashes, endpoint.timeout_ms)}
    far = "select max(abs(extract(epoch from created_at - kronos.uuid7_time(execution_id)))) from kronos.execution_live"
    assert value(superuser, far) <= 0.0005, "the id rounds to milliseconds"
    assert {each["job_id"].version for each in made} == {7}
    assert {each["job_id"].variant for each in made} == {uuid.RFC_4122}


def test_one_whose_endpoint_is_not_there_fails_alone_or_with_all(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    name, neighbour = name_of(superuser, endpoint), name_of(superuser, add_endpoint(superuser))
    made = make(superuser, endpoint, names=[name, neighbour, name, "nobody"])
    assert [each["job_id"] is not None for each in made] == [True, False, True, False]
    with pytest.raises(psycopg.Error, match=f"no endpoint '{neighbour}'") as caught:
        make(superuser, endpoint, names=[name, neighbour, name, "nobody"], is_whole=True)
    assert (caught.value.sqlstate, value(superuser, "select count(*) from kronos.execution_live")) == ("KR012", 2)


def test_one_that_is_to_run_at_its_creation_is_delayed(superuser: Connection) -> None:
    """Nothing but these two instants says whether it is DELAYED (one_shot_rows)."""
    endpoint = add_endpoint(superuser)
    superuser.execute("select set_config('kronos.workspace_id', %s, false)", [str(endpoint.workspace_id)])
    made = records(
        superuser,
        "select job_id, created_at - run_at as younger from kronos.make_one_shots(array[%s],"
        " array['{}']::jsonb[], array[kronos.now()], true)",
        [name_of(superuser, endpoint)],
    )[0]
    assert made["younger"] == timedelta(microseconds=1)
    assert value(superuser, "select trigger from kronos.job_rows(%s)", [made["job_id"]]) == "DELAYED"


@pytest.mark.parametrize(
    "arguments",
    [
        "array['e', 'e'], array['{}']::jsonb[], array[null]::timestamptz[]",
        "array['e'], array['[]']::jsonb[], array[null]::timestamptz[]",
        "array['e'], array[null]::jsonb[], array[null]::timestamptz[]",
        "array['e'], array['{}']::jsonb[], array['infinity']::timestamptz[]",
        "array['e'], array['{}', '{}']::jsonb[], array[null]::timestamptz[]",
    ],
)
def test_what_is_no_list_of_jobs_is_refused(superuser: Connection, arguments: str) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        superuser.execute(f"select kronos.make_one_shots({arguments}, false)".encode())


def test_it_is_shown_as_a_job_with_a_row_is(superuser: Connection) -> None:
    """Every column, both while it waits and when it is over."""
    endpoint = add_endpoint(superuser)
    later = datetime.now(UTC) + DAY
    for run_at, trigger in ((None, "IMMEDIATE"), (later, "DELAYED")):
        lean = make(superuser, endpoint, run_at=run_at)[0]["job_id"]
        job = {
            "job_id": (full := uuid.uuid4()),
            "endpoint": (name := name_of(superuser, endpoint)),
            "trigger": trigger,
            "input": {"n": 0},
        }
        jobs = Jsonb([job | {"run_at": run_at, "tags": [], "priority": 0, "dst_gap": "SHIFT"}], dumps=orjson.dumps)
        params = {
            "workspace": str(endpoint.workspace_id),
            "endpoints": [name],
            "jobs": jobs,
            "wake": False,
            "caller": "",
        }
        run_statement(
            superuser, "jobs.insert_one_shot_jobs", params, role="kronos_api", workspace_id=endpoint.workspace_id
        )
        for _ in range(2):
            shown, wanted = (get(superuser, endpoint, job)[0] for job in (lean, full))
            own = {"job_id", "execution", "created_at", "retired_at", "last_run_at"}
            assert {name: told for name, told in shown.items() if name not in own} == {
                name: told for name, told in wanted.items() if name not in own
            }
            assert [shown[name] is None for name in sorted(own)] == [wanted[name] is None for name in sorted(own)]
            assert set(shown["execution"]) == set(wanted["execution"])
            assert (shown["execution"]["execution_id"], shown["execution"]["status"]) == (
                str(lean),
                wanted["execution"]["status"],
            )
            assert (
                value(superuser, "select count(*) from kronos.job_details where job_id in (%s, %s)", [lean, full]) == 2
            )
            finish(superuser)


def test_an_execution_of_a_cron_job_is_no_job(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    job_id = make_cron_job(superuser, endpoint)
    superuser.execute(
        """
        insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, scheduled_at,
                                           run_at, visible_at, max_attempts, max_crashes, timeout_ms, input)
        select kronos.tick_id(job_id, now()), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', now(), now(),
               now(), 1, 0, 1000, '{}'
          from kronos.jobs where job_id = %s
        """,
        [job_id],
    )
    execution_id = value(superuser, "select execution_id from kronos.execution_live where job_id = %s", [job_id])
    assert get(superuser, endpoint, execution_id) == []
    finish(superuser)
    assert get(superuser, endpoint, execution_id) == []


def test_another_workspaces_are_not_there(superuser: Connection) -> None:
    mine, theirs = add_endpoint(superuser), add_endpoint(superuser)
    job_id = make(superuser, theirs)[0]["job_id"]
    page: dict[str, object] = NO_FILTER | {
        "before_created_at": None,
        "before_id": None,
        "limit": 50,
        "bytes": 1_048_576,
    }
    for _ in range(2):
        assert get(superuser, mine, job_id) == []
        assert run_as_api(superuser, mine, "job_reads.list_jobs", page) == []
        assert [row["job_id"] for row in run_as_api(superuser, theirs, "job_reads.list_jobs", page)] == [job_id]
        finish(superuser)


def test_a_cancelled_one_is_retired_and_stays_so_whatever_its_attempt_comes_to(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    waiting, running = (each["job_id"] for each in make(superuser, endpoint, 2))
    superuser.execute(
        "update kronos.execution_live set claim_token = gen_random_uuid(), worker_id = 'w', claimed_at = now(), "
        "attempt_count = 1"
        " where execution_id = %s",
        [running],
    )
    for job_id in (waiting, running):
        with superuser.transaction():
            superuser.execute("set local role kronos_api")
            superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
            superuser.execute("select kronos.settle_version(%s, array[1])", [job_id])
            assert values(superuser, "select job_id from kronos.cancel_job()") == [job_id]
    finish(superuser)
    told = {row["job_id"]: row for job in (waiting, running) for row in get(superuser, endpoint, job)}
    assert {
        job: (row["status"], row["status_reason"]["code"], row["execution"]["status"]) for job, row in told.items()
    } == {
        waiting: ("RETIRED", "cancelled", "CANCELLED"),
        running: ("RETIRED", "cancelled", "SUCCESS"),
    }
    with superuser.transaction():
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        assert value(superuser, "select kronos.retry_execution(%s)", [waiting]) == "job_cancelled"


def test_a_failed_one_is_retried_and_active_again(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    job_id = make(superuser, endpoint)[0]["job_id"]
    finish(superuser, status="FAILED")
    assert [row["status"] for row in get(superuser, endpoint, job_id)] == ["COMPLETED"]
    with superuser.transaction():
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        assert value(superuser, "select kronos.retry_execution(%s)", [job_id]) is None
    assert [(row["status"], row["execution"]["status"]) for row in get(superuser, endpoint, job_id)] == [
        ("ACTIVE", "RETRYING")
    ]


def test_an_execution_has_a_job_and_a_job_keeps_its_executions(superuser: Connection) -> None:
    """Triggers ensure this for jobs with a row, in place of a foreign key."""
    endpoint = add_endpoint(superuser)
    make(superuser, endpoint)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        superuser.execute("update kronos.execution_live set job_id = gen_random_uuid()")
    superuser.execute(
        "with job as (insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger)"
        " select id, id, %s, %s, 'IMMEDIATE' from (select gen_random_uuid() as id) as new returning job_id)"
        " select job_id from job",
        [endpoint.workspace_id, endpoint.endpoint_id],
    )
    superuser.execute(
        "update kronos.execution_live set job_id = (select job_id from kronos.jobs where trigger = 'IMMEDIATE')"
    )
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        superuser.execute("delete from kronos.jobs where trigger = 'IMMEDIATE'")


def test_an_endpoint_that_is_being_deleted_takes_none_and_one_that_has_some_is_not_deleted(
    superuser: Connection, database_url: str
) -> None:
    endpoint = add_endpoint(superuser)
    name = name_of(superuser, endpoint)
    with psycopg.connect(database_url) as deleting, psycopg.connect(database_url, autocommit=True) as making:
        deleting.execute("select set_config('kronos.workspace_id', %s, false)", [str(endpoint.workspace_id)])
        assert value(deleting, "select kronos.delete_endpoint(%s)", [name]) is True
        making.execute("select set_config('kronos.workspace_id', %s, false)", [str(endpoint.workspace_id)])
        with psycopg.connect(database_url, autocommit=True) as watching:
            made: list[Any] = []
            call = (
                "select job_id from kronos.make_one_shots(array[%s::text], array['{}'::jsonb], "
                "array[null::timestamptz], "
                "false)"
            )
            thread = threading.Thread(target=lambda: made.append(values(making, call, [name])))
            thread.start()
            await_lock(watching, making)
        deleting.commit()
        thread.join(60)
    assert made == [[None]]
    other = add_endpoint(superuser, endpoint.workspace_id)
    make(superuser, other)
    superuser.execute("select set_config('kronos.workspace_id', %s, false)", [str(endpoint.workspace_id)])
    assert value(superuser, "select kronos.delete_endpoint(%s)", [name_of(superuser, other)]) is False
    unfinished = records(superuser, "select * from kronos.delete_workspace()")
    assert unfinished == [{"is_deleted": False, "jobs": 1, "executions": 1, "backfills": 0}]


def test_one_whose_endpoint_was_deleted_is_not_retried_though_the_clock_was_set_back(superuser: Connection) -> None:
    """Its creation is then in the future, as if it had just been created."""
    endpoint = add_endpoint(superuser)
    (made,) = make(superuser, endpoint)
    superuser.execute("update kronos.execution_live set created_at = created_at + interval '1 hour'")
    finish(superuser, status="FAILED")
    superuser.execute("select set_config('kronos.workspace_id', %s, false)", [str(endpoint.workspace_id)])
    assert value(superuser, "select kronos.delete_endpoint(%s)", [name_of(superuser, endpoint)]) is True
    with pytest.raises(psycopg.DatabaseError, match="the endpoint was deleted") as caught:
        superuser.execute("select kronos.retry_execution(%s)", [made["job_id"]])
    assert caught.value.sqlstate == "KR012"


def test_a_deleted_workspace_is_kept_for_as_long_as_they_are(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    make(superuser, endpoint)
    finish(superuser)
    gone = (
        "update kronos.workspaces set status = 'DELETED', deleted_at = now() - interval '900 days' where "
        "workspace_id = %s"
    )
    superuser.execute(gone, [endpoint.workspace_id])
    assert value(superuser, "select kronos.retain_workspaces(10, false)") == 0
    superuser.execute("delete from kronos.execution_done")
    assert value(superuser, "select kronos.retain_workspaces(10, false)") == 1
