"""What the end of a run triggers: once, whatever ends the run and whatever crashes, and separately from the run
itself.
"""

import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

import psycopg
import pytest
from psycopg.types.json import Jsonb

from callback_rows import callbacks_of, claim, end, fail, make_job, run, succeed, to_endpoint
from factory import EndpointRow, add_endpoint, status_of
from kronos import sql
from sql_factory import Connection, acting_as, records, value, values

_CANCELLED = Jsonb({"code": "cancelled", "detail": "by hand"})


def expire(connection: Connection, execution_id: uuid.UUID) -> None:
    """Its worker died during its last attempt."""
    connection.execute(
        "update kronos.execution_live set visible_at = kronos.now() - interval '1 s' where execution_id = %s",
        [execution_id],
    )
    connection.execute("select kronos.expire_leases(10, '-infinity')")


def cancel(connection: Connection, execution_id: uuid.UUID) -> None:
    connection.execute(
        "update kronos.execution_live set claim_token = null, worker_id = null, claimed_at = null"
        " where execution_id = %s",
        [execution_id],
    )
    connection.execute("select kronos.cancel_executions(array[%s::uuid], %s)", [execution_id, _CANCELLED])


def succeed_alone(connection: Connection, execution_id: uuid.UUID) -> None:
    """Finalize by the statement for endpoints with limits or on watch."""
    end(connection, sql.texts()["results.finalize_executions"], "SUCCESS", execution_id)


def grow_too_old(connection: Connection, execution_id: uuid.UUID) -> None:
    """It would be retried, but is too old by then."""
    connection.execute("update kronos.execution_live set max_attempts = 9 where execution_id = %s", [execution_id])
    fail(connection, execution_id, is_retryable=True, retry_ms=5000, max_age_ms=1000)


def pass_deadline(connection: Connection, execution_id: uuid.UUID) -> None:
    """Its deadline passes while it waits for its second attempt."""
    connection.execute("update kronos.execution_live set max_attempts = 9 where execution_id = %s", [execution_id])
    fail(connection, execution_id, is_retryable=True, retry_ms=5000)
    connection.execute(
        "update kronos.execution_live set deadline_at = kronos.now() where execution_id = %s", [execution_id]
    )
    assert value(connection, "select kronos.expire_deadlines(10)") == 1


def tear(connection: Connection, execution_id: uuid.UUID) -> None:
    """It is cancelled while it runs, and its worker aborts the request."""
    connection.execute("select kronos.cancel_executions(array[%s::uuid], %s)", [execution_id, _CANCELLED])
    fail(connection, execution_id, errors=Jsonb({"type": "cancelled", "message": "it was cancelled"}))


def die_cancelled(connection: Connection, execution_id: uuid.UUID) -> None:
    """It is cancelled while it runs, and its worker dies."""
    connection.execute("select kronos.cancel_executions(array[%s::uuid], %s)", [execution_id, _CANCELLED])
    expire(connection, execution_id)


def give_back_cancelled(connection: Connection, execution_id: uuid.UUID) -> None:
    """It is cancelled after its worker claimed it and before it has begun."""
    connection.execute("select kronos.cancel_executions(array[%s::uuid], %s)", [execution_id, _CANCELLED])
    connection.execute(
        sql.texts()["results.release_executions"],
        {"execution_ids": [execution_id], "claim_tokens": values(connection, "select claim_token"
                                                                 " from kronos.execution_live")},
    )  # fmt: skip


def replace(connection: Connection, execution_id: uuid.UUID) -> None:
    """A newer run of its job replaces it."""
    key = value(
        connection, "update kronos.execution_live set overlap_key = job_id where execution_id = %s"
        " returning overlap_key", [execution_id]
    )  # fmt: skip
    connection.execute("select kronos.replace_runs(%s, 'infinity')", [key])


@dataclass
class Calling:
    """A workspace with an endpoint for jobs and one for callbacks."""

    connection: Connection
    endpoint: EndpointRow = field(init=False)
    hook: EndpointRow = field(init=False)

    def __post_init__(self) -> None:
        self.endpoint = add_endpoint(self.connection)
        self.hook = add_endpoint(self.connection, self.endpoint.workspace_id, max_attempts=3)

    def job(self, **columns: object) -> uuid.UUID:
        return make_job(self.connection, self.endpoint, **columns)

    @property
    def to_hook(self) -> dict[str, str]:
        return to_endpoint(self.connection, self.hook)

    def chained(self, **columns: object) -> tuple[uuid.UUID, uuid.UUID]:
        """Make two jobs; when the first succeeds, it runs the second."""
        second = self.job(name="second", **columns)
        return self.job(name="first", on_success={"job": "second", "input": "run"}), second


@pytest.fixture
def calling(superuser: Connection) -> Calling:
    return Calling(superuser)


_ENDS: dict[str, tuple[Callable[[Connection, uuid.UUID], None], str, str]] = {
    "a batch of successes": (succeed, "on_success", "SUCCESS"),
    "a success by itself": (succeed_alone, "on_success", "SUCCESS"),
    "a failure": (fail, "on_failure", "FAILED"),
    "its age": (grow_too_old, "on_failure", "FAILED"),
    "its deadline": (pass_deadline, "on_failure", "EXPIRED"),
    "a lease that ran out": (expire, "on_failure", "FAILED"),
    "a cancellation": (cancel, "on_failure", "CANCELLED"),
    "a request torn from the wire": (tear, "on_failure", "CANCELLED"),
    "a cancellation and a dead worker": (die_cancelled, "on_failure", "CANCELLED"),
    "a cancellation before it was begun": (give_back_cancelled, "on_failure", "CANCELLED"),
    "a newer run": (replace, "on_failure", "CANCELLED"),
}


@pytest.mark.parametrize("end", _ENDS)
def test_the_end_of_a_run_is_delivered_once_whoever_ends_it(calling: Calling, end: str) -> None:
    ending, event, status = _ENDS[end]
    every = calling.to_hook | {"statuses": ["FAILED", "EXPIRED", "CANCELLED"]}
    job_id = calling.job(name="report", on_success=calling.to_hook, on_failure=every)
    execution_id = run(calling.connection, job_id)
    ending(calling.connection, execution_id)
    assert status_of(calling.connection, execution_id) == status
    (made,) = callbacks_of(calling.connection, execution_id)
    assert (made["event"], made["status"], made["cause"], made["depth"]) == (event, "QUEUED", "API", 1)
    assert (made["job_id"], made["due_at"]) == (made["execution_id"], None)
    assert made["input"]["event"] == event
    assert made["input"]["job"] == {"job_id": str(job_id), "name": "report", "title": None}
    told = made["input"]["execution"]
    assert (told["execution_id"], told["status"]) == (str(execution_id), status)
    assert value(
        calling.connection, "select max_attempts from kronos.execution_live where execution_id = %s",
        [made["execution_id"]],
    ) == 3  # fmt: skip


@pytest.mark.parametrize(
    ("callbacks", "end"),
    [({"on_failure": "hook"}, "a batch of successes"), ({"on_success": "hook"}, "a failure"),
     ({"on_failure": "hook"}, "a cancellation")],
)  # fmt: skip
def test_another_end_sets_off_nothing(calling: Calling, callbacks: dict[str, str], end: str) -> None:
    execution_id = run(calling.connection, calling.job(**dict.fromkeys(callbacks, calling.to_hook)))
    _ENDS[end][0](calling.connection, execution_id)
    assert callbacks_of(calling.connection, execution_id) == []


def test_a_failure_that_is_tried_again_is_no_end(calling: Calling) -> None:
    execution_id = run(calling.connection, calling.job(on_failure=calling.to_hook))
    calling.connection.execute("update kronos.execution_live set max_attempts = 2")
    fail(calling.connection, execution_id, is_retryable=True)
    assert callbacks_of(calling.connection, execution_id) == []
    claim(calling.connection, execution_id)
    fail(calling.connection, execution_id, is_retryable=True)
    assert [made["event"] for made in callbacks_of(calling.connection, execution_id)] == ["on_failure"]


def test_a_run_that_is_retried_by_hand_calls_back_for_each_of_its_ends(calling: Calling) -> None:
    job_id = calling.job(on_success=calling.to_hook, on_failure=calling.to_hook)
    execution_id = run(calling.connection, job_id)
    fail(calling.connection, execution_id)
    again = "select kronos.take_up_again(%s, %s, 'latest')"
    assert value(calling.connection, again, [calling.endpoint.workspace_id, execution_id]) is None
    claim(calling.connection, execution_id)
    succeed(calling.connection, execution_id)
    assert [made["event"] for made in callbacks_of(calling.connection, execution_id)] == ["on_failure", "on_success"]


def test_the_run_stays_as_it_ended_when_its_callback_fails_which_is_a_dead_letter_of_its_own(calling: Calling) -> None:
    execution_id = run(calling.connection, calling.job(on_success=calling.to_hook, on_failure=calling.to_hook))
    succeed(calling.connection, execution_id)
    (made,) = callbacks_of(calling.connection, execution_id)
    claim(calling.connection, made["execution_id"])
    fail(calling.connection, made["execution_id"])
    assert [status_of(calling.connection, each) for each in (execution_id, made["execution_id"])] == [
        "SUCCESS",
        "FAILED",
    ]
    assert values(calling.connection, "select execution_id from kronos.dead_letters") == [made["execution_id"]]
    assert callbacks_of(calling.connection, made["execution_id"]) == [], "callbacks have no callbacks"


def test_a_batch_of_many_jobs_calls_back_for_those_that_have_callbacks(calling: Calling) -> None:
    with_one, without = calling.job(on_success=calling.to_hook), calling.job()
    runs = [run(calling.connection, job_id) for job_id in (with_one, without, with_one, without)]
    succeed(calling.connection, *runs)
    assert [len(callbacks_of(calling.connection, each)) for each in runs] == [1, 0, 1, 0]


def test_an_answer_of_more_than_32_kib_is_left_out(calling: Calling) -> None:
    job_id = calling.job(on_success=calling.to_hook)
    short, long = run(calling.connection, job_id), run(calling.connection, job_id)
    succeed(calling.connection, short, response={"body": "yes"})
    succeed(calling.connection, long, response={"body": "y" * 40_000})
    told = [callbacks_of(calling.connection, each)[0]["input"]["execution"] for each in (short, long)]
    assert [(each["output"], each["is_output_left_out"]) for each in told] == [({"body": "yes"}, False), (None, True)]


@pytest.mark.parametrize("is_killed", [False, True], ids=["before it commits", "killed within"])
def test_end_and_callback_are_there_together_or_neither(
    calling: Calling, database_url: str, *, is_killed: bool
) -> None:
    execution_id = run(calling.connection, calling.job(on_success=calling.to_hook))
    with closing(psycopg.connect(database_url)) as worker:
        succeed(worker, execution_id)
        assert callbacks_of(calling.connection, execution_id) == []
        if is_killed:
            calling.connection.execute("select pg_terminate_backend(%s, 10000)", [worker.info.backend_pid])
    assert (status_of(calling.connection, execution_id), callbacks_of(calling.connection, execution_id)) == (
        "RUNNING",
        [],
    )
    succeed(calling.connection, execution_id)
    assert len(callbacks_of(calling.connection, execution_id)) == 1


def test_an_endpoint_that_is_gone_has_the_callback_as_a_dead_letter(calling: Calling) -> None:
    execution_id = run(calling.connection, calling.job(on_success=calling.to_hook))
    calling.connection.execute(
        "update kronos.endpoints set deleted_at = now() where endpoint_id = %s", [calling.hook.endpoint_id]
    )
    succeed(calling.connection, execution_id)
    (made,) = callbacks_of(calling.connection, execution_id)
    assert (made["status"], made["status_reason"]["code"]) == ("FAILED", "endpoint_deleted")
    assert values(calling.connection, "select error_type from kronos.dead_letters") == ["endpoint_deleted"]


def _end(calling: Calling, second: uuid.UUID) -> None:
    reason = Jsonb({"code": "ends_at", "detail": "its ends_at has passed"})
    calling.connection.execute(
        "update kronos.jobs set status = 'RETIRED', status_reason = %s where job_id = %s", [reason, second]
    )


@pytest.mark.parametrize(
    ("callback", "column", "message"),
    [
        ({"endpoint": "nowhere"}, "on_failure.endpoint", "no endpoint 'nowhere'"),
        ({"job": "nothing"}, "on_failure.job", "no live CRON job 'nothing'"),
        ({}, "on_failure", "exactly one of endpoint and job"),
        ({"job": "a", "endpoint": "b"}, "on_failure", "exactly one of endpoint and job"),
        ({"endpoint": "b", "endpoint_id": str(uuid.uuid4())}, "on_failure", "unknown member"),
        ({"endpoint": "b", "input": "run"}, "on_failure.input", "input requires job"),
        ({"job": "b", "input": "all"}, "on_failure.input", "own or run"),
        ({"endpoint": "b", "statuses": []}, "on_failure.statuses", "one or more"),
        ({"endpoint": "b", "statuses": ["SUCCESS"]}, "on_failure.statuses", "one or more"),
        ({"endpoint": 7}, "on_failure.endpoint", "must be the name"),
    ],
)
def test_a_callback_that_is_none_is_refused(
    calling: Calling, callback: dict[str, object], column: str, message: str
) -> None:
    with pytest.raises(psycopg.Error, match=message) as refused:
        calling.job(on_failure=callback)
    assert (refused.value.sqlstate, refused.value.diag.column_name) == ("KR034", column)
    assert refused.value.diag.message_hint


def test_another_workspaces_endpoint_and_job_are_not_there(calling: Calling) -> None:
    other = add_endpoint(calling.connection)
    make_job(calling.connection, other, name="theirs")
    for callback in (to_endpoint(calling.connection, other), {"job": "theirs"}):
        with pytest.raises(psycopg.Error, match="in this workspace"):
            calling.job(on_success=callback)


_REPLACE = """
    with retired as (
        update kronos.jobs set status = 'RETIRED', status_reason = '{"code": "replaced"}' where job_id = %s
        returning *
    )
    insert into kronos.jobs
    select (jsonb_populate_record(null::kronos.jobs, to_jsonb(retired) || jsonb_build_object(
                'job_id', %s::uuid, 'previous_version_id', %s::uuid, 'version', retired.version + 1,
                'status', 'ACTIVE', 'status_reason', null, 'retired_at', null, 'ticks_until', null,
                %s::text, %s::jsonb))).*
      from retired
"""


def test_an_unchanged_callback_is_not_judged_again(calling: Calling) -> None:
    first, second = calling.chained()
    _end(calling, second)
    calling.connection.execute(_REPLACE, [first, uuid.uuid4(), first, "title", Jsonb("First")])
    assert value(calling.connection, "select count(*) from kronos.job_callbacks") == 2


def test_an_endpoint_that_a_callback_names_is_not_deleted(calling: Calling) -> None:
    calling.job(name="report", on_failure=calling.to_hook)
    name = calling.to_hook["endpoint"]
    calling.connection.execute("select set_config('kronos.workspace_id', %s, false)", [str(calling.hook.workspace_id)])
    with acting_as(calling.connection, "kronos_api"):
        assert value(calling.connection, "select kronos.delete_endpoint(%s)", [name]) is False
        assert (
            value(calling.connection, "select kronos.callers_named(%s, null)", [calling.hook.endpoint_id]) == "report"
        )


def test_what_a_job_names_goes_with_its_row(calling: Calling) -> None:
    job_id = calling.job(on_success=calling.to_hook)
    calling.connection.execute("delete from kronos.jobs where job_id = %s", [job_id])
    assert records(calling.connection, "select * from kronos.job_callbacks") == []


def test_a_link_goes_with_its_callback_by_row_or_by_partition(calling: Calling) -> None:
    job_id = calling.job(on_success=calling.to_hook)
    kept, gone = run(calling.connection, job_id), run(calling.connection, job_id)
    succeed(calling.connection, kept, gone)
    (callback,) = callbacks_of(calling.connection, gone)
    claim(calling.connection, callback["execution_id"])
    succeed(calling.connection, callback["execution_id"])
    calling.connection.execute(
        "update kronos.execution_done set completed_at = now() - interval '400 days' where execution_id = %s",
        [callback["execution_id"]],
    )
    bounds = ["00000000-0000-0000-0000-000000000000", *["ffffffff-ffff-ffff-ffff-ffffffffffff"] * 2]
    calling.connection.execute("select kronos.sweep_executions(%s, %s, 100, 100000, %s, false)", bounds)
    assert (len(callbacks_of(calling.connection, kept)), callbacks_of(calling.connection, gone)) == (1, [])
    calling.connection.execute("update kronos.callbacks set execution_id = kronos.uuid7('2001-01-01 00:00:00+00')")
    calling.connection.execute("select kronos.retain_callbacks(100)")
    assert callbacks_of(calling.connection, kept) == []
