"""A run whose end triggers a run of another job: what that needs, when it is impossible, and that chains are short."""

import threading
import uuid
from collections.abc import Callable
from contextlib import closing

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from callback_rows import callbacks_of, claim, make_job, run, run_chained, succeed
from depth import depth
from factory import add_endpoint, add_workspace
from sql.test_callbacks import _REPLACE, Calling, _end
from sql_factory import Connection, await_lock

_EVENTS = ("on_success", "on_failure")


@pytest.fixture
def calling(superuser: Connection) -> Calling:
    return Calling(superuser)


def test_a_job_is_run_by_the_end_of_another_with_what_happened(calling: Calling) -> None:
    first, second = calling.chained()
    execution_id = run(calling.connection, first)
    succeed(calling.connection, execution_id)
    (due,) = callbacks_of(calling.connection, execution_id)
    assert (due["status"], due["due_at"] is None) == (None, False)
    assert (run_chained(calling.connection), run_chained(calling.connection)) == (1, None)
    (made,) = callbacks_of(calling.connection, execution_id)
    assert (made["status"], made["cause"], made["job_id"], made["due_at"]) == ("QUEUED", "MANUAL", second, None)
    assert made["input"]["execution"]["execution_id"] == str(execution_id)


def test_a_chained_run_takes_the_jobs_own_input_unless_it_says_otherwise(calling: Calling) -> None:
    calling.job(name="second", input={"id": 7})
    execution_id = run(calling.connection, calling.job(on_success={"job": "second"}))
    succeed(calling.connection, execution_id)
    run_chained(calling.connection)
    assert callbacks_of(calling.connection, execution_id)[0]["input"] == {"id": 7}


def _pause(calling: Calling, second: uuid.UUID) -> None:
    calling.connection.execute("update kronos.jobs set status = 'PAUSED' where job_id = %s", [second])


def _lengthen(calling: Calling, _: uuid.UUID) -> None:
    calling.connection.execute("update kronos.callbacks set depth = 10")


@pytest.mark.parametrize(
    ("change", "code"), [(_pause, "job_paused"), (_end, "job_over"), (_lengthen, "chain_too_long")]
)
def test_a_chained_run_that_cannot_be_is_recorded_with_the_reason(
    calling: Calling, change: Callable[[Calling, uuid.UUID], None], code: str
) -> None:
    first, second = calling.chained()
    execution_id = run(calling.connection, first)
    succeed(calling.connection, execution_id)
    change(calling, second)
    run_chained(calling.connection)
    (made,) = callbacks_of(calling.connection, execution_id)
    assert (made["status"], made["status_reason"]["code"], made["job_id"]) == ("SKIPPED", code, second)
    assert made["due_at"] is None


def test_a_chained_run_follows_the_jobs_overlap_policy(calling: Calling) -> None:
    first, second = calling.chained(overlap="SKIP")
    run(calling.connection, second)
    execution_id = run(calling.connection, first)
    succeed(calling.connection, execution_id)
    run_chained(calling.connection)
    (made,) = callbacks_of(calling.connection, execution_id)
    assert (made["status"], made["status_reason"]["code"]) == ("SKIPPED", "overlap")


@pytest.mark.parametrize("overlap", ["ALLOW", "QUEUE"])
def test_a_chained_run_whose_job_is_locked_is_made_later(calling: Calling, database_url: str, overlap: str) -> None:
    first, second = calling.chained(overlap=overlap)
    execution_id = run(calling.connection, first)
    succeed(calling.connection, execution_id)
    with closing(psycopg.connect(database_url)) as other:
        other.execute("select from kronos.jobs where job_id = %s for update", [second])
        run_chained(calling.connection)
        assert callbacks_of(calling.connection, execution_id)[0]["status"] is None
        other.rollback()  # releases the lock now; close() returns before the server does
    calling.connection.execute("update kronos.callbacks set due_at = kronos.now()")
    run_chained(calling.connection)
    assert callbacks_of(calling.connection, execution_id)[0]["status"] == "QUEUED"


@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_run_ends_while_the_endpoint_that_it_calls_back_is_locked(
    calling: Calling, database_url: str, *, is_deleted: bool
) -> None:
    """The callback is noted as due, and made once the lock is released."""
    job_id = calling.job(on_success=calling.to_hook)
    runs = [run(calling.connection, job_id) for _ in range(2)]
    calling.connection.execute("set lock_timeout = '2 s'")
    with psycopg.connect(database_url) as other:
        other.execute("select from kronos.endpoints where endpoint_id = %s for update", [calling.hook.endpoint_id])
        succeed(calling.connection, *runs)
        assert run_chained(calling.connection) == 2
        waiting = [callbacks_of(calling.connection, each)[0] for each in runs]
        assert [(each["due_at"] is None, each["status"]) for each in waiting] == [(False, None)] * 2
        if is_deleted:
            other.execute(
                "update kronos.endpoints set deleted_at = now() where endpoint_id = %s", [calling.hook.endpoint_id]
            )
    calling.connection.execute("update kronos.callbacks set due_at = kronos.now()")
    assert (run_chained(calling.connection), run_chained(calling.connection)) == (2, None)
    for each in runs:
        (made,) = callbacks_of(calling.connection, each)
        assert (made["due_at"], made["status"]) == (None, "FAILED" if is_deleted else "QUEUED")
        assert made["input"]["execution"]["execution_id"] == str(each)


def test_a_chained_run_that_cannot_be_made_stops_no_other(calling: Calling) -> None:
    calling.job(name="good")
    bad = calling.job(name="bad")
    runs = [run(calling.connection, calling.job(on_success={"job": name})) for name in ("bad", "good")]
    succeed(calling.connection, *runs)
    calling.connection.execute(
        f"alter table kronos.execution_live add constraint no_bad check (job_id <> '{bad}') not valid"
    )
    assert run_chained(calling.connection) == 2
    assert [callbacks_of(calling.connection, each)[0]["status"] for each in runs] == [None, "QUEUED"]
    calling.connection.execute("alter table kronos.execution_live drop constraint no_bad")
    calling.connection.execute("update kronos.callbacks set due_at = kronos.now() where due_at is not null")
    run_chained(calling.connection)
    assert [callbacks_of(calling.connection, each)[0]["status"] for each in runs] == ["QUEUED", "QUEUED"]


def test_depth_is_carried_along_a_chain(calling: Calling) -> None:
    calling.job(name="third")
    calling.job(name="second", on_success={"job": "third"})
    execution_id = run(calling.connection, calling.job(name="first", on_success={"job": "second"}))
    for nth in (1, 2):
        succeed(calling.connection, execution_id)
        run_chained(calling.connection)
        (made,) = callbacks_of(calling.connection, execution_id)
        assert made["depth"] == nth
        execution_id = made["execution_id"]
        claim(calling.connection, execution_id)
    succeed(calling.connection, execution_id)
    assert callbacks_of(calling.connection, execution_id) == []


def test_a_chain_is_no_longer_than_ten_jobs_wherever_it_grows(calling: Calling) -> None:
    for nth in range(10):
        calling.job(name=f"j{nth}", **({"on_success": {"job": f"j{nth - 1}"}} if nth else {}))
    with pytest.raises(psycopg.Error, match="more than 10 jobs: j10 -> j9"):
        calling.job(name="j10", on_failure={"job": "j9"})
    calling.job(name="j10", on_failure={"job": "j8"})


@settings(max_examples=depth(12, deep=40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from(_EVENTS)), max_size=14))
def test_whatever_is_changed_no_job_comes_to_call_itself_back(
    superuser: Connection, edits: list[tuple[int, int, str]]
) -> None:
    """Edges are added version by version. An edit is accepted if a search of the graph finds no cycle."""
    connection = superuser
    endpoint = add_endpoint(connection, add_workspace(connection))
    present = {nth: make_job(connection, endpoint, name=f"j{nth}") for nth in range(6)}
    calls: dict[int, dict[str, int]] = {nth: {} for nth in range(6)}

    def leads(start: int, end: int) -> bool:
        return start == end or any(leads(each, end) for each in calls[start].values())

    for calling, target, event in edits:
        job_id = uuid.uuid4()
        edit = [present[calling], job_id, present[calling], event, Jsonb({"job": f"j{target}"})]
        before = calls[calling].pop(event, None)
        if leads(target, calling):
            with pytest.raises(psycopg.Error, match="call itself back: ") as refused, connection.transaction():
                connection.execute(_REPLACE, edit)
            assert refused.value.sqlstate == "KR034"
            calls[calling] |= {} if before is None else {event: before}
        else:
            connection.execute(_REPLACE, edit)
            present[calling] = job_id
            calls[calling][event] = target


def test_two_sessions_that_would_make_a_cycle_together_do_not(calling: Calling, database_url: str) -> None:
    first, second = calling.job(name="first"), calling.job(name="second")
    with closing(psycopg.connect(database_url)) as other:
        other.execute(_REPLACE, [first, uuid.uuid4(), first, "on_success", Jsonb({"job": "second"})])
        calling.connection.execute("set lock_timeout = '50ms'")
        edit = [second, uuid.uuid4(), second, "on_success", Jsonb({"job": "first"})]
        with pytest.raises(psycopg.errors.LockNotAvailable):
            calling.connection.execute(_REPLACE, edit)
        other.commit()
    with pytest.raises(psycopg.Error, match="second -> first -> second"):
        calling.connection.execute(_REPLACE, edit)


def test_a_job_that_is_being_cancelled_is_named_by_no_other(calling: Calling, database_url: str) -> None:
    calling.job(name="first")
    second = calling.job(name="second")
    refused: list[psycopg.Error] = []

    def name_it(connection: Connection) -> None:
        try:
            connection.execute(
                "update kronos.jobs set on_success = %s where name = 'first'", [Jsonb({"job": "second"})]
            )
        except psycopg.Error as error:
            refused.append(error)

    with psycopg.connect(database_url) as cancelling, psycopg.connect(database_url, autocommit=True) as naming:
        enter = "select set_config('kronos.workspace_id', %s, true)"
        cancelling.execute(enter, [str(calling.endpoint.workspace_id)])
        cancelling.execute("select kronos.settle_version(%s, null)", [second])
        cancelling.execute("select kronos.cancel_job()")
        thread = threading.Thread(target=name_it, args=[naming])
        thread.start()
        await_lock(calling.connection, naming, kind="advisory")
        cancelling.commit()
        thread.join()
    assert [error.diag.message_primary for error in refused] == ["no live CRON job 'second' in this workspace"]
