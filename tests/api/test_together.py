"""Jobs and runs that are asked for at the same time are made in one transaction; what fails of them fails alone."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx
import psycopg
import pytest

from api.cutting_proxy import Proxy, cutting_proxy
from conftest import Api, await_condition, make_workspace
from kronos import changes, errors, executions, gathering, jobs
from kronos.database import Pool, WorkspaceView
from kronos.jobs import NewJob
from kronos.model import Execution, Job
from kronos.writes import Writes
from sql_factory import value, values

Made = TypeVar("Made")
COUNT = 12


class Process:
    """Calls of one process, as an API has it: one event loop, one pool."""

    def __init__(self, runner: asyncio.Runner, pool: Pool) -> None:
        self.runner, self.pool = runner, pool

    def at_once(self, *calls: Callable[[Pool], Awaitable[Made]]) -> list[Made | BaseException]:
        """What each call gives or raises; all are asked in the same turn of the event loop."""

        async def run() -> list[Made | BaseException]:
            answered = await asyncio.gather(*(call(self.pool) for call in calls), return_exceptions=True)
            assert len(self.pool.gatherer) == 0
            return answered

        return self.runner.run(run())


@contextmanager
def process_on(url: str, *, size: int) -> Iterator[Process]:
    with asyncio.Runner() as runner:

        async def opened() -> Pool:
            pool = Pool(url, size=size)
            await pool.open(wait=True, timeout=20)
            return pool

        made = Process(runner, runner.run(opened()))
        yield made
        runner.run(made.pool.close())


@pytest.fixture(scope="module")
def process(shared_api: Api) -> Iterator[Process]:
    with process_on(shared_api.database_url, size=4) as made:
        yield made


def creation(workspace: str, **fields: Any) -> Callable[[Pool], Awaitable[tuple[Job, bool]]]:
    """Of an IMMEDIATE job, unless the fields say otherwise."""
    new = NewJob(**{"endpoint": "sink", "trigger": "IMMEDIATE"} | fields)
    return lambda pool: jobs.create(WorkspaceView(pool, workspace), new)


def cron(workspace: str, **fields: Any) -> Callable[[Pool], Awaitable[tuple[Job, bool]]]:
    return creation(workspace, **{"trigger": "CRON", "cron": "0 0 1 1 *"} | fields)


def run(
    workspace: str, job: str, number: int | None = None, key: str | None = None
) -> Callable[[Pool], Awaitable[tuple[Execution, bool]]]:
    input = {"number": number} if number is not None else None
    return lambda pool: changes.trigger(WorkspaceView(pool, workspace), job, input=input, idempotency_key=key)


def made(answers: list[tuple[Made, bool] | BaseException]) -> list[Made]:
    """All of them, each new."""
    assert [each for each in answers if isinstance(each, BaseException) or not each[1]] == []
    return [each[0] for each in answers if not isinstance(each, BaseException)]


def rows(superuser: psycopg.Connection, workspace: str, table: str = "jobs") -> int:
    found: int = value(
        superuser,
        f"select count(*) from kronos.{table} join kronos.workspaces using (workspace_id) where slug = %s",
        [workspace],
    )
    return found


def a_job(shared_api: Api, workspace: str, **fields: Any) -> str:
    body = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *"} | fields
    job_id: str = (
        shared_api.client.post(f"/v1/workspaces/{workspace}/jobs", json=body).raise_for_status().json()["job_id"]
    )
    return job_id


def read(process: Process, workspace: str, *what: Job | Execution) -> list[Job | Execution | BaseException]:
    def reading(one: Job | Execution) -> Callable[[Pool], Awaitable[Job | Execution]]:
        if isinstance(one, Execution):
            return lambda pool: executions.get(WorkspaceView(pool, workspace), one.execution_id)
        return lambda pool: jobs.get(WorkspaceView(pool, workspace), str(one.job_id))

    return process.at_once(*map(reading, what))


@pytest.mark.parametrize("is_cron", [False, True])
def test_jobs_asked_for_at_once_are_made_in_one_transaction_and_each_is_answered_its_own(
    process: Process, shared_api: Api, workspace: str, shared_superuser: psycopg.Connection, is_cron: bool
) -> None:
    make = cron if is_cron else creation
    a_job(shared_api, workspace)  # whose schedule is read by now
    calls = [
        make(workspace, input={"number": number}, title=f"job {number}", tags=[f"t{number}"]) for number in range(COUNT)
    ]

    answered = made(process.at_once(*calls))

    assert [each.input for each in answered] == [{"number": number} for number in range(COUNT)]
    assert [each.title for each in answered] == [f"job {number}" for number in range(COUNT)]
    assert len({each.created_at for each in answered}) == 1
    assert read(process, workspace, *answered) == answered
    if is_cron:
        names = [f"kronos:{each.job_id}" for each in answered]
        assert value(shared_superuser, "select count(*) from cron.job where jobname = any (%s)", [names]) == COUNT
        assert rows(shared_superuser, workspace, "pointers") == COUNT + 1
    else:
        assert rows(shared_superuser, workspace, "execution_live") == COUNT


def test_of_one_shots_that_have_nothing_else_each_is_answered_its_own_and_one_without_an_endpoint_fails_alone(
    process: Process, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    calls = [
        creation(workspace, input={"number": number}, endpoint="nobody" if number == 3 else "sink")
        for number in range(COUNT)
    ]

    answered = process.at_once(*calls)

    assert isinstance(answered.pop(3), errors.EndpointNotFound)
    jobs_made = made(answered)
    assert [each.input["number"] for each in jobs_made] == [number for number in range(COUNT) if number != 3]
    assert [(each.execution or {})["input"] for each in jobs_made] == [each.input for each in jobs_made]
    assert len({each.created_at for each in jobs_made}) == 1
    shown = [each for each in read(process, workspace, *jobs_made) if isinstance(each, Job)]
    assert [(each.job_id, each.input, each.execution) for each in shown] == [
        (each.job_id, each.input, each.execution) for each in jobs_made
    ]
    assert rows(shared_superuser, workspace, "execution_live") == COUNT - 1


def test_delayed_and_immediate_jobs_go_together(process: Process, workspace: str) -> None:
    at = datetime(2999, 1, 1, tzinfo=UTC)
    later = creation(workspace, trigger="DELAYED", run_at=at, input={"a": [1.5e300, "ü"]})

    now, delayed = made(process.at_once(creation(workspace), later))

    assert now.created_at == delayed.created_at
    assert ((now.execution or {})["status"], (delayed.execution or {})["status"]) == ("QUEUED", "PENDING")
    assert (delayed.run_at, delayed.input) == (at, {"a": [1.5e300, "ü"]})


def test_runs_asked_for_at_once_are_made_in_one_transaction_and_shown_as_they_are(
    process: Process, shared_api: Api, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    first, second = a_job(shared_api, workspace, name="first", input={"own": True}), a_job(shared_api, workspace)
    calls = [run(workspace, "first", number) for number in range(COUNT)] + [
        run(workspace, second),
        run(workspace, first),
    ]

    answered = made(process.at_once(*calls))

    assert [each.input for each in answered] == [*({"number": number} for number in range(COUNT)), {}, {"own": True}]
    assert [str(each.job_id) for each in answered] == [first] * COUNT + [second, first]
    assert len({each.created_at for each in answered}) == 1
    assert read(process, workspace, *answered) == answered
    assert rows(shared_superuser, workspace, "execution_live") == COUNT + 2


def test_each_workspaces_jobs_and_runs_are_its_own(
    process: Process, shared_api: Api, shared_superuser: psycopg.Connection
) -> None:
    """A call is of one workspace; no row of it names one; and row level security holds whatever it names."""
    places = [make_workspace(shared_api.client) for _ in range(4)]
    each_ones = {place: a_job(shared_api, place, name="same") for place in places}
    of = [places[number % 4] for number in range(4 * COUNT)]

    answered = made(process.at_once(*(creation(place, input={"of": place}, tags=[place]) for place in of)))
    ran = made(process.at_once(*(run(place, "same", number) for number, place in enumerate(of))))
    others = process.at_once(*(run(place, each_ones[places[0]]) for place in places[1:]))

    assert [each.workspace for each in answered] == [each.workspace for each in ran] == of
    stored = values(
        shared_superuser,
        """
        select distinct array[slug, job.input ->> 'of', live.input ->> 'of']
          from kronos.jobs as job join kronos.workspaces using (workspace_id)
          join kronos.execution_live as live on live.job_id = job.job_id and live.workspace_id = job.workspace_id
         where job.job_id = any (%s)
        """,
        [[each.job_id for each in answered]],
    )
    assert sorted(stored) == sorted([place] * 3 for place in places)
    assert [str(each.job_id) for each in ran] == [each_ones[place] for place in of]
    assert {type(each) for each in others} == {errors.JobNotFound}


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


@pytest.mark.parametrize("is_cron", [False, True])
def test_a_key_that_is_there_twice_makes_one_and_answers_both(
    process: Process, shared_api: Api, workspace: str, shared_superuser: psycopg.Connection, is_cron: bool
) -> None:
    make = cron if is_cron else creation
    (first,) = made(process.at_once(make(workspace, idempotency_key="known")))
    calls = [
        make(workspace, idempotency_key="known"),
        make(workspace, idempotency_key="new"),
        make(workspace, idempotency_key="new"),
        make(workspace, idempotency_key="mine"),
        make(workspace, idempotency_key="known", input={"other": True}),
        make(workspace, title="plain"),
    ]

    known, new, again, mine, mismatch, plain = process.at_once(*calls)

    assert not isinstance(known, BaseException)
    assert (known[0].job_id, known[1]) == (first.job_id, False)
    assert not isinstance(new, BaseException)
    assert not isinstance(again, BaseException)
    assert (new[0].job_id, {new[1], again[1]}) == (again[0].job_id, {True, False})
    assert len(made([mine, plain])) == 2
    assert isinstance(mismatch, errors.Unprocessable)
    assert mismatch.code == "idempotency_mismatch"
    assert rows(shared_superuser, workspace) == 4


def test_a_runs_key_that_is_there_twice_makes_one_and_answers_both(
    process: Process, shared_api: Api, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    job_id = a_job(shared_api, workspace)
    calls = [run(workspace, job_id, 1, "k") for _ in range(3)] + [
        run(workspace, job_id, 2, "m"),
        run(workspace, job_id, 3),
    ]

    answered = process.at_once(*calls)

    told = [each for each in answered if not isinstance(each, BaseException)]
    assert len(told) == 5, answered
    assert Counter(each[0].input["number"] for each in told) == {1: 3, 2: 1, 3: 1}
    assert len({each[0].execution_id for each in told}) == 3 == rows(shared_superuser, workspace, "execution_live")
    assert [each[1] for each in told[:3]].count(True) == 1
    assert rows(shared_superuser, workspace, "idempotency_keys") == 2


@contextmanager
def refusing(superuser: psycopg.Connection, schedule: str) -> Iterator[None]:
    """pg_cron refuses this schedule."""
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


def test_a_suspended_workspace_and_none_at_all_are_told_to_each(
    process: Process, shared_api: Api, workspace: str
) -> None:
    job_id = a_job(shared_api, workspace)
    shared_api.client.patch(f"/v1/workspaces/{workspace}", json={"status": "SUSPENDED"}).raise_for_status()
    suspended = process.at_once(*[creation(workspace), cron(workspace)] * 3, *[run(workspace, job_id)] * 3)
    absent = process.at_once(*[creation("nobody"), cron("nobody")] * 3)
    assert [type(each) for each in suspended] == [errors.WorkspaceSuspended] * 9
    assert [type(each) for each in absent] == [errors.WorkspaceNotFound] * 6


def test_without_a_connection_each_is_told_that_nothing_was_done(
    shared_api: Api, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    """The pool's only connection is in use, and none comes free in time."""
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
def test_a_lost_answer_is_told_to_each_and_the_calls_again_make_nothing_twice(
    shared_api: Api, workspace: str, shared_superuser: psycopg.Connection, proxy: Proxy, kind: str, point: Any
) -> None:
    """The connection of the one transaction is cut, before PostgreSQL has it and after it was committed."""
    job_id = a_job(shared_api, workspace)
    table = "execution_live" if kind == "run" else "jobs"

    def calls(keys: list[str]) -> list[Callable[[Pool], Awaitable[tuple[Any, bool]]]]:
        """A run's key would be looked for first, one after the other: runs have none here."""
        if kind == "run":
            return [run(workspace, job_id, number) for number, _ in enumerate(keys)]
        make = cron if kind == "cron" else creation
        return [make(workspace, input={"number": number}, idempotency_key=key) for number, key in enumerate(keys)]

    with process_on(proxy.url, size=1) as one:
        one.at_once(*calls(["one", "two"]))  # the statement is prepared
        before = rows(shared_superuser, workspace, table)
        proxy.arm(point, 1)
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
    """Whether PostgreSQL is through with what came over the connection that was cut."""
    return not superuser.execute("select from pg_stat_activity where client_port = %s", [proxy.port]).fetchall()


def test_what_is_large_goes_in_calls_of_its_own(process: Process, shared_api: Api, workspace: str) -> None:
    size = gathering.MOST_BYTES // 2 + 1
    answered = made(process.at_once(*(creation(workspace, input={"a": str(n) * size}) for n in range(3))))
    assert len({each.created_at for each in answered}) == 3


def test_over_http_many_callers_are_each_answered_their_own(
    shared_api: Api, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    path, body = f"/v1/workspaces/{workspace}/jobs", {"endpoint": "sink", "trigger": "IMMEDIATE"}

    def call(number: int) -> httpx.Response:
        return shared_api.client.post(path, json=body | {"input": {"number": number}})

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(call, range(48)))

    assert [answer.status_code for answer in answers] == [201] * 48
    assert [answer.json()["input"] for answer in answers] == [{"number": number} for number in range(48)]
    assert rows(shared_superuser, workspace, "execution_live") == 48


@pytest.mark.parametrize("kind", ["one-shot", "cron", "run"])
def test_who_leaves_before_the_set_is_sent_is_not_told_that_nothing_was_done_and_then_served(
    shared_api: Api, workspace: str, shared_superuser: psycopg.Connection, kind: str
) -> None:
    """The set waits for the pool's only connection when one of its callers has had its time: as Boundary sees it, by
    its Writes."""
    job_id = a_job(shared_api, workspace)
    writes = [Writes() for _ in range(3)]

    async def ask(pool: Pool, number: int) -> object:
        view = WorkspaceView(pool, workspace, writes[number])
        if kind == "run":
            return await changes.trigger(view, job_id, input={"number": number})
        fields: dict[str, Any] = (
            {"trigger": "CRON", "cron": "0 0 1 1 *"} if kind == "cron" else {"trigger": "IMMEDIATE"}
        )
        return await jobs.create(view, NewJob(endpoint="sink", input={"number": number}, **fields))

    with process_on(shared_api.database_url, size=1) as one:
        one.at_once(cron(workspace))  # whose schedule is read by now

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
    """Each new to the process; one of them is none, and fails alone."""
    minute = uuid.uuid4().int
    texts = [f"{minute % 60} {minute // 60 % 24} {1 + minute // 1440 % 28} {month} *" for month in range(1, 7)]
    with process_on(proxy.url, size=4) as one:
        one.at_once(lambda pool: WorkspaceView(pool, workspace).enter())
        proxy.arm("before", 1000)
        answered = one.at_once(*(cron(workspace, cron=text) for text in [*texts, *texts, "61 * * * *"]))
        requests = 1000 - proxy.left
        proxy.disarm()
    assert isinstance(answered[-1], errors.Unprocessable)
    assert answered[-1].code == "invalid_cron"
    assert [each.cron for each in made(answered[:-1])] == [*texts, *texts]
    assert requests <= 4  # one reads, and creations go in as many statements as in the other tests
