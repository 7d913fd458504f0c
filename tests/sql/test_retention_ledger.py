"""The ledger after history was deleted by age: from when on it is complete, and nothing unaccounted before."""

import uuid
from datetime import datetime, timedelta

from factory import EndpointRow
from retention_rows import DAY, finished, kept, own_ages, retain, retain_all
from sql_factory import Connection, Record, make_cron_job, records, value


def test_what_is_taken_changes_when_an_age_becomes_shorter_and_stays_known_when_it_becomes_longer(
    superuser: Connection, endpoint: EndpointRow, job_id: uuid.UUID
) -> None:
    finished(superuser, job_id, days=20)
    retain(superuser)
    assert kept(superuser, job_id) == ["SUCCESS"]
    own_ages(superuser, endpoint, 10, None)
    retain(superuser)
    assert kept(superuser, job_id) == []
    whole_from = value(superuser, "select kronos.retained_from(%s)", [endpoint.workspace_id])
    now = value(superuser, "select now()")
    assert timedelta() <= now - 10 * DAY - whole_from < timedelta(minutes=5)
    own_ages(superuser, endpoint, 100, 100)
    retain(superuser)
    assert value(superuser, "select kronos.retained_from(%s)", [endpoint.workspace_id]) == whole_from
    own_ages(superuser, endpoint, None, None)
    assert value(superuser, "select kronos.retained_from(%s)", [endpoint.workspace_id]) == whole_from


def test_history_is_whole_where_nothing_ever_ran(superuser: Connection, endpoint: EndpointRow) -> None:
    assert value(superuser, "select kronos.retained_from(%s) = '-infinity'", [endpoint.workspace_id]) is True


def ledger(connection: Connection, job_id: uuid.UUID, *, days: float) -> Record:
    """The ledger of the last `days` days."""
    at = timedelta(days=days)
    (found,) = records(
        connection, "select * from kronos.check_ledger(%s, now() - %s, date_trunc('day', now()))", [job_id, at]
    )
    return found


def daily(connection: Connection, endpoint: EndpointRow, *, days: int) -> uuid.UUID:
    """A daily job that ran on each of that many days, up to yesterday."""
    with connection.transaction():  # the minute does not change within it
        at: datetime = value(connection, "select date_trunc('minute', now()) - interval '1 minute'")
        job_id = make_cron_job(
            connection, endpoint, cron=f"{at.minute} {at.hour} * * *", ticks_from=at - days * DAY, next_tick_at=at + DAY
        )
        for day in range(1, days):
            finished(connection, job_id, days=day + 1 / 1440)
    return job_id


def test_the_ledger_begins_where_history_is_whole(superuser: Connection, endpoint: EndpointRow) -> None:
    job_id = daily(superuser, endpoint, days=60)
    before = ledger(superuser, job_id, days=59)
    assert (before["unaccounted"], before["retained_from"]) == (0, None)
    retain_all(superuser)
    after = ledger(superuser, job_id, days=59)
    assert (after["unaccounted"], after["surplus"]) == (0, 0)
    assert 28 <= after["expected"] <= 30
    assert after["retained_from"] == value(superuser, "select kronos.retained_from(%s)", [endpoint.workspace_id])
    assert ledger(superuser, job_id, days=20)["retained_from"] is None
    # Rows deleted by hand within that time are still missed.
    superuser.execute(
        "delete from kronos.execution_done where job_id = %s and scheduled_at > now() - interval '5 days'", [job_id]
    )
    assert ledger(superuser, job_id, days=59)["unaccounted"] in (3, 4)


def test_a_window_before_it_expects_nothing(superuser: Connection, endpoint: EndpointRow) -> None:
    job_id = daily(superuser, endpoint, days=60)
    retain_all(superuser)
    (found,) = records(
        superuser,
        "select * from kronos.check_ledger(%s, now() - interval '50 days', now() - interval '40 days')",
        [job_id],
    )
    assert (found["expected"], found["unaccounted"], found["surplus"]) == (0, 0, 0)
    assert found["retained_from"] == found["checked_until"]


def test_a_counted_row_stays_while_any_of_its_ticks_could_be_asked_for(
    superuser: Connection, endpoint: EndpointRow
) -> None:
    """A row for a week's missed ticks has the id of the first of them. It is deleted by its end."""
    now: datetime = value(superuser, "select date_trunc('minute', now())")
    job_id = make_cron_job(
        superuser, endpoint, ticks_from=now - 95 * DAY, next_tick_at=now - 95 * DAY, catch_up_policy="SKIP"
    )
    superuser.execute("select kronos.account_ticks(array[%s::uuid], %s)", [job_id, now - 89 * DAY])
    superuser.execute("update kronos.execution_done set completed_at = %s where job_id = %s", [now - 89 * DAY, job_id])
    retain_all(superuser)
    assert kept(superuser, job_id) == ["MISSED"]
    (found,) = records(
        superuser, "select * from kronos.check_ledger(%s, now() - interval '90 days', %s)", [job_id, now - 89 * DAY]
    )
    assert (found["unaccounted"], found["surplus"]) == (0, 0)
