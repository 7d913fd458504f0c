"""Failures among calls that are sent together: each call gets its own answer, and none harms the others."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from api.at_once import Process, a_job, creation, cron, made, new_schedule, process_on, rows, run
from api.cutting_proxy import Proxy, cutting_proxy
from conftest import Api, await_condition
from kronos import changes, errors, jobs
from kronos.database import WorkspaceView
from kronos.model import Job
from kronos.new_jobs import NewJob
from kronos.pool import Pool
from kronos.writes import Writes
from sql_factory import value


@pytest.fixture(scope="module")
def process(shared_api: Api) -> Iterator[Process]:
    with process_on(shared_api.database_url, size=4) as made:
        yield made


def test_a_job_that_cannot_be_made_fails_alone(
    process: Process, shared_api: Api, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    a_job(shared_api, workspace, name="taken")
    before = rows(shared_superuser, workspace)
    never, ended = {"cron": "0 0 30 2 *"}, {"ends_at": datetime(2098, 1, 3, tzinfo=UTC)}
    calls = [
        cron(workspace, name="good"),
        cron(workspace, name="taken"),
        cron(workspace, name="twice"),
        cron(workspace, name="twice", input={"other": True}),
        cron(workspace),
        cron(workspace, endpoint="nobody"),
        cron(workspace, **never),
        cron(workspace, starts_at=datetime(2098, 1, 2, tzinfo=UTC), ends_at=datetime(2098, 1, 3, tzinfo=UTC)),
        cron(workspace, **ended),
    ]

    answered = process.at_once(*calls)

    kinds = [type(each).__name__ if isinstance(each, BaseException) else "made" for each in answered]
    assert kinds[0] == kinds[4] == kinds[8] == "made"
    assert kinds[1] == "Conflict"
    assert sorted(kinds[2:4]) == ["Conflict", "made"]
    assert kinds[5:8] == ["EndpointNotFound", "Unprocessable", "Unprocessable"]
    assert rows(shared_superuser, workspace) - before == kinds.count("made") == 4
    assert rows(shared_superuser, workspace, "pointers") == before + 4


def test_a_run_that_cannot_be_made_fails_alone(process: Process, shared_api: Api, workspace: str) -> None:
    job_id, queued = a_job(shared_api, workspace), a_job(shared_api, workspace, overlap="QUEUE")
    (one_shot,) = made(process.at_once(creation(workspace)))

    answered = process.at_once(
        run(workspace, job_id),
        run(workspace, "nobody"),
        run(workspace, str(one_shot.job_id)),
        run(workspace, queued),
        run(workspace, job_id),
    )

    kinds = [type(each).__name__ if isinstance(each, BaseException) else each[0].status for each in answered]
    assert kinds == ["QUEUED", "JobNotFound", "Conflict", "QUEUED", "QUEUED"]


@contextmanager
def refusing(superuser: psycopg.Connection, schedule: str) -> Iterator[None]:
    """Make pg_cron fail for this schedule."""
    superuser.execute(
        f"""
        create function public.refuse_together() returns trigger language plpgsql as $$
        begin
            if new.schedule = '{schedule}' then
                raise exception 'pg_cron is out of order' using errcode = 'internal_error';
            end if;
            return new;
        end
        $$
        """
    )
    superuser.execute(
        "create trigger refuse_together before insert on cron.job for each row execute function "
        "public.refuse_together()"
    )
    try:
        yield
    finally:
        superuser.execute("drop function public.refuse_together() cascade")


def test_an_entry_that_pg_cron_refuses_costs_no_other_job(
    process: Process, shared_api: Api, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    with refusing(shared_superuser, "7 7 7 7 *"):
        good, bad, also = process.at_once(cron(workspace), cron(workspace, cron="7 7 7 7 *"), cron(workspace))

    assert isinstance(bad, errors.PgCronUnavailable)
    assert len(made([good, also])) == 2
    assert (rows(shared_superuser, workspace), rows(shared_superuser, workspace, "pointers")) == (2, 2)


def test_a_suspended_workspace_and_none_at_all_are_reported_to_each(
    process: Process, shared_api: Api, workspace: str
) -> None:
    job_id = a_job(shared_api, workspace)
    shared_api.client.patch(f"/v1/workspaces/{workspace}", json={"status": "SUSPENDED"}).raise_for_status()
    suspended = process.at_once(*[creation(workspace), cron(workspace)] * 3, *[run(workspace, job_id)] * 3)
    absent = process.at_once(*[creation("nobody"), cron("nobody")] * 3)
    assert [type(each) for each in suspended] == [errors.WorkspaceSuspended] * 9
    assert [type(each) for each in absent] == [errors.WorkspaceNotFound] * 6


def test_without_a_connection_each_hears_that_nothing_was_done(
    shared_api: Api, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    """The pool's only connection is in use, and none becomes free in time."""
    with process_on(shared_api.database_url, size=1) as busy:

        async def ask() -> list[tuple[Job, bool] | BaseException]:
            async with busy.pool.connection():
                busy.pool.timeout = 0.05
                return await asyncio.gather(*(creation(workspace)(busy.pool) for _ in range(5)), return_exceptions=True)

        answered = busy.runner.run(ask())

    assert [type(each) for each in answered] == [errors.DatabaseUnavailable] * 5
    assert rows(shared_superuser, workspace) == 0


@pytest.fixture
def proxy(shared_api: Api) -> Iterator[Proxy]:
    with cutting_proxy(shared_api.database_url) as made:
        yield made


@pytest.mark.parametrize(
    ("kind", "point"), [("one-shot", "before"), ("one-shot", "after"), ("cron", "after"), ("run", "after")]
)
def test_a_lost_answer_is_reported_to_each_and_the_calls_again_make_nothing_twice(
    shared_api: Api, workspace: str, shared_superuser: psycopg.Connection, proxy: Proxy, kind: str, point: Any
) -> None:
    """The transaction's connection is cut, either before PostgreSQL receives it or after the commit.

    The jobs have a schedule that no other test uses. It is read with the first two and then cached for a minute. A
    schedule that was cached earlier might expire and be read again with the calls to be cut. The cut would then hit
    that read, which is sent again.
    """
    job_id = a_job(shared_api, workspace)
    table = "execution_live" if kind == "run" else "jobs"
    own_schedule = new_schedule()

    def calls(keys: list[str]) -> list[Callable[[Pool], Awaitable[tuple[Any, bool]]]]:
        """Runs have no keys here: keys of runs would be looked up first, one after another."""
        if kind == "run":
            return [run(workspace, job_id, number) for number, _ in enumerate(keys)]
        more = {"trigger": "CRON", "cron": own_schedule} if kind == "cron" else {}
        return [
            creation(workspace, input={"number": number}, idempotency_key=key, **more)
            for number, key in enumerate(keys)
        ]

    with process_on(proxy.url, size=1) as one:
        one.at_once(*calls(["one", "two"]))  # prepares the statement
        before = rows(shared_superuser, workspace, table)
        proxy.arm(point, 1, of=[workspace])
        lost = one.at_once(*calls(list("abcde")))
        assert proxy.disarm()
        await_condition(lambda: is_over(proxy, shared_superuser), "the session's end")
        left = rows(shared_superuser, workspace, table) - before
        again = [each for each in one.at_once(*calls(list("abcde"))) if not isinstance(each, BaseException)]

    assert [type(each) for each in lost] == [errors.OutcomeUnknown] * 5
    assert left == (5 if point == "after" else 0)
    assert [each[0].input for each in again] == [{"number": number} for number in range(5)]
    if kind != "run":
        assert [each[1] for each in again] == [point == "before"] * 5
        assert rows(shared_superuser, workspace, table) == before + 5


def is_over(proxy: Proxy, superuser: psycopg.Connection) -> bool:
    """Whether PostgreSQL has finished the requests of the connection that was cut."""
    return not superuser.execute("select from pg_stat_activity where client_port = %s", [proxy.port]).fetchall()


@pytest.mark.parametrize("kind", ["one-shot", "cron", "run"])
def test_who_leaves_before_the_set_is_sent_does_not_hear_that_nothing_was_done_and_is_then_served(
    shared_api: Api, workspace: str, shared_superuser: psycopg.Connection, kind: str
) -> None:
    """The set waits for the pool's only connection when the time of one of its callers runs out. Boundary judges that
    by its Writes.
    """
    job_id = a_job(shared_api, workspace)
    writes = [Writes() for _ in range(3)]
    own_schedule = new_schedule()

    async def ask(pool: Pool, number: int) -> object:
        view = WorkspaceView(pool, workspace, writes[number])
        if kind == "run":
            return await changes.trigger(view, job_id, input={"number": number})
        fields: dict[str, Any] = (
            {"trigger": "CRON", "cron": own_schedule} if kind == "cron" else {"trigger": "IMMEDIATE"}
        )
        return await jobs.create(view, NewJob(endpoint="sink", input={"number": number}, **fields))

    with process_on(shared_api.database_url, size=1) as one:
        one.at_once(cron(workspace, cron=own_schedule))  # the schedule is now cached for a minute

        async def play() -> tuple[bool, bool]:
            async with one.pool.connection():
                tasks = [asyncio.create_task(ask(one.pool, number)) for number in range(3)]
                while not one.pool._asking:  # noqa: ASYNC110 - the set waits for a connection
                    await asyncio.sleep(0)
                tasks[1].cancel()
                await asyncio.gather(tasks[1], return_exceptions=True)
                told = writes[1].may_be_done
            await asyncio.gather(*tasks, return_exceptions=True)
            return told, tasks[1].cancelled()

        told, is_cancelled = one.runner.run(play())
    table = "jobs" if kind == "cron" else "execution_live"
    made_of_it = value(
        shared_superuser,
        f"select count(*) from kronos.{table} join kronos.workspaces using (workspace_id) where slug = %s and input "
        "->> 'number' = '1'",
        [workspace],
    )
    assert is_cancelled
    assert told or not made_of_it


def test_schedules_that_are_read_at_the_same_time_are_one_statement(
    shared_api: Api, workspace: str, proxy: Proxy
) -> None:
    """Each schedule is new to the process. One is invalid, and fails without the others."""
    texts = [new_schedule(month) for month in range(1, 7)]
    with process_on(proxy.url, size=4) as one:
        one.at_once(lambda pool: WorkspaceView(pool, workspace).enter())
        proxy.arm("before", 1000, of=[workspace, *texts])
        answered = one.at_once(*(cron(workspace, cron=text) for text in [*texts, *texts, "61 * * * *"]))
        requests = 1000 - proxy.left
        proxy.disarm()
    assert isinstance(answered[-1], errors.Unprocessable)
    assert answered[-1].code == "invalid_cron"
    assert [each.cron for each in made(answered[:-1])] == [*texts, *texts]
    assert 2 <= requests <= 4  # one statement reads; the creations take as many statements as in the other tests
