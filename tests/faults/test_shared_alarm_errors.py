"""Shared entries are written as a transaction commits. pg_cron's errors still reach the caller, with the right code,
and nothing has changed."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import httpx
import psycopg
import pytest

from api_answers import problem_of
from faults.scene import PATIENCE, Scene, snapshot
from faults.test_pg_cron_errors import locked, raising, schema_away

NINE, TEN = "0 9 * * *", "0 10 * * *"


@dataclass(frozen=True, kw_only=True)
class Operation:
    send: Callable[[], httpx.Response]
    succeeds_with: int


@pytest.fixture
def sharing(su: psycopg.Connection) -> Iterator[psycopg.Connection]:
    su.execute("update kronos.alarm_setting set wanted = 'shared', is_shared = true")
    yield su
    su.execute("update kronos.alarm_setting set wanted = 'own', is_shared = false")
    su.execute("select kronos.reap('10 s')")


def ready(scene: Scene, name: str) -> Operation:
    """The operation `name`, which writes an entry that jobs share, or removes it."""
    if name == "create":
        return Operation(send=lambda: scene.create(NINE), succeeds_with=201)
    batch = {"jobs": [{"endpoint": "sink", "trigger": "CRON", "cron": cron} for cron in (NINE, TEN)]}
    if name == "batch":
        return Operation(send=lambda: scene.client.post(f"{scene.jobs}:batch", json=batch), succeeds_with=201)
    if name == "apply":
        jobs = [{"name": "new", "endpoint": "sink", "cron": NINE}]
        return Operation(send=lambda: scene.apply(jobs=jobs), succeeds_with=200)
    job = scene.created(NINE)
    if name == "resume":
        assert scene.pause(job).status_code == 200
    request: dict[str, Callable[[], httpx.Response]] = {
        "patch": lambda: scene.patch(job, cron=TEN),
        "delete": lambda: scene.delete(job),
        "pause": lambda: scene.pause(job),
        "resume": lambda: scene.resume(job),
    }
    return Operation(send=request[name], succeeds_with=200)


def shared(superuser: psycopg.Connection) -> list[str]:
    rows = superuser.execute("select schedule from cron.job where jobname like 'kronos:@%' order by 1").fetchall()
    return [schedule for (schedule,) in rows]


def alarms(superuser: psycopg.Connection) -> list[str]:
    rows = superuser.execute(
        "select distinct alarm from kronos.jobs as job join kronos.workspaces as workspace using (workspace_id) "
        "where trigger = 'CRON' and job.status = 'ACTIVE' and workspace.status = 'ACTIVE' "
        "and job_id not in (select job_id from kronos.heartbeats) order by 1"
    ).fetchall()
    return [alarm for (alarm,) in rows]


FAULTS: dict[str, tuple[Callable[[psycopg.Connection], AbstractContextManager[None]], str]] = {
    "raises": (raising("53100"), "53100"),
    "locked": (lambda superuser: locked(superuser, "share"), "55P03"),
    "away": (schema_away, "3F000 42P01"),
}
WRITES = ("create", "batch", "apply", "patch", "resume")


CASES = [
    (name, fault)
    for name in (*WRITES, "delete", "pause")
    for fault in FAULTS
    if name in WRITES or fault != "raises"  # cron.unschedule fires no trigger
]


@pytest.mark.parametrize(("name", "fault"), CASES)
def test_an_error_at_the_commit_is_told_as_what_it_is(
    name: str, fault: str, scene: Scene, sharing: psycopg.Connection
) -> None:
    sharing.execute("update kronos.jobs set status = 'RETIRED' where cron in (%s, %s)", [NINE, TEN])
    sharing.execute("delete from cron.job where jobname like 'kronos:@%'")
    operation = ready(scene, name)
    before = snapshot(sharing)
    broken, sqlstate = FAULTS[fault]

    with broken(sharing):
        answer = operation.send()

    problem = problem_of(answer)
    assert (problem["status"], problem["code"]) == (503, "pg_cron_unavailable"), problem
    assert problem["pg_sqlstate"] in sqlstate.split()
    assert snapshot(sharing) == before
    answer = operation.send()
    assert answer.status_code == operation.succeeds_with, answer.text
    assert shared(sharing) == alarms(sharing)


@pytest.mark.parametrize("fault", ["locked", "away"])
def test_a_suspension_does_not_call_done_what_pg_cron_refuses(
    fault: str, scene: Scene, sharing: psycopg.Connection
) -> None:
    """The suspension holds, as with separate entries, and the answer counts the jobs that have yet to follow it."""
    scene.created(NINE)
    url = f"/v1/workspaces/{scene.workspace}"
    broken, _ = FAULTS[fault]
    with broken(sharing):
        answer = scene.client.patch(url, json={"status": "SUSPENDED"})
    assert (answer.status_code, answer.json()["jobs_left"]) == (200, 1), answer.text
    assert NINE in shared(sharing)
    sharing.execute("update kronos.turns set next_at = '-infinity'")
    sharing.execute("select kronos.turn_all(kronos.clock())")
    assert scene.client.get(url).json()["jobs_left"] == 0


def test_the_losers_of_a_deadlock_at_the_commit_are_sent_again(scene: Scene, sharing: psycopg.Connection) -> None:
    """Like any deadlock: the connection that met it is discarded, and another one is used."""
    job = scene.created(NINE)
    sharing.execute("create sequence public.met; grant usage on sequence public.met to public")
    sharing.execute(f"""
        create function public.fault() returns trigger language plpgsql set lock_timeout = '{PATIENCE}'
            as $$ begin
                if nextval('public.met') = 1 then raise sqlstate '40P01' using message = 'injected'; end if;
                return new;
            end $$;
        create constraint trigger fault after insert on kronos.jobs deferrable initially deferred
            for each row execute function public.fault()
    """)
    try:
        answer = scene.patch(job, cron=TEN)
    finally:
        sharing.execute("drop function public.fault() cascade; drop sequence public.met")
    assert answer.status_code == 200, answer.text
    assert shared(sharing) == alarms(sharing)
