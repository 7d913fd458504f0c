"""A storm over jobs whose runs must not overlap: they are fired, triggered, claimed, ended, lost, cancelled and retried
concurrently.

Two runs of one key in delivery at the same time would violate execution_live_one_at_a_time: no actor may get an error,
neither that one nor a deadlock.
"""

import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TypeAlias

import psycopg
import pytest

from conftest import await_condition
from depth import depth
from factory import EndpointRow, add_endpoint, is_idle
from kronos import idempotency, sql
from sql_factory import Connection, account, entries, fire, job, live, make_cron_job, records, value, values
from worker.protocol import as_worker, claim, expire, finalize

ACTS_OF_STORM = depth(600, deep=4_000)
SESSIONS, RUNS = depth(4, deep=8), depth(10, deep=20)
MINUTE = timedelta(minutes=1)
POLICIES = ("SKIP", "QUEUE", "REPLACE")
ACTS = (
    "tick",
    "trigger",
    "SUCCESS",
    "RETRY",
    "FAILED",
    "FENCED",
    "death",
    "requeued",
    "cancel_execution",
    "retry_execution",
)
REASONS = {("SKIP", "overlap"), ("QUEUE", "overlap_queue_full"), ("REPLACE", "overlap_replaced")}
_POINTER = (
    "select pointer.next_tick_at, job.status from kronos.jobs as job left join lateral kronos.pointer_of(job.job_id) "
    "as pointer on true"
    " where job.job_id = %s"
)
Act: TypeAlias = Callable[[Connection, random.Random], None]


class Storm:
    """Jobs of each policy on limited and unlimited endpoints, and the actions of each actor."""

    def __init__(self, superuser: Connection) -> None:
        self.endpoints = [add_endpoint(superuser, max_in_flight=limit, max_crashes=2) for limit in (None, 3, 5)]
        self.began_at: datetime = value(superuser, "select date_trunc('minute', now()) - interval '1000 days'")
        self.jobs = {
            make_cron_job(
                superuser, endpoint, overlap=overlap, ticks_from=self.began_at, next_tick_at=self.began_at + MINUTE
            ): endpoint
            for overlap in POLICIES
            for endpoint in self.endpoints
        }
        self.done: Counter[str] = Counter()

    def lacking(self) -> list[str]:
        """What has not happened yet."""
        return [act for act in ACTS if self.done[act] == 0]

    def fire(self, connection: Connection, dice: random.Random) -> None:
        """Fire as pg_cron does: the job itself, then others that are not locked, in one transaction."""
        first, *others = dice.sample(list(self.jobs), 4)
        with connection.transaction():
            for job_id in (first, *others):
                passes_over = "" if job_id == first else "skip locked"
                due = values(connection, f"{_POINTER} for update of job {passes_over}", [job_id])
                for at in due:
                    account(connection, job_id, now=at)
                    self.done["tick"] += 1

    def trigger(self, connection: Connection, dice: random.Random) -> None:
        """A run by hand."""
        job_id = dice.choice(list(self.jobs))
        with request(connection, self.jobs[job_id]):
            assert (
                value(connection, "select kronos.trigger_job(%s, kronos.uuid7(), null, true)", [str(job_id)]) == job_id
            )
        self.done["trigger"] += 1

    def work(self, connection: Connection, dice: random.Random) -> None:
        """Claims of several endpoints that end in one batch, except for workers that die."""
        token, claimed = claim(connection, *dice.sample(self.endpoints, 2), quota=dice.choice((1, 3, 5)))
        dead = {one for one in claimed if dice.random() < 0.1}
        kept = [one for one in claimed if one not in dead]
        if kept:
            status = dice.choice(("SUCCESS", "SUCCESS", "FAILED", "PERMANENT"))
            self.done.update(finalize(connection, token, kept, status).values())
        if dead:
            connection.execute(
                "update kronos.execution_live set visible_at = now() - interval '1 ms' where execution_id = any (%s) "
                "and claim_token = %s",
                [list(dead), token],
            )
            self.done["death"] += len(dead)

    def keep_up(self, connection: Connection, _: random.Random) -> None:
        """The upkeep that workers do a few times a second."""
        self.done.update(dict(zip(("requeued", "failed"), expire(connection), strict=True)))

    def meddle(self, connection: Connection, dice: random.Random) -> None:
        """An operator cancels a waiting execution, or retries a finished one."""
        job_id = dice.choice(list(self.jobs))
        name, table = dice.choice((("cancel_execution", "execution_live"), ("retry_execution", "execution_done")))
        with request(connection, self.jobs[job_id]):
            found = values(
                connection,
                f"select execution_id from kronos.{table} where job_id = %s order by scheduled_at desc limit 20",
                [job_id],
            )
            if found:
                version = dice.choice(("latest", "same"))
                params = {"execution_id": dice.choice(found), "endpoint_version": version, **idempotency.params(None)}
                moved = connection.execute(sql.texts()[f"executions.{name}"], params).fetchall()
                self.done[name] += len(moved)


@contextmanager
def request(connection: Connection, endpoint: EndpointRow) -> Iterator[None]:
    """A transaction of kronos_api in the endpoint's workspace."""
    with connection.transaction():
        connection.execute("set local role kronos_api")
        connection.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        yield


@contextmanager
def as_superuser(url: str) -> Iterator[Connection]:
    with psycopg.connect(url, autocommit=True, options="-c deadlock_timeout=100ms -c lock_timeout=20s") as connection:
        yield connection


@contextmanager
def working(url: str) -> Iterator[Connection]:
    """A worker's connection that waits longer: actors hold locks between statements, and a busy machine may stall them
    all."""
    with as_worker(url) as connection:
        connection.execute("set lock_timeout = '20s'")
        connection.execute("set statement_timeout = '20s'")
        yield connection


def drained(connection: Connection, endpoints: list[EndpointRow]) -> bool:
    """Whether nothing is left, after everything deliverable was delivered."""
    expire(connection)
    token, claimed = claim(connection, *endpoints, quota=100)
    if claimed:
        finalize(connection, token, claimed)
    return is_idle(connection)


def test_a_storm_over_runs_that_must_not_overlap(superuser: Connection, database_url: str) -> None:
    storm = Storm(superuser)
    seed = random.SystemRandom().randrange(10**6)
    is_over = threading.Event()

    def acting(act: Act, number: int) -> None:
        dice = random.Random(seed + number)
        with working(database_url) if act in (storm.work, storm.keep_up) else as_superuser(database_url) as connection:
            while not is_over.is_set():
                act(connection, dice)

    actors = [storm.fire] * 3 + [storm.trigger] * 2 + [storm.work] * 4 + [storm.keep_up, storm.meddle]
    with ThreadPoolExecutor(len(actors)) as threads:
        acts = [threads.submit(acting, act, number) for number, act in enumerate(actors)]

        def is_enough() -> bool:
            """Whether enough has happened, and everything."""
            has_all = storm.done.total() >= ACTS_OF_STORM and storm.lacking() == [] and reasons(superuser) == REASONS
            return has_all or any(act.done() for act in acts)

        try:
            await_condition(is_enough, "a storm in which everything happens", seconds=120)
        finally:
            is_over.set()
        for act in acts:
            act.result(60)

    with working(database_url) as worker:
        await_condition(
            lambda: drained(worker, storm.endpoints),
            f"everything to end after the storm of seed {seed}: none may be stranded",
        )
    assert storm.lacking() == [], storm.done
    for job_id in storm.jobs:
        ticks = values(
            superuser,
            "select scheduled_at from kronos.execution_done where job_id = %s and cause = 'SCHEDULE'",
            [job_id],
        )
        until = job(superuser, job_id)["next_tick_at"]
        assert sorted(ticks) == [storm.began_at + n * MINUTE for n in range(1, (until - storm.began_at) // MINUTE)]
    assert values(superuser, "select in_flight from kronos.endpoint_gate where in_flight <> 0") == []
    assert reasons(superuser) == REASONS


def reasons(connection: Connection) -> set[tuple[str, str]]:
    """Why executions were skipped or cancelled, except by hand, by their job's policy."""
    return {(row["overlap"], row["code"]) for row in records(connection, _REASONS)}


_REASONS = """
    select distinct overlap, execution.status_reason ->> 'code' as code
      from kronos.execution_done as execution
      join kronos.jobs using (job_id)
     where execution.status in ('SKIPPED', 'CANCELLED')
       and execution.status_reason ->> 'code' <> 'cancelled'
"""


def test_max_runs_is_exact_no_matter_who_fires(superuser: Connection, database_url: str) -> None:
    """Of a job of each policy, sessions account for tick after tick, and two workers end the runs, until the job is
    finished."""
    began_at = value(superuser, "select date_trunc('minute', now()) - interval '1000 days'")
    endpoint = add_endpoint(superuser)
    jobs = {
        overlap: make_cron_job(superuser, endpoint, overlap=overlap, max_runs=RUNS, next_tick_at=began_at + MINUTE)
        for overlap in ("ALLOW", *POLICIES)
    }
    is_over = threading.Event()

    def fires(connection: Connection, job_id: uuid.UUID) -> bool:
        """Account for the job's next tick; return whether it had one."""
        with connection.transaction():
            (row,) = records(connection, f"{_POINTER} for update of job", [job_id])
            if row["status"] == "ACTIVE":
                account(connection, job_id, now=row["next_tick_at"])
        return bool(row["status"] == "ACTIVE")

    def firing() -> None:
        with as_superuser(database_url) as connection:
            for job_id in jobs.values():
                while not is_over.is_set() and fires(connection, job_id):
                    pass

    def ending() -> None:
        with working(database_url) as connection:
            while not (drained(connection, [endpoint]) and is_over.is_set()):
                pass

    with ThreadPoolExecutor(SESSIONS + 2) as threads:
        workers = [threads.submit(ending) for _ in range(2)]
        try:
            for over in [threads.submit(firing) for _ in range(SESSIONS)]:
                over.result(120)
        finally:
            is_over.set()
        for over in workers:
            over.result(120)

    runs = "select count(*) from kronos.execution_done where job_id = %s and status <> 'SKIPPED'"
    for overlap, job_id in jobs.items():
        row = job(superuser, job_id)
        ended = (row["status"], row["status_reason"]["code"], row["runs"], row["next_tick_at"])
        assert ended == ("RETIRED", "max_runs_reached", RUNS, None), overlap
        assert (values(superuser, runs, [job_id]), live(superuser, job_id)) == ([RUNS], []), overlap


def test_eight_alarms_at_once_run_a_job_as_often_as_it_may(superuser: Connection, database_url: str) -> None:
    """Ten ticks are due and three runs are left: eight firings deliver three, end the job and remove its entry."""
    job_id = make_cron_job(superuser, max_runs=3, is_registered=True)
    superuser.execute(
        """
        update tests.jobs
           set next_tick_at = now() - interval '45 s', schedule.every_seconds = 5,
               schedule.anchor = now() - interval '45 s'
         where job_id = %s
        """,
        [job_id],
    )
    before = len(entries(superuser))
    together = threading.Barrier(8)

    def firing() -> int:
        with as_superuser(database_url) as connection:
            together.wait(60)
            return fire(connection, job_id)

    with ThreadPoolExecutor(8) as threads:
        delivered = sum(over.result(120) for over in [threads.submit(firing) for _ in range(8)])
    row = job(superuser, job_id)
    assert (delivered, len(live(superuser, job_id)), row["runs"], row["status"]) == (3, 3, 3, "RETIRED")
    assert (row["status_reason"]["code"], len(entries(superuser))) == ("max_runs_reached", before - 1)


def test_the_invariant_of_the_storm_is_the_databases_own(superuser: Connection) -> None:
    """The storm relies on this: two runs of a key that are both to be delivered cannot be stored."""
    job_id = make_cron_job(
        superuser, overlap="QUEUE", next_tick_at=value(superuser, "select date_trunc('minute', now())")
    )
    now = job(superuser, job_id)["next_tick_at"]
    account(superuser, job_id, now=now)
    account(superuser, job_id, now=now + MINUTE)
    with pytest.raises(psycopg.errors.UniqueViolation):
        superuser.execute("update kronos.execution_live set visible_at = now() where overlap_key = %s", [job_id])
