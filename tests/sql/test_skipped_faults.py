"""Ticks to be skipped that cannot be computed because the schedule is malformed: the pointer stays, and the fault is
reported.
"""

from datetime import UTC, datetime

from sql_factory import Connection, done, make_cron_job, records, value

TICK = datetime(2026, 3, 10, 12, tzinfo=UTC)


def test_a_malformed_schedule_is_a_fault_each_time_and_skips_nothing(superuser: Connection) -> None:
    job_id = make_cron_job(superuser, next_tick_at=TICK)
    superuser.execute("update kronos.jobs set schedule.timezone = 'No/Such' where job_id = %s", [job_id])
    skip = 'select kronos.skip_ticks(%s, now(), \'{"code": "paused"}\')'
    assert value(superuser, skip, [job_id]) == 0
    faults = "select next_tick_at, sqlstate, message from kronos.job_faults where job_id = %s"
    (fault,) = records(superuser, faults, [job_id])
    assert (fault["next_tick_at"], fault["sqlstate"]) == (TICK, "22023")
    assert "No/Such" in fault["message"]
    superuser.execute("update kronos.job_faults set sqlstate = '00000', message = 'of before'")
    assert value(superuser, skip, [job_id]) == 0
    assert records(superuser, faults, [job_id]) == [fault]
    assert value(superuser, "select next_tick_at from kronos.pointers where job_id = %s", [job_id]) == TICK
    assert done(superuser, job_id) == []
