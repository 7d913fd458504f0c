"""What pg_cron's log has of an entry within a window: dated alarms, and refused ones that the rows around them date."""

from datetime import UTC, datetime, timedelta

from sql_factory import Connection, value

BEGAN, MINUTE = datetime(2026, 5, 6, tzinfo=UTC), timedelta(minutes=1)
OURS, OTHER = "select kronos.fire('a')", "select kronos.fire('b')"


def _log(connection: Connection, minute: int | None, command: str, status: str = "succeeded") -> None:
    """Append a row that began that many minutes after BEGAN; None: its login was refused."""
    connection.execute(
        """
        insert into cron.job_run_details (jobid, runid, database, username, command, status, return_message,
                                          start_time, end_time)
        select 1, (select coalesce(max(runid), 0) + 1 from cron.job_run_details), current_database(), 'kronos_cron',
               %s, %s, coalesce(%s::integer::text, 'refused'), %s, null
        """,
        [command, status, minute, None if minute is None else BEGAN + minute * MINUTE],
    )


def _rings(connection: Connection, since: int, until: int) -> list[str]:
    """The messages of what kronos.rings_between finds in a window of minutes after BEGAN."""
    found = value(
        connection,
        "select kronos.rings_between(%s, %s, %s)",
        [OURS, BEGAN + since * MINUTE, BEGAN + until * MINUTE],
    )
    return [each["message"] for each in found]


def test_a_refused_alarm_is_dated_by_the_rows_around_it(superuser: Connection) -> None:
    superuser.execute("delete from cron.job_run_details")
    _log(superuser, 1, OURS)
    _log(superuser, None, OURS, "failed")
    _log(superuser, 10, OTHER)
    _log(superuser, 11, OURS)
    assert _rings(superuser, 0, 5) == ["refused", "1"]
    assert _rings(superuser, 1, 10) == ["refused", "1"]
    assert _rings(superuser, 2, 5) == ["refused"]
    assert _rings(superuser, 11, 20) == ["11"]
    assert _rings(superuser, 12, 20) == []
    assert _rings(superuser, 0, 1) == []


def test_at_most_ten_alarms_and_three_refused_ones(superuser: Connection) -> None:
    superuser.execute("delete from cron.job_run_details")
    for minute in range(12):
        _log(superuser, minute, OURS)
    for _ in range(4):
        _log(superuser, None, OURS, "failed")
    _log(superuser, None, OTHER, "failed")
    assert _rings(superuser, 1, 60) == ["refused"] * 3 + [str(minute) for minute in range(2, 12)]
