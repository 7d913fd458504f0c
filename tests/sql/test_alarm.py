"""alarm rings at least at each tick, in a text that the installed pg_cron takes."""

from datetime import date, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cron_texts import cron_texts, read

Connection = psycopg.Connection[tuple[object, ...]]

_ALARMS = "select kronos.alarm(cron, kronos.parse_cron(cron)) from unnest(%s::text[]) with ordinality as given(cron, n) order by n"


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
    ],
)
def test_an_alarm_is_the_plain_five_fields(cron_superuser: Connection, text: str, alarm: str) -> None:
    assert alarms(cron_superuser, [text]) == [alarm]


@pytest.mark.parametrize("text", ["5-1 * * * *", "* * * * * *", "@reboot", "1.5 * * * *"])
def test_no_alarm_for_a_text_that_is_refused(superuser: Connection, text: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        alarms(superuser, [text])
    assert caught.value.sqlstate == "KR001"


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(cron_texts, min_size=30, max_size=30))
def test_an_alarm_rings_at_least_at_each_tick(superuser: Connection, texts: list[str]) -> None:
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(3 * 365)]
    for text, alarm in zip(texts, alarms(superuser, texts), strict=True):
        ticks, rings = read(text), read(alarm)
        assert ticks.times() == rings.times(), (text, alarm)
        assert [day for day in days if ticks.has_day(day) and not rings.has_day(day)] == [], (text, alarm)
        assert ticks.is_last_day or [day for day in days if rings.has_day(day) and not ticks.has_day(day)] == []


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


# What both 1.4.2 and 1.6 take: a tail that they ignore, a range that never or wrongly fires, a tick that is no time.
PG_CRON_ONLY = [
    "5-1 * * * *",
    "0 22-2 * * *",
    "0 0 * * sat-sun",
    "0 0 * * fri-mon",
    "* * * * * *",
    "* * * * * foo",
    "* * * * * 2024",
    "0 0 * * 5#3",
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


@pytest.mark.parametrize("text", ["1/5 * * * *", "? * * * *", "0 0 L * *", "0 0 1W * *", "0x10 * * * *", "60 * * * *"])
def test_what_pg_cron_refuses_is_refused(cron_superuser: Connection, text: str) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue), cron_superuser.transaction():
        cron_superuser.execute("select cron.schedule('x', %s, 'select')", [text])
    with pytest.raises(psycopg.Error) as caught:
        cron_superuser.execute("select kronos.parse_cron(%s)", [text])
    assert caught.value.sqlstate == "KR001"


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
    zones = [str(zone) for (zone,) in superuser.execute("select name from pg_timezone_names where kronos.is_utc_zone(name)")]
    assert {"UTC", "GMT", "Etc/UTC"} <= set(zones)
    offsets = superuser.execute(
        """
        select distinct extract(epoch from at at time zone zone - at at time zone 'UTC')
          from unnest(%s::text[]) as zone, generate_series('1900-01-01+00', '2100-01-01+00', interval '50 days') as at
        """,
        [zones],
    ).fetchall()
    assert offsets == [(0,)]
