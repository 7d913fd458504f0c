"""A pause with an end ends by itself: in one run, the ticks before the end are skipped, the one at the end runs, and
the entry is back.
"""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from factory import EndpointRow, add_endpoint
from moved_clock import MovedClock
from sql_factory import Connection, Record, done, entries, job, live, make_cron_job, records, value

MINUTE = timedelta(minutes=1)
ALL = {"catch_up_policy": "ALL", "catch_up_window_seconds": 86400}
NOTHING = {"resumed": 0, "busy": 0, "errors": []}


@pytest.fixture
def paused(superuser: Connection, endpoint: EndpointRow, tick: datetime) -> Callable[..., uuid.UUID]:
    """Make a job that was paused ten minutes ago until the current minute, or until `until`."""

    def make(*, until: datetime | None = None, **columns: Any) -> uuid.UUID:
        reason = '{"code": "paused", "note": "audit", "actor": "k1", "at": "2026-01-01T00:00:00Z"}'
        made: dict[str, Any] = {
            "status": "PAUSED",
            "status_reason": reason,
            "next_tick_at": tick - 10 * MINUTE,
            "resume_at": until or tick,
        }
        made["ticks_from"] = tick - 11 * MINUTE
        return make_cron_job(superuser, endpoint, **made, **columns)

    return make


def resume(superuser: Connection, at: datetime) -> Record:
    (told,) = records(superuser, "select * from kronos.resume_jobs_in_time(%s)", [at])
    return told


def names(superuser: Connection) -> set[str]:
    return {entry["jobname"] for entry in entries(superuser)}


def test_the_ticks_of_the_pause_are_skipped_and_the_one_at_its_end_runs(
    superuser: Connection, paused: Callable[..., uuid.UUID], tick: datetime
) -> None:
    job_id = paused()
    assert resume(superuser, tick) == NOTHING | {"resumed": 1}

    (skipped,) = done(superuser, job_id)
    assert (skipped["status"], skipped["tick_count"], skipped["scheduled_at"]) == ("SKIPPED", 10, tick - 10 * MINUTE)
    reason = skipped["status_reason"]
    assert (reason["code"], reason["note"], reason["actor"], reason["count"]) == ("paused", "audit", "k1", 10)
    assert [datetime.fromisoformat(reason[key]) for key in ("first", "last")] == [tick - 10 * MINUTE, tick - MINUTE]
    assert [(run["scheduled_at"], run["cause"]) for run in live(superuser, job_id)] == [(tick, "SCHEDULE")]
    row = job(superuser, job_id)
    assert (row["status"], row["status_reason"], row["resume_at"], row["next_tick_at"]) == (
        "ACTIVE",
        None,
        None,
        tick + MINUTE,
    )
    assert f"kronos:{job_id}" in names(superuser)
    ledger = records(
        superuser, "select * from kronos.check_ledger(%s, %s, %s)", [job_id, tick - 20 * MINUTE, tick + MINUTE]
    )[0]
    assert [ledger[told] for told in ("expected", "skipped", "delivered", "unaccounted", "surplus")] == [
        11,
        10,
        1,
        0,
        0,
    ]

    assert resume(superuser, tick) == NOTHING
    assert (len(live(superuser, job_id)), len(done(superuser, job_id))) == (1, 1)


def test_a_pause_that_ends_between_two_ticks_skips_up_to_its_end(
    superuser: Connection, paused: Callable[..., uuid.UUID], tick: datetime
) -> None:
    job_id = paused(until=tick - MINUTE / 2, **ALL)
    resume(superuser, tick + MINUTE)
    assert [row["tick_count"] for row in done(superuser, job_id)] == [10]
    assert [run["scheduled_at"] for run in live(superuser, job_id)] == [tick, tick + MINUTE]


def test_each_tick_since_a_pause_ended_long_ago_is_recorded_by_the_jobs_own_policy(
    superuser: Connection, paused: Callable[..., uuid.UUID], tick: datetime
) -> None:
    job_id = paused(until=tick - 5 * MINUTE, catch_up_policy="SKIP")
    resume(superuser, tick)
    assert [(row["status"], row["tick_count"]) for row in done(superuser, job_id)] == [("SKIPPED", 5), ("MISSED", 4)]
    assert {run["scheduled_at"] for run in live(superuser, job_id)} == {tick - MINUTE, tick}


def test_a_pause_that_goes_on_and_one_without_an_end_are_left_alone(
    superuser: Connection, paused: Callable[..., uuid.UUID], endpoint: EndpointRow, tick: datetime
) -> None:
    later = paused(until=tick + timedelta(microseconds=1))
    endless = make_cron_job(superuser, endpoint, status="PAUSED", next_tick_at=tick - MINUTE)
    before = [job(superuser, job_id) for job_id in (later, endless)]
    assert resume(superuser, tick) == NOTHING
    assert [job(superuser, job_id) for job_id in (later, endless)] == before


def test_the_workers_are_notified(superuser: Connection, paused: Callable[..., uuid.UUID], tick: datetime) -> None:
    paused()
    superuser.execute("listen kronos_work")
    resume(superuser, tick)
    assert [told.channel for told in superuser.notifies(timeout=60, stop_after=1)] == ["kronos_work"]


@pytest.mark.parametrize("broken", ["alarm", "entry"])
def test_one_that_cannot_be_registered_stays_paused_is_reported_and_stops_no_other(
    superuser: Connection, paused: Callable[..., uuid.UUID], tick: datetime, broken: str
) -> None:
    bad, good = paused(until=tick - MINUTE), paused()
    if broken == "alarm":
        superuser.execute("update kronos.jobs set alarm = 'never' where job_id = %s", [bad])
    else:
        superuser.execute(f"""
            create function public.refuse() returns trigger language plpgsql
                as $$ begin raise exception using errcode = '58030', message = 'the disk is gone'; end $$;
            create trigger refuse before insert on cron.job
                for each row when (new.jobname = 'kronos:{bad}') execute function public.refuse();
        """)
    before = job(superuser, bad)
    MovedClock(superuser).stop()

    told = resume(superuser, tick)

    (error,) = told.pop("errors")
    assert (told, error["job_id"]) == ({"resumed": 1, "busy": 0}, str(bad))
    assert ("never" if broken == "alarm" else "the disk is gone") in error["message"]
    assert (job(superuser, bad), live(superuser, bad), done(superuser, bad)) == (before, [], [])
    assert (job(superuser, good)["status"], len(live(superuser, good))) == ("ACTIVE", 1)
    assert f"kronos:{bad}" not in names(superuser)


def test_a_job_with_a_malformed_schedule_is_resumed_and_says_why_its_ticks_are_not_recorded(
    superuser: Connection, paused: Callable[..., uuid.UUID], tick: datetime
) -> None:
    bad, good = paused(), paused()
    superuser.execute(
        "update kronos.jobs set schedule.months = 1 << 20, schedule.weekdays = 0 where job_id = %s", [bad]
    )
    assert resume(superuser, tick) == NOTHING | {"resumed": 2}
    assert value(superuser, "select array_agg(job_id) from kronos.job_faults") == [bad]
    assert [len(live(superuser, job_id)) for job_id in (bad, good)] == [0, 1]


@pytest.mark.parametrize("held", ["job", "workspace"])
def test_what_a_request_holds_is_left_to_it(
    superuser: Connection,
    other: psycopg.Connection,
    endpoint: EndpointRow,
    paused: Callable[..., uuid.UUID],
    tick: datetime,
    held: str,
) -> None:
    job_id = paused()
    free = make_cron_job(superuser, status="PAUSED", next_tick_at=tick, resume_at=tick)
    if held == "job":
        other.execute("select from kronos.jobs where job_id = %s for update", [job_id])
    else:
        other.execute("select pg_advisory_xact_lock(kronos.workspace_lock(%s))", [endpoint.workspace_id])
    assert resume(superuser, tick) == NOTHING | {"resumed": 1, "busy": 1}
    assert (job(superuser, job_id)["status"], job(superuser, free)["status"]) == ("PAUSED", "ACTIVE")
    other.rollback()
    assert resume(superuser, tick) == NOTHING | {"resumed": 1}


def test_in_a_suspended_workspace_the_job_is_active_without_an_entry_and_runs_nothing(
    superuser: Connection, endpoint: EndpointRow, paused: Callable[..., uuid.UUID], tick: datetime
) -> None:
    job_id = paused()
    superuser.execute(
        "update kronos.workspaces set status = 'SUSPENDED', suspended_at = now() where workspace_id = %s",
        [endpoint.workspace_id],
    )
    assert resume(superuser, tick) == NOTHING | {"resumed": 1}
    row = job(superuser, job_id)
    assert (row["status"], row["next_tick_at"], live(superuser, job_id)) == ("ACTIVE", tick, [])
    assert [skipped["status_reason"]["code"] for skipped in done(superuser, job_id)] == ["paused"]
    assert f"kronos:{job_id}" not in names(superuser)


def test_of_a_job_that_ended_after_its_pause_each_tick_is_recorded_for_what_it_was(
    superuser: Connection, paused: Callable[..., uuid.UUID], tick: datetime
) -> None:
    job_id = paused(until=tick - 4 * MINUTE, starts_at=tick - 60 * MINUTE, ends_at=tick - MINUTE, **ALL)
    assert value(superuser, "select kronos.end_jobs(%s)", [tick]) == 1
    assert [(row["status_reason"]["code"], row["tick_count"]) for row in done(superuser, job_id)] == [("paused", 6)]
    assert [run["scheduled_at"] for run in live(superuser, job_id)] == [tick - n * MINUTE for n in (4, 3, 2)]
    assert (job(superuser, job_id)["status"], job(superuser, job_id)["status_reason"]["code"]) == ("RETIRED", "ended")


def test_the_reaper_resumes_before_it_compares_and_tells_what_it_did(
    superuser: Connection, paused: Callable[..., uuid.UUID], tick: datetime
) -> None:
    reaper = value(superuser, "select job_id from kronos.jobs where name = 'reaper'")
    superuser.execute("select kronos.reap()")  # its entries name the database they were copied from
    job_id, bad = paused(), paused()
    superuser.execute("update kronos.jobs set alarm = 'never' where job_id = %s", [bad])
    MovedClock(superuser).stop()

    superuser.execute("select kronos.fire(%s)", [reaper])

    output = value(
        superuser,
        "select output from kronos.execution_done where job_id = %s order by scheduled_at desc limit 1",
        [reaper],
    )
    assert (output["resumed"], output["registered"], output["unscheduled"], output["failed"]) == (1, 0, 0, 1)
    assert [error["job_id"] for error in output["errors"]] == [str(bad)]
    assert f"kronos:{job_id}" in names(superuser)


@pytest.mark.parametrize("task", ["end_jobs", "resume_jobs_in_time"])
def test_a_batch_has_no_more_ticks_than_a_step_may_take(superuser: Connection, task: str) -> None:
    """Of three jobs with 12,000 ticks each that may be delivered, a run takes one if its time is over."""
    now: datetime = value(superuser, "select date_trunc('minute', kronos.now())")
    since = now - timedelta(minutes=12_000)
    is_paused = task == "resume_jobs_in_time"
    columns: dict[str, Any] = {"next_tick_at": since, "ticks_from": since - timedelta(minutes=1)}
    columns |= {"catch_up_policy": "ALL", "catch_up_window_seconds": 20 * 86_400}
    columns |= (
        {"status": "PAUSED", "status_reason": '{"code": "paused"}', "resume_at": now - timedelta(minutes=1)}
        if is_paused
        else {"ends_at": now - timedelta(minutes=1), "created_at": since}
    )
    endpoint = add_endpoint(superuser)
    for _ in range(3):
        make_cron_job(superuser, endpoint, **columns)
    done = superuser.execute(f"select * from kronos.{task}(%s, '-infinity')", [now]).fetchall()
    assert done[0][0] == 1
