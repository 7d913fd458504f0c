"""An upgrade from the previous release, with data, while its processes run: no tick is missed, and no accepted request
is lost; and the way back, with its processes on the new schema."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg

from conftest import ROOT, await_condition
from depth import depth
from kronos import migrations
from migrations.old_processes import running
from sql_factory import Connection, acting_as, records, value, values

_JOBS, _TICKS = 40, 3
_PAUSE_MS = depth(60, deep=20)
"""Between two requests, and between two rings: each accepted request is a delivery."""


@contextmanager
def again_and_again(work: Callable[[], object]) -> Iterator[list[object]]:
    """Repeat `work` in a thread, after a short pause each time; yields its results, which are complete at the end. Its
    errors fail the test."""
    done, made = threading.Event(), list[object]()

    def loop() -> None:
        while not done.wait(_PAUSE_MS / 1000):
            made.append(work())

    with ThreadPoolExecutor(1) as threads:
        looping = threads.submit(loop)
        try:
            yield made
        finally:
            done.set()
        looping.result()


def test_no_tick_is_missed_and_nothing_accepted_is_lost_while_the_old_processes_run(
    previous: Path, bare: str, superuser: Connection, receiver: str, tmp_path: Path
) -> None:
    """The previous release creates the database, its jobs and its runs. pg_cron's rings, its API and its worker
    continue during `migrate` and after it; then this release's worker replaces its worker, and is replaced by it again.
    """
    key, lines = begun_by(previous, bare), list[str]()
    assert migrations.current(bare) not in (None, migrations.head())
    with (
        running(previous, bare, "serve", r"listening on (\S+)", lines) as api,
        httpx.Client(base_url=api[1], headers={"Authorization": f"Bearer {key}"}, timeout=60) as old,
    ):
        accepted: list[str] = []
        with running(previous, bare, "worker", "worker .* started", lines):
            jobs = begin(old, receiver)
            since = backdate(superuser, jobs)
            waiting = jobs.copy()
            with again_and_again(lambda: enqueue(old, accepted)), again_and_again(lambda: ring(bare, waiting)):
                await_condition(lambda: len(accepted) > 2 and len(waiting) < _JOBS, "work before the upgrade")
                migrations.migrate(bare)
                so_far = len(accepted)
                await_condition(lambda: len(accepted) > so_far + 2 and not waiting, "work after it, by the old API")
            settled(superuser, accepted)
        assert migrations.current(bare) == migrations.head()
        for release in (ROOT, previous):  # this one's, and the previous one on the new schema
            with running(release, bare, "worker", "worker .* started", lines):
                enqueue(old, accepted)
                settled(superuser, accepted)
    ledger = records(
        superuser,
        "select expected, unaccounted, surplus from kronos.check_ledgers('00000000-0000-0000-0000-000000000000', 1000, "
        "%s, %s) where job_id = any (%s::uuid[])",
        [since, since + timedelta(minutes=_TICKS, seconds=30), jobs],
    )
    assert [(row["expected"], row["unaccounted"], row["surplus"]) for row in ledger] == [(_TICKS, 0, 0)] * _JOBS
    delivered = "select count(*) from kronos.execution_done where status = 'SUCCESS' and job_id = any (%s::uuid[])"
    assert value(superuser, delivered, [jobs]) >= _JOBS * _TICKS
    assert [line for line in lines if "Traceback" in line] == []


def begun_by(previous: Path, url: str) -> str:
    """Let an earlier release migrate an empty database and create its administrator's key. Return the key."""
    file = previous / f"admin-{os.getpid()}.key"
    file.unlink(missing_ok=True)
    program = f"""if True:
        from pathlib import Path
        from kronos import keys, migrations
        migrations.migrate({url!r})
        keys.ensure_admin_key({url!r}, Path({str(file)!r}))
    """
    subprocess.run([sys.executable, "-c", program], cwd=previous, check=True)
    return file.read_text().strip()


def begin(old: httpx.Client, receiver: str) -> list[str]:
    """Create a workspace with an endpoint, and jobs that tick each minute."""

    def post(path: str, **body: object) -> Any:
        answer = old.post(f"/v1/workspaces{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    post("", slug="w", name="W")
    post("/w/endpoints", name="hook", type="HTTP", spec={"url": receiver})
    terms = {"endpoint": "hook", "trigger": "CRON", "cron": "* * * * *", "catch_up": {"policy": "ALL"}}
    return [post("/w/jobs", **terms)["job_id"] for _ in range(_JOBS)]


def backdate(superuser: Connection, jobs: list[str]) -> datetime:
    """As if nothing had rung for a while: each job has this many due ticks."""
    minute: datetime = value(superuser, "select date_trunc('minute', now())")
    since = minute - timedelta(minutes=_TICKS)
    superuser.execute("update kronos.catch_up_wave set stagger_seconds = 0")  # staggered, they would take ten minutes
    superuser.execute(
        "update kronos.jobs set ticks_from = %s, created_at = %s where job_id = any (%s::uuid[])", [since, since, jobs]
    )
    superuser.execute(
        "update kronos.pointers set next_tick_at = %s where job_id = any (%s::uuid[])",
        [since + timedelta(minutes=1), jobs],
    )
    return since


def ring(url: str, waiting: list[str]) -> None:
    """Ring for the next job as pg_cron does; if its tables are locked, the next ring tries it again."""
    if not waiting:
        return
    with psycopg.connect(url, autocommit=True) as connection, acting_as(connection, "kronos_cron"):
        try:
            connection.execute("select kronos.fire(%s)", [waiting[0]])
            connection.execute("select kronos.fire(%s)", [waiting[0]])  # more than one missed tick takes two calls
        except psycopg.errors.LockNotAvailable:
            return
    waiting.pop(0)


def enqueue(old: httpx.Client, accepted: list[str]) -> None:
    """Create a job that runs now. A request rejected while the tables are locked was not accepted."""
    answer = old.post("/v1/workspaces/w/jobs", json={"endpoint": "hook", "trigger": "IMMEDIATE", "input": {}})
    assert answer.status_code in (201, 503), answer.text
    if answer.status_code == 201:
        accepted.append(answer.json()["job_id"])


def settled(superuser: Connection, accepted: list[str]) -> None:
    """Everything that was accepted was delivered, and nothing waits."""

    def is_so() -> bool:
        done = set(values(superuser, "select job_id::text from kronos.execution_done where status = 'SUCCESS'"))
        return set(accepted) <= done and value(superuser, "select count(*) from kronos.execution_live") == 0

    await_condition(is_so, "all to be delivered")
