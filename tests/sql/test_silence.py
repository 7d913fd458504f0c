"""pg_cron's heartbeats show whether it rings; while it does not, a worker rings in its place."""

from datetime import datetime, timedelta

import psycopg

from sql.test_internal_jobs import _BEATS, in_its_place, internal
from sql_factory import Connection, Record, acting_as, done, live, make_cron_job, records, value, values


def test_pg_crons_ring_is_a_heartbeat_even_when_nothing_is_due_and_anothers_is_none(superuser: Connection) -> None:
    job_id = internal(superuser, "reaper")
    superuser.execute("update kronos.heartbeats set rang_at = '-infinity'")
    superuser.execute("update tests.jobs set next_tick_at = now() + interval '1 hour' where job_id = %s", [job_id])
    superuser.execute("select kronos.fire(%s)", [job_id])
    assert values(superuser, _BEATS) == []
    runs = len(done(superuser, job_id))
    with acting_as(superuser, "kronos_cron"):
        superuser.execute("select kronos.fire(%s)", [job_id])
    assert values(superuser, _BEATS) == [job_id]
    assert len(done(superuser, job_id)) == runs


SILENCE = timedelta(seconds=90)


def silence(connection: Connection, *, since: timedelta) -> None:
    """Make the last heartbeat that old."""
    connection.execute("update kronos.heartbeats set rang_at = '-infinity'")
    connection.execute(
        "update kronos.heartbeats set rang_at = now() - %s where job_id = %s", [since, internal(connection, "reaper")]
    )


def look(connection: Connection, after: timedelta, unheard_since: datetime | None = None) -> Record:
    """Check pg_cron as a worker does. Return what it found and did."""
    with acting_as(connection, "kronos_worker"):
        (found,) = records(connection, "select * from kronos.ring_if_silent(%s, %s)", [after, unheard_since])
    return found


def rung(connection: Connection, after: timedelta) -> int | None:
    executions: int | None = look(connection, after)["executions"]
    return executions


def test_a_worker_does_not_ring_while_pg_cron_does(superuser: Connection) -> None:
    silence(superuser, since=timedelta(seconds=10))
    job_id = make_cron_job(superuser, next_tick_at=value(superuser, "select date_trunc('minute', now())"))
    assert rung(superuser, SILENCE) is None
    assert live(superuser, job_id) == []


def test_a_server_that_has_just_started_is_not_silent(superuser: Connection) -> None:
    superuser.execute("delete from kronos.heartbeats")
    assert rung(superuser, timedelta(days=1)) is None


def test_silence_is_since_the_latest_evidence_whichever_the_plan_reads_first(superuser: Connection) -> None:
    silence(superuser, since=timedelta(seconds=10))
    superuser.execute("update kronos.jobs set created_at = now() - interval '1 day'")
    for setting in ("enable_material", "enable_hashjoin", "enable_sort", "enable_hashagg", "enable_seqscan"):
        superuser.execute(f"set {setting} = off")  # the postmaster is younger than a day and older than a moment
        told = value(
            superuser,
            "select kronos.pg_cron_silence() <= least('20 s', clock_timestamp() - pg_postmaster_start_time())",
        )
        assert told, setting


def test_a_heartbeat_ahead_of_the_clock_is_no_sign_of_life(superuser: Connection, tick: datetime) -> None:
    silence(superuser, since=-timedelta(hours=1))
    job_id = make_cron_job(superuser, next_tick_at=tick)
    assert rung(superuser, timedelta(milliseconds=1)) == 1
    assert len(live(superuser, job_id)) == 1


def test_one_ahead_by_what_a_clock_is_slewed_by_is(superuser: Connection) -> None:
    silence(
        superuser, since=-timedelta(seconds=4.9)
    )  # less than 5 s ahead, and for as long as possible: the clock catches up with it
    assert rung(superuser, timedelta(milliseconds=1)) is None


def test_a_worker_rings_in_silent_pg_crons_place_for_all_that_is_due(superuser: Connection) -> None:
    tick = value(superuser, "select date_trunc('minute', now())")
    job_ids = [make_cron_job(superuser, cron=f"{tick.minute} {tick.hour} * * *", next_tick_at=tick) for _ in range(3)]
    superuser.execute(
        "update tests.jobs set next_tick_at = %s where job_id = %s", [tick, internal(superuser, "reaper")]
    )
    silence(superuser, since=timedelta(days=1))
    # The test's server is young, and silence begins at its start at the earliest, so the threshold must be less than
    # its age.
    found = look(superuser, timedelta(milliseconds=1))
    assert (found["executions"], found["is_silent"], found["is_heard"], found["is_left"]) == (3, True, False, False)
    assert [len(live(superuser, job_id)) for job_id in job_ids] == [1, 1, 1]
    assert internal(superuser, "reaper") in found["internal_jobs"]  # to be run after the ring, each by itself
    assert in_its_place(superuser, "reaper") is True
    assert in_its_place(superuser, "reaper") is False, "it is no longer due"
    assert [row["status"] for row in done(superuser, internal(superuser, "reaper"))][-1:] == ["SUCCESS"]
    # Only pg_cron's own rings are its heartbeat.
    assert value(superuser, "select now() - max(rang_at) > interval '1 hour' from kronos.heartbeats") is True
    assert rung(superuser, timedelta(milliseconds=1)) == 0


def test_a_worker_rings_until_pg_cron_is_heard_after_what_may_have_kept_it(
    superuser: Connection, tick: datetime
) -> None:
    silence(superuser, since=timedelta(seconds=10))
    job_id = make_cron_job(superuser, cron=f"{tick.minute} {tick.hour} * * *", next_tick_at=tick)
    rang_at: datetime = value(superuser, "select max(rang_at) from kronos.heartbeats")
    before = rang_at - timedelta(seconds=1)
    assert look(superuser, SILENCE, before)["is_heard"] is True
    assert live(superuser, job_id) == []
    found = look(superuser, SILENCE, rang_at + timedelta(seconds=1))
    assert (found["executions"], found["is_silent"], found["is_heard"], found["internal_jobs"]) == (1, False, False, [])
    assert len(live(superuser, job_id)) == 1
    silence(superuser, since=-timedelta(hours=1))  # from before the clock was set back
    assert look(superuser, SILENCE, before)["is_heard"] is False


def test_a_ring_that_did_not_get_through_says_so(superuser: Connection, other: Connection, tick: datetime) -> None:
    locked = make_cron_job(superuser, cron=f"{tick.minute} {tick.hour} * * *", next_tick_at=tick)
    other.execute("select from kronos.jobs where job_id = %s for update", [locked])
    found = look(superuser, SILENCE, tick + timedelta(days=1))
    assert (found["executions"], found["is_left"]) == (0, True)
    other.rollback()
    found = look(superuser, SILENCE, tick + timedelta(days=1))
    assert (found["executions"], found["is_left"]) == (1, False)


def test_one_worker_rings_at_a_time(superuser: Connection, database_url: str) -> None:
    silence(superuser, since=timedelta(days=1))
    with psycopg.connect(database_url) as worker:
        worker.execute("select kronos.ring_if_silent(interval '1 millisecond')")
        assert rung(superuser, timedelta(milliseconds=1)) is None
        worker.rollback()
    assert rung(superuser, timedelta(milliseconds=1)) == 0


def test_readiness_counts_entries_and_silence(superuser: Connection) -> None:
    silence(superuser, since=timedelta(seconds=1))
    (health,) = records(superuser, "select * from kronos.pg_cron_health()")
    assert (health["internal_jobs"], health["internal_entries"]) == (5, 5)
    assert 0 <= health["silent_seconds"] < 30
    superuser.execute("delete from cron.job where jobname = %s", [f"kronos:{internal(superuser, 'reaper')}"])
    assert records(superuser, "select internal_jobs, internal_entries from kronos.pg_cron_health()") == [
        {"internal_jobs": 5, "internal_entries": 4}
    ]


def test_only_alarms_of_entries_that_are_there_say_that_pg_cron_cannot_ring(superuser: Connection) -> None:
    """After a move to another port, a minute may begin before the new entries are written. The failed entries no longer
    exist then.
    """
    failed = """
        insert into cron.job_run_details (jobid, runid, username, command, status, return_message)
        values (%s, nextval('cron.runid_seq'), 'kronos_cron', %s, 'failed', 'connection failed')
    """
    command = f"select kronos.fire('{internal(superuser, 'reaper')}')"
    jobid = value(superuser, "select jobid from cron.job where command = %s", [command])
    superuser.execute("update kronos.heartbeats set rang_at = '-infinity'")
    superuser.execute("delete from cron.job_run_details")

    superuser.execute(failed, [int(str(jobid)) + 1_000_000, command])
    assert value(superuser, "select alarm_failure from kronos.pg_cron_health()") is None
    superuser.execute(failed, [jobid, command])
    assert value(superuser, "select alarm_failure from kronos.pg_cron_health()") == "connection failed"
