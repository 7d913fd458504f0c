"""The alarm rings at least at each tick, and its text is one that the installed pg_cron accepts."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cron_texts import cron_texts, read
from depth import depth

Connection = psycopg.Connection[tuple[object, ...]]

_ALARMS = (
    "select kronos.alarm(cron, kronos.parse_cron(cron)) from unnest(%s::text[]) with ordinality as "
    "given(cron, n) order by n"
)


def alarms(connection: Connection, texts: list[str]) -> list[str]:
    return [str(alarm) for (alarm,) in connection.execute(_ALARMS, [texts]).fetchall()]


@pytest.mark.parametrize(
    ("text", "alarm"),
    [
        ("*/5 9-17 * * mon-fri", "*/5 9-17 * * mon-fri"),
        (" \t1\t2   3 \t4 5 ", "1 2 3 4 5"),
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("0 0 $ * *", "0 0 28-31 * *"),
        ("0 0 1,$ * *", "0 0 1,28-31 * *"),
        ("0 0 $ * 1", "0 0 28-31 * 1"),
        ("0 0 */2,$ * 1", "0 0 */2,28-31 * 1"),
        ("0 0 $,*/2 * */3", "0 0 28-31,*/2 * */3"),
        ("0 0 L * *", "0 0 28-31 * *"),
        ("0 0 l,15 * 1", "0 0 28-31,15 * 1"),
        ("0 0 LW * *", "0 0 26-31 * *"),
        ("0 0 1W * *", "0 0 1-3 * *"),
        ("0 0 01w * *", "0 0 1-3 * *"),
        ("0 0 2W,15w,27W * *", "0 0 1-3,14-16,26-28 * *"),
        ("0 0 28W * *", "0 0 26-29 * *"),
        ("0 0 29W * *", "0 0 27-30 * *"),
        ("0 0 30W * *", "0 0 28-31 * *"),
        ("0 0 31W * *", "0 0 29-31 * *"),
        ("0 0 * * 5#2", "0 0 * * 5"),
        ("0 0 */2 * FRI#2,1-3,sunL,7#05,0l", "0 0 */2 * FRI,1-3,sun,7,0"),
        ("0 0 LW,*/2 * monL", "0 0 26-31,*/2 * mon"),
        ("0 0 ? * 1", "0 0 * * 1"),
        ("0 9 * * 1\n", "0 9 * * 1"),
        ("0 0 L-1 * *", "0 0 27-30 * *"),
        ("0 0 1,l-3 * 1", "0 0 1,25-28 * 1"),
        ("0 0 L-28 * *", "0 0 1-3 * *"),
        ("0 0 L-30 * *", "0 0 1 * *"),
        ("0 0 L-1W * *", "0 0 26-31 * *"),
        ("0 0 L-30W * *", "0 0 1-3 * *"),
        ("55-5 22-6 * * *", "0-5,55-59 0-6,22,23 * * *"),
        ("55-5/2,30 * * * *", "1-5/2,55-59/2,30 * * * *"),
        ("0 0 * nov-feb fri-mon", "0 0 * 1,2,11,12 0,1,5,6"),
        ("0 0 */2,30-2 * */3,sat-sun", "0 0 */2,1,2,30,31 * */3,0,6"),
        ("0 0 30-2,*/2 * 7-6", "0 0 1,2,30,31,*/2 * 0-6"),
    ],
)
def test_an_alarm_is_the_plain_five_fields(cron_superuser: Connection, text: str, alarm: str) -> None:
    assert alarms(cron_superuser, [text]) == [alarm]


@pytest.mark.parametrize("text", ["5- * * * *", "* * * * * *", "@reboot", "1.5 * * * *"])
def test_no_alarm_for_a_text_that_is_refused(superuser: Connection, text: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        alarms(superuser, [text])
    assert caught.value.sqlstate == "KR001"


@settings(
    deadline=None,
    max_examples=depth(5, deep=20),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(texts=st.lists(cron_texts, min_size=30, max_size=30))
def test_an_alarm_rings_at_least_at_each_tick(superuser: Connection, texts: list[str]) -> None:
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(3 * 365)]
    for text, alarm in zip(texts, alarms(superuser, texts), strict=True):
        ticks, rings = read(text), read(alarm)
        assert ticks.times() == rings.times(), (text, alarm)
        assert [day for day in days if ticks.has_day(day) and not rings.has_day(day)] == [], (text, alarm)
        assert (
            ticks.has_days_of_its_own or [day for day in days if rings.has_day(day) and not ticks.has_day(day)] == []
        ), (text, alarm)


def test_what_a_special_day_can_be_in_28_years_is_its_alarm(superuser: Connection) -> None:
    """28 years contain each length of a month with each weekday that it can begin on: one month of each is read. For
    the nearest weekday, the alarm has no superfluous day.
    """
    months = {
        monthrange(year, month): date(year, month, 1) for year in range(2001, 2029) for month in range(1, 13)
    }  # by the first weekday and the length
    assert len(months) == 7 * 4
    days = [first + timedelta(days=n) for (_, length), first in months.items() for n in range(length)]
    before = [f"0 0 L-{n}{near} * *" for n in range(1, 31) for near in ("", "W")]
    texts = ["0 0 LW * *", "0 0 L * *", *(f"0 0 {n}W * *" for n in range(1, 32)), *before]
    for text, alarm in zip(texts, alarms(superuser, texts), strict=True):
        ticks, rings = read(text), read(alarm)
        assert {day.day for day in days if ticks.has_day(day)} == rings.days, (text, alarm)


ANCHOR = datetime(2026, 11, 4, 7, 35, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("every", "alarm"),
    [
        ("1m", "* * * * *"),
        ("5m", "*/5 * * * *"),
        ("7m", "* * * * *"),
        ("20m", "15-55/20 * * * *"),
        ("30m", "5,35 * * * *"),
        ("90m", "5,35 * * * *"),
        ("1h", "35 * * * *"),
        ("6h", "35 1-19/6 * * *"),
        ("7h", "35 * * * *"),
        ("16h", "35 7-23/8 * * *"),
        ("12h30m", "5,35 * * * *"),
        ("1d", "35 7 * * *"),
        ("2d", "35 7 * * *"),
        ("1w", "35 7 * * 3"),
        ("14d", "35 7 * * 3"),
        ("366d", "35 7 * * *"),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_an_interval_rings_where_it_divides_the_day_or_the_hour(
    cron_superuser: Connection, zone: str, every: str, alarm: str
) -> None:
    assert interval_alarm(cron_superuser, every, ANCHOR, zone) == alarm
    assert stored(cron_superuser, alarm) == alarm


def interval_alarm(connection: Connection, every: str, anchor: datetime, zone: str = "UTC") -> str:
    row = connection.execute(
        "select kronos.alarm(null, kronos.read_schedule(null, %s, %s, %s, 'SHIFT', 'FIRST'))", [every, anchor, zone]
    ).fetchone()
    assert row is not None
    return str(row[0])


def stored(connection: Connection, alarm: str) -> str:
    """What pg_cron stores for an alarm that it accepts."""
    with connection.transaction(force_rollback=True):
        jobid = connection.execute("select cron.schedule('x', %s, 'select')", [alarm]).fetchone()
        (schedule,) = connection.execute("select schedule from cron.job where jobid = %s", jobid).fetchone() or (None,)
    return str(schedule)


@settings(
    deadline=None,
    max_examples=depth(25, deep=100),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    minutes=st.one_of(st.integers(1, 366 * 1440), st.integers(1, 366 * 24).map(lambda hours: hours * 60)),
    anchor=st.datetimes(datetime(1960, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - UTC by timezones
)
def test_an_intervals_alarm_rings_at_each_tick(superuser: Connection, minutes: int, anchor: datetime) -> None:
    anchor = anchor.replace(second=0, microsecond=0)
    rings = read(interval_alarm(superuser, f"{minutes}m", anchor))
    assert [at for n in range(1500) if not rings.has_minute(at := anchor + n * timedelta(minutes=minutes))] == []


def test_an_interval_of_seconds_is_pg_crons_own(superuser: Connection) -> None:
    row = superuser.execute(
        'select kronos.alarm(null, jsonb_populate_record(null::kronos.schedule, \'{"every_seconds": 30, "timezone": '
        '"UTC"}\'))'
    ).fetchone()
    assert row == ("30 seconds",)


@settings(
    deadline=None,
    max_examples=depth(5, deep=20),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(texts=st.lists(cron_texts, min_size=50, max_size=50))
def test_pg_cron_takes_the_alarm_of_whatever_we_accept(cron_superuser: Connection, texts: list[str]) -> None:
    with cron_superuser.transaction(force_rollback=True):
        rows = cron_superuser.execute(
            """
            with entry as materialized (
                select cron.schedule('alarm-' || n, kronos.alarm(cron, kronos.parse_cron(cron)), 'select') as jobid
                  from unnest(%s::text[]) with ordinality as given(cron, n)
            )
            select count(distinct jobid) from entry
            """,
            [texts],
        ).fetchone()
        assert rows == (len(texts),)
        stored = cron_superuser.execute(
            "select schedule from cron.job where jobname like 'alarm-%%' order by substr(jobname, 7)::integer", []
        ).fetchall()
    assert [schedule for (schedule,) in stored] == alarms(cron_superuser, texts)


# Texts that both 1.4.2 and 1.6 accept: with an ignored tail, or with a field that is not a time.
PG_CRON_ONLY = [
    "* * * * * *",
    "* * * * * foo",
    "* * * * * 2024",
    "1.5 * * * *",
    "*/5/2 * * * *",
    "*-5 * * * *",
    "005 * * * *",
    "@reboot",
    "@restart",
    "@hourly foo",
]


@pytest.mark.parametrize("text", PG_CRON_ONLY)
def test_what_pg_cron_takes_and_misreads_is_refused(cron_superuser: Connection, text: str) -> None:
    with cron_superuser.transaction(force_rollback=True):
        assert cron_superuser.execute("select cron.schedule('x', %s, 'select') > 0", [text]).fetchone() == (True,)
    with pytest.raises(psycopg.Error) as caught:
        cron_superuser.execute("select kronos.parse_cron(%s)", [text])
    assert caught.value.sqlstate == "KR001"


@pytest.mark.parametrize("text", ["1/5 * * * *", "? * * * *", "0 0 W * *", "0 0 * * L", "0x10 * * * *", "60 * * * *"])
def test_what_pg_cron_refuses_is_refused(cron_superuser: Connection, text: str) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue), cron_superuser.transaction():
        cron_superuser.execute("select cron.schedule('x', %s, 'select')", [text])
    with pytest.raises(psycopg.Error) as caught:
        cron_superuser.execute("select kronos.parse_cron(%s)", [text])
    assert caught.value.sqlstate == "KR001"


@pytest.mark.parametrize(
    ("text", "alarm"),
    [
        ("5-1 * * * *", "0,1,5-59 * * * *"),
        ("0 22-2 * * *", "0 0-2,22,23 * * *"),
        ("0 0 * * sat-sun", "0 0 * * 0,6"),
        ("0 0 * * fri-mon", "0 0 * * 0,1,5,6"),
    ],
)
def test_a_range_that_pg_cron_takes_and_never_fires_is_rewritten(
    cron_superuser: Connection, text: str, alarm: str
) -> None:
    with cron_superuser.transaction(force_rollback=True):
        assert cron_superuser.execute("select cron.schedule('x', %s, 'select') > 0", [text]).fetchone() == (True,)
    assert alarms(cron_superuser, [text]) == [alarm]
    assert stored(cron_superuser, alarm) == alarm


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Europe/London", "Etc/GMT+1", "GMT", "etc/utc", "Zulu", ""])
def test_an_alarm_rings_each_minute_where_pg_crons_zone_is_not_utc(superuser: Connection, zone: str) -> None:
    is_utc = zone in ("GMT", "etc/utc", "Zulu", "")
    assert superuser.execute("select kronos.is_utc_zone(%s)", [zone]).fetchone() == (is_utc,)
    context = superuser.execute("select context from pg_settings where name = 'cron.timezone'").fetchone()
    if context is not None:
        pytest.skip("from 1.5 on, pg_cron's zone is fixed when the server starts")
    with superuser.transaction(force_rollback=True):
        superuser.execute("select set_config('cron.timezone', %s, true)", [zone])
        assert alarms(superuser, ["30 3 * * 1"]) == ["30 3 * * 1" if is_utc else "* * * * *"]


def test_each_zone_that_counts_as_utc_has_no_offset_ever(superuser: Connection) -> None:
    zones = [
        str(zone) for (zone,) in superuser.execute("select name from pg_timezone_names where kronos.is_utc_zone(name)")
    ]
    assert {"UTC", "GMT", "Etc/UTC"} <= set(zones)
    offsets = superuser.execute(
        """
        select distinct extract(epoch from at at time zone zone - at at time zone 'UTC')
          from unnest(%s::text[]) as zone, generate_series('1900-01-01+00', '2100-01-01+00', interval '50 days') as at
        """,
        [zones],
    ).fetchall()
    assert offsets == [(0,)]
