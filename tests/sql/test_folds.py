"""Many alarms that ring rarely are folded into one that rings at their minutes of every hour, if that takes fewer
rings.
"""

import pytest

from factory import add_endpoint
from sharing import add, reap, share, shared_entries, uncovered
from sql_factory import Connection, make_cron_job, records, value

ALL = 1152921504606846975


@pytest.mark.parametrize(
    ("alarm", "a_day"),
    [
        ("* * * * *", 1440),
        ("*/15 * * * *", 96),
        ("5 9 * * *", 1),
        ("5,35 9,17 * * *", 4),
        ("0 9 * * 1", 1 / 7),
        ("0 9 * * 1-5", 5 / 7),
        ("0 9 1 * *", 12 / 365.25),
        ("0 9 1 1 *", 1 / 365.25),
        ("0 9 1 * 1", 1 - (1 - 12 / 365.25) * 6 / 7),  # on either of the days
        ("30 seconds", 2880),
        ("edited by hand", 0),
    ],
)
def test_how_often_an_alarm_rings_a_day(superuser: Connection, alarm: str, a_day: float) -> None:
    assert value(superuser, "select kronos.alarm_rings(%s)", [alarm]) == pytest.approx(a_day, rel=0.01)


@pytest.mark.parametrize(
    ("alarm", "minutes"),
    [
        ("7 9 * * *", 1 << 7),
        ("*/20 * * * *", 1 | 1 << 20 | 1 << 40),
        ("* * * * *", ALL),
        ("20 seconds", None),
        ("by hand", None),
        ("99 9 * * *", None),
    ],
)
def test_the_minutes_of_an_alarm(superuser: Connection, alarm: str, minutes: int | None) -> None:
    assert value(superuser, "select kronos.alarm_minutes(%s)", [alarm]) == minutes


def test_few_alarms_are_not_folded(superuser: Connection) -> None:
    share(superuser)
    for hour in range(24):
        add(superuser, f"7 {hour} * * *")
    assert value(superuser, "select folded from kronos.best_fold()") == 0


def test_alarms_of_one_minute_are_folded_once_their_rings_are_more(superuser: Connection) -> None:
    """5 days a week at each hour, the same for weekends, and for four other sets of days: 120 rings a day."""
    endpoint = add_endpoint(superuser)
    for hour in range(24):
        for days in ("1-5", "6,0", "1-6", "*", "0", "2-4"):
            make_cron_job(superuser, endpoint, cron=f"7 {hour} * * {days}")
    make_cron_job(superuser, endpoint, cron="3 3 * * *")
    make_cron_job(superuser, endpoint, cron="*/30 * * * *")
    (found,) = records(superuser, "select * from kronos.best_fold()")
    apart = 24 * (5 + 2 + 6 + 7 + 1 + 3) / 7 + 1 + 48
    assert found["folded"] == 1 << 7
    assert (found["rings_apart"], found["rings_folded"]) == pytest.approx((apart, 48 + 1 + 48))
    share(superuser)
    assert shared_entries(superuser) == ["*/30 * * * *", "3 3 * * *", "7 * * * *", "7 */1 * * *"]
    assert value(superuser, "select kronos.rings_with(folded) from kronos.alarm_setting") == pytest.approx(97)


def test_with_an_alarm_of_its_own_for_each_minute_of_the_day_all_are_folded_into_every_minute(
    superuser: Connection,
) -> None:
    endpoint = add_endpoint(superuser)
    superuser.execute("update kronos.alarm_setting set wanted = 'shared'")
    _one_for_each_minute(superuser, endpoint.endpoint_id)
    reap(superuser)
    assert shared_entries(superuser) == ["* * * * *", "* */1 * * *"]
    assert uncovered(superuser) == []
    assert value(superuser, "select kronos.rings_with(0)") == pytest.approx(1440 * (1 + 18 / 7) * 3 / 4)
    job_id = add(superuser, "13 13 * * *")
    assert value(superuser, "select kronos.pg_cron_entry(%s)", [job_id])["schedule"] == "* * * * *"
    # when all other jobs are gone, the next judgment removes the rest of the fold
    superuser.execute("update kronos.jobs set status = 'RETIRED' where cron <> '13 13 * * *' and name is null")
    superuser.execute("update kronos.alarm_setting set folded_at = '-infinity'")
    reap(superuser)
    assert shared_entries(superuser) == ["13 13 * * *"]


def _one_for_each_minute(connection: Connection, endpoint_id: object) -> None:
    """Insert a job for each minute of the day. Each has its own alarm, which rings three times a day: that is more than
    the two entries of a fold ring.
    """
    connection.execute(
        """
        insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron, timezone,
                                 schedule, alarm, description)
        select made.job_id, made.job_id, made.workspace_id, made.endpoint_id, 'CRON', made.cron, 'UTC', every.schedule,
               made.cron, ''
          from (select gen_random_uuid() as job_id, endpoint.workspace_id, endpoint.endpoint_id,
                       n %% 60 || ' ' || n / 60 || ',' || (n / 60 + 5) %% 24 || ',' || (n / 60 + 10) %% 24 || ' * * '
                       || (array['*', '0-5', '1-6', '0,2-6'])[1 + n / 60 %% 4] as cron
                  from generate_series(0, 1439) as n cross join kronos.endpoints as endpoint
                 where endpoint.endpoint_id = %s) as made
         cross join (select kronos.parse_cron('0 0 1 1 *') as schedule) as every
        """,
        [endpoint_id],
    )
