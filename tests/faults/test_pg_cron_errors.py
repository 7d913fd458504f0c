"""Whatever is wrong with pg_cron or with a backend, the caller gets an error, nothing has changed, and the call may be
repeated (#32)."""

import logging
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import httpx
import psycopg
import pytest

from api_answers import problem_of
from conftest import Api, await_condition, make_workspace
from faults.scene import DAILY_TOO, PATIENCE, Scene, assert_agreement, await_waiting, patient, snapshot, waiting

Break = Callable[[psycopg.Connection], AbstractContextManager[None]]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A request that changes a CRON job, and can be sent more than once."""

    send: Callable[[], httpx.Response]
    succeeds_with: int


def ready(scene: Scene, name: str) -> Operation:
    """The operation `name` on a job that allows it."""
    if name == "create":
        key = uuid.uuid4().hex
        return Operation(send=lambda: scene.create(idempotency_key=key), succeeds_with=201)
    if name == "apply":  # one job is changed and one is created
        scene.created(name="there")
        jobs = [{"name": each, "endpoint": "sink", "cron": DAILY_TOO} for each in ("there", "new")]
        return Operation(send=lambda: scene.apply(jobs=jobs), succeeds_with=200)
    job = scene.created()
    if name == "resume":
        assert scene.pause(job).status_code == 200
    request: dict[str, Callable[[], httpx.Response]] = {
        "patch": lambda: scene.patch(job, cron=DAILY_TOO, if_match=1),
        "delete": lambda: scene.delete(job),
        "pause": lambda: scene.pause(job),
        "resume": lambda: scene.resume(job),
    }
    return Operation(send=request[name], succeeds_with=200)


@contextmanager
def schema_away(superuser: psycopg.Connection) -> Iterator[None]:
    superuser.execute("alter schema cron rename to cron_away")
    try:
        yield
    finally:
        superuser.execute("alter schema cron_away rename to cron")


@contextmanager
def usage_revoked(superuser: psycopg.Connection) -> Iterator[None]:
    superuser.execute("revoke usage on schema cron from kronos_cron")
    try:
        yield
    finally:
        superuser.execute("grant usage on schema cron to kronos_cron")


@contextmanager
def execute_revoked(superuser: psycopg.Connection) -> Iterator[None]:
    functions = "kronos.register_pg_cron(uuid), kronos.register_entry(uuid), kronos.unregister_pg_cron(uuid)"
    superuser.execute(f"revoke execute on function {functions} from kronos_api")
    try:
        yield
    finally:
        superuser.execute(f"grant execute on function {functions} to kronos_api")


@contextmanager
def locked(superuser: psycopg.Connection, mode: str) -> Iterator[None]:
    with superuser.transaction():
        superuser.execute(f"lock table cron.job in {mode} mode")
        yield


@contextmanager
def trigger_on(superuser: psycopg.Connection, table: str, body: str, *, at_commit: bool = False) -> Iterator[None]:
    """A trigger that runs `body` when a row is stored: immediately, or when the transaction commits."""
    superuser.execute(f"""
        create function public.fault() returns trigger language plpgsql set lock_timeout = '{PATIENCE}'
            as $$ begin {body}; return new; end $$
    """)
    kind, when = ("constraint trigger", "after") if at_commit else ("trigger", "before")
    deferred = "deferrable initially deferred" if at_commit else ""
    try:
        superuser.execute(
            f"create {kind} fault {when} insert or update on {table} {deferred} for each row execute function "
            "public.fault()"
        )
        yield
    finally:
        superuser.execute("drop function public.fault() cascade")


def raising(sqlstate: str) -> Break:
    return lambda superuser: trigger_on(
        superuser, "cron.job", f"raise sqlstate '{sqlstate}' using message = 'injected'"
    )


AWAY = "3F000 42P01"  # PostgreSQL names the schema of a function that is gone, the table itself of a table
BREAKS: dict[str, tuple[Break, str]] = {
    "schema_away": (schema_away, AWAY),
    "usage_revoked": (usage_revoked, "42501"),
    "execute_revoked": (execute_revoked, "42501"),
    "locked": (lambda superuser: locked(superuser, "access exclusive"), "55P03"),
    "read_only": (lambda superuser: locked(superuser, "share"), "55P03"),
    **{
        f"raises_{sqlstate}": (raising(sqlstate), sqlstate)
        for sqlstate in ("58000", "53100", "XX000", "57014", "40001")
    },
}
# cron.unschedule deletes without firing triggers, so only operations that write an entry can meet a trigger; those that
# remove one can meet a lock.
CASES = [
    pytest.param(operation, fault, id=f"{operation}-{fault}")
    for fault in BREAKS
    for operation in ("create", "patch", "delete", "pause", "resume", "apply")
    if not (fault.startswith("raises_") and operation in ("delete", "pause"))
]


def was_logged(caplog: pytest.LogCaptureFixture, request_id: str) -> bool:
    return any(record.levelno >= logging.ERROR and request_id in record.getMessage() for record in caplog.records)


def assert_refused(answer: httpx.Response, code: str, sqlstate: str, caplog: pytest.LogCaptureFixture) -> None:
    problem = problem_of(answer)
    assert (problem["status"], problem["code"]) == (503, code)
    assert problem["pg_sqlstate"] in sqlstate.split()
    assert int(answer.headers["Retry-After"]) > 0
    await_condition(
        lambda: was_logged(caplog, problem["request_id"]), f"a log line that names request {problem['request_id']}"
    )


def assert_succeeds(operation: Operation, superuser: psycopg.Connection) -> None:
    answer = operation.send()
    assert answer.status_code == operation.succeeds_with, answer.text
    assert_agreement(superuser)


@pytest.mark.parametrize(("name", "fault"), CASES)
def test_an_error_of_pg_cron_changes_nothing(
    name: str, fault: str, scene: Scene, su: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    operation = ready(scene, name)
    before = snapshot(su)
    broken, sqlstate = BREAKS[fault]

    with broken(su):
        answer = operation.send()

    assert_refused(answer, "pg_cron_unavailable", sqlstate, caplog)
    assert snapshot(su) == before
    assert_succeeds(operation, su)


def test_without_the_extension_nothing_changes(
    own_api: Api, superuser: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """It cannot come back in a copy: pg_cron is created in cron.database_name only."""
    operations = [
        ready(Scene(client=own_api.client, workspace=make_workspace(own_api.client)), name)
        for name in ("create", "patch", "delete", "pause", "resume", "apply")
    ]
    before = snapshot(superuser)["kronos.jobs"]
    superuser.execute("drop extension pg_cron cascade")

    for operation in operations:
        assert_refused(operation.send(), "pg_cron_unavailable", AWAY, caplog)
        assert superuser.execute("select each::text from kronos.jobs as each order by 1").fetchall() == before


# The point at which a backend is terminated: at the job's row, at the entry, or at the commit after all writes.
POINTS: dict[str, Break] = {
    "row": lambda su: trigger_on(su, "kronos.jobs", "perform pg_advisory_xact_lock_shared(1)"),
    "entry": lambda su: locked(su, "share"),
    "commit": lambda su: trigger_on(su, "kronos.jobs", "perform pg_advisory_xact_lock_shared(1)", at_commit=True),
}


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("name", ["create", "patch", "delete", "pause", "resume", "apply"])
def test_a_backend_terminated_in_the_middle_changes_nothing(
    name: str, point: str, scene: Scene, su: psycopg.Connection, module_api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    operation = ready(scene, name)
    before = snapshot(su)

    with (
        patient(su),
        ThreadPoolExecutor(1) as thread,
        psycopg.connect(module_api.database_url, autocommit=True) as holder,
    ):
        holder.execute("select pg_advisory_lock(1)")
        with POINTS[point](holder):
            under_way = thread.submit(operation.send)
            assert await_waiting(su, 1, under_way.done), under_way.result().text
            (backend,) = waiting(su)
            su.execute("select pg_terminate_backend(%s, 5000)", [backend])
            answer = under_way.result(60)
            holder.execute("select pg_advisory_unlock(1)")

    problem = problem_of(answer)
    # Nothing was changed. But the end of the session does not reveal the transaction's outcome, unless the commit had
    # not been requested yet.
    is_known = name == "apply" and point != "commit"
    assert (problem["status"], problem["code"]) == (503, "database_unavailable" if is_known else "outcome_unknown")
    told = ("GET /v1/workspaces/", "Repeat the call with the same Idempotency-Key", "nothing was changed")
    assert any(each in problem["detail"] for each in told)
    await_condition(
        lambda: was_logged(caplog, problem["request_id"]), f"a log line that names request {problem['request_id']}"
    )
    assert snapshot(su) == before
    assert_succeeds(operation, su)


def backends(superuser: psycopg.Connection) -> list[int]:
    rows = superuser.execute(
        "select pid from pg_stat_activity where datname = current_database() and application_name = 'kronos-api'"
    )
    return [pid for (pid,) in rows]


@pytest.mark.parametrize("name", ["create", "patch", "delete", "pause", "resume", "apply"])
def test_the_end_of_all_the_apis_backends_costs_no_request(name: str, scene: Scene, su: psycopg.Connection) -> None:
    operation = ready(scene, name)
    ended = backends(su)
    assert ended
    for pid in ended:
        su.execute("select pg_terminate_backend(%s, 5000)", [pid])
    answer = operation.send()
    assert answer.status_code == operation.succeeds_with, answer.text
    assert_agreement(su)


@pytest.mark.parametrize("name", ["patch", "delete", "pause"])
def test_an_entry_deleted_by_hand_stands_in_nobodys_way(name: str, scene: Scene, su: psycopg.Connection) -> None:
    job = scene.created()
    su.execute("delete from cron.job where jobname = %s", [f"kronos:{job}"])

    answer = getattr(scene, name)(job)

    assert answer.status_code == 200, answer.text
    assert_agreement(su)


def test_an_entry_left_behind_is_taken_over_by_resume(scene: Scene, su: psycopg.Connection) -> None:
    """For a known name pg_cron's schedule is an UPDATE, which the trigger below rejects: the row stays PAUSED."""
    job = scene.created()
    assert scene.pause(job).status_code == 200
    su.execute("set role kronos_cron")
    su.execute("select cron.schedule(%s, '1 1 1 1 *', 'select 1')", [f"kronos:{job}"])
    su.execute("reset role")
    before = snapshot(su)

    with raising("XX000")(su):
        answer = scene.resume(job)

    assert (answer.status_code, answer.json()["code"]) == (503, "pg_cron_unavailable")
    assert snapshot(su) == before
    assert scene.resume(job).status_code == 200
    assert_agreement(su)


def test_the_job_can_be_read_while_pg_cron_is_away(scene: Scene, su: psycopg.Connection) -> None:
    job = scene.created()
    with schema_away(su):
        answer = scene.client.get(f"{scene.jobs}/{job}")
    assert (answer.status_code, answer.json()["status"], answer.json()["pg_cron"]) == (200, "ACTIVE", None)


def test_a_one_shot_needs_no_pg_cron(scene: Scene, su: psycopg.Connection) -> None:
    with schema_away(su):
        answer = scene.client.post(scene.jobs, json={"endpoint": "sink", "trigger": "IMMEDIATE"})
    assert (answer.status_code, answer.json()["execution"]["status"]) == (201, "QUEUED")
