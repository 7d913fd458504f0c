"""Calls of one process that start in the same turn of its event loop, and their results."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg

from conftest import Api
from kronos import changes, executions, jobs
from kronos.database import WorkspaceView
from kronos.model import Execution, Job
from kronos.new_jobs import NewJob
from kronos.origin import ChangeOrigin
from kronos.pool import Pool
from sql_factory import value

Made = TypeVar("Made")


class Process:
    """Calls of one process, as an API process makes them: one event loop, one pool."""

    def __init__(self, runner: asyncio.Runner, pool: Pool) -> None:
        self.runner, self.pool = runner, pool

    def at_once(self, *calls: Callable[[Pool], Awaitable[Made]]) -> list[Made | BaseException]:
        """Start all calls in the same turn of the event loop. Return what each returned or raised."""

        async def run() -> list[Made | BaseException]:
            answered = await asyncio.gather(*(call(self.pool) for call in calls), return_exceptions=True)
            assert len(self.pool.gatherer) == 0
            return answered

        return self.runner.run(run())


@contextmanager
def process_on(url: str, *, size: int) -> Iterator[Process]:
    with asyncio.Runner() as runner:

        async def opened() -> Pool:
            pool = Pool(url, size=size, wait_seconds=60)
            await pool.open(wait=True, timeout=60)
            return pool

        made = Process(runner, runner.run(opened()))
        try:
            yield made
        finally:
            runner.run(made.pool.close())


_SCHEDULES = itertools.count()


def new_schedule(month: int = 12) -> str:
    """A schedule that this process has not queried. A process caches a schedule for a minute, and a test cannot know
    when a schedule that other tests use will be read again.
    """
    number = next(_SCHEDULES)
    return f"{59 - number % 60} {23 - number // 60 % 24} 27 {month} *"


def creation(workspace: str, **fields: Any) -> Callable[[Pool], Awaitable[tuple[Job, bool]]]:
    """A call that creates an IMMEDIATE job, unless the fields say otherwise."""
    new = NewJob(**{"endpoint": "sink", "trigger": "IMMEDIATE"} | fields)
    return lambda pool: jobs.create(WorkspaceView(pool, workspace, origin=ChangeOrigin(actor="postgres")), new)


def cron(workspace: str, **fields: Any) -> Callable[[Pool], Awaitable[tuple[Job, bool]]]:
    return creation(workspace, **{"trigger": "CRON", "cron": "0 0 1 1 *"} | fields)


def run(
    workspace: str, job: str, number: int | None = None, key: str | None = None
) -> Callable[[Pool], Awaitable[tuple[Execution, bool]]]:
    input = {"number": number} if number is not None else None
    return lambda pool: changes.trigger(WorkspaceView(pool, workspace), job, input=input, idempotency_key=key)


def made(answers: list[tuple[Made, bool] | BaseException]) -> list[Made]:
    """Return the created objects, after checking that all calls succeeded and each created a new one."""
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
