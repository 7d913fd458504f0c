"""The alarm of a schedule in a zone: a text in UTC that rings in the minute of each tick for the next two years."""

from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cron_texts import Reading, cron_texts, read
from depth import depth
from sql_factory import acting_as

Connection = psycopg.Connection[tuple[Any, ...]]

_ALARM = "select kronos.alarm(%s, kronos.read_schedule(%s, null, null, %s, %s, 'FIRST'))"


def alarm(connection: Connection, cron: str, zone: str, gap: str = "SHIFT") -> str:
    row = connection.execute(_ALARM, [cron, cron, zone, gap]).fetchone()
    assert row is not None
    return str(row[0])


# Computed by hand from the zones' offsets from UTC.
TABLE = [
    ("Asia/Kolkata", "0 9 * * 1", "30 3 * * 1"),
    ("Asia/Kolkata", "15 * * * *", "45 * * * *"),
    ("Asia/Kolkata", "*/15 * * * *", "*/15 * * * *"),
    ("Asia/Kathmandu", "*/15 9-17 * * mon-fri", "*/15 3-12 * * mon-fri"),
    ("Asia/Kathmandu", "0,5 9 * * *", "15,20 3 * * *"),
    ("Africa/Abidjan", "@weekly", "0 0 * * 0"),
    ("Africa/Abidjan", "0 09 1-31 * mon", "0 09 1-31 * mon"),
    ("Europe/Berlin", "0 9 * * mon", "0 7,8 * * mon"),
    ("Europe/Berlin", "*/5 * * * *", "*/5 * * * *"),
    ("Europe/Berlin", "0 */6 * * *", "0 4,5,10,11,16,17,22,23 * * *"),
    ("Europe/London", "0 9-17 * * mon-fri", "0 8-17 * * mon-fri"),
    ("Pacific/Chatham", "0 12 * * *", "15 22,23 * * *"),
    # When clocks go forward, at 01:00 UTC on a Sunday in March, a tick in the gap moves to that time.
    ("Europe/Berlin", "30 2 * * *", "0,30 0,1 * * *"),
    ("Europe/Berlin", "30 2 * * 0", "0,30 0,1 * * 0"),
    ("Europe/Berlin", "30 2 * * 1-5", "30 0,1 * * 1-5"),
    ("Europe/Berlin", "30 2 * 6 *", "30 0,1 * 6 *"),
    ("Europe/Berlin", "30 2 1-15 * *", "30 0,1 1-15 * *"),
    ("Europe/Berlin", "30 3 * * *", "30 1,2 * * *"),
    ("Europe/Berlin", "30 */2 * * 2", "30 * * * 1,2"),
    ("Australia/Lord_Howe", "15 2 * * *", "15-45/15 15 * * *"),
    ("Australia/Lord_Howe", "30 2 * * *", "0,30 15,16 * * *"),
    ("America/Santiago", "0 0 * * *", "0 3,4 * * *"),
    # Across midnight.
    ("America/New_York", "0 22 * * 5", "0 2,3 * * 6"),
    ("America/New_York", "0 22 * * sat", "0 2,3 * * 0"),
    ("America/New_York", "0 19 * * 5", "0 0,23 * * 5,6"),
    ("Asia/Kolkata", "0 5 * * 1", "30 23 * * 0"),
    ("Asia/Kolkata", "0 5 * * 0", "30 23 * * 6"),
    ("Pacific/Chatham", "0 13 * * 1", "15 0,23 * * 0,1"),
    ("Europe/Berlin", "*/15 * * * 1-5", "*/15 * * * 0-5"),
    ("Pacific/Kiritimati", "0 9 * * 1", "0 19 * * 0"),
    # Across the end of a month or a year.
    ("Europe/Berlin", "0 1 1 * *", "0 0,23 1,28-31 * *"),
    ("Asia/Kolkata", "0 1 1 3 *", "30 19 28,29 2 *"),
    ("Asia/Kolkata", "0 1 1 1 *", "30 19 31 12 *"),
    ("Asia/Kolkata", "0 1 1,15 5 *", "30 19 14,30 4,5 *"),
    ("America/New_York", "0 22 31 * *", "0 2,3 1 1,2-8/2,9,11 *"),
    ("America/New_York", "0 22 28 2 *", "0 2,3 1,29 2,3 *"),
    ("America/New_York", "0 22 31 12 *", "0 2,3 1 1 *"),
    ("America/New_York", "0 22 15 6 *", "0 2,3 16 6 *"),
    ("America/New_York", "0 22 L * *", "0 2,3 1 * *"),
    ("America/New_York", "0 22 LW 2 *", "0 2,3 1,27-29 2,3 *"),
    ("America/New_York", "0 22 15W * *", "0 2,3 15-17 * *"),
    ("America/New_York", "0 22 1W 1 *", "0 2,3 2-4 1 *"),
    ("America/New_York", "0 22 31W 3 *", "0 2,3 1,30,31 3,4 *"),
    ("America/New_York", "0 22 L-3 * *", "0 2,3 26-29 * *"),
    ("America/New_York", "0 22 L-1 2 *", "0 2,3 28,29 2 *"),
    ("America/New_York", "0 22 L-27 2 *", "0 2,3 2,3 2 *"),
    ("America/New_York", "0 22 L-28 2 *", "0 2,3 2 2 *"),
    ("America/New_York", "0 22 L-1W 2 *", "0 2,3 1,27-29 2,3 *"),
    ("Asia/Kolkata", "0 1 L-30 * *", "30 19 28-31 2-6/2,7-11/2,12 *"),
    ("Asia/Kolkata", "0 9 * * sat-sun", "30 3 * * 0,6"),
    ("Asia/Kolkata", "0 9 ? nov-feb ?", "30 3 * 1,2,11,12 *"),
    ("Asia/Kolkata", "30 22-6 * * *", "0 0,1,17-23 * * *"),
    ("America/New_York", "0 22 * * fri-mon", "0 2,3 * * 0-2,6"),
    ("America/New_York", "0 22 * * 5#2", "0 2,3 * * 6"),
    ("America/New_York", "0 22 * * 5L,1", "0 2,3 * * 2,6"),
    ("America/New_York", "0 22 * * 0#5,6#5", "0 2,3 * * 0,1"),
    ("America/New_York", "0 22 * 12 5", "0 2,3 * 1,12 6"),
    ("America/New_York", "0 9 15W * *", "0 13,14 14-16 * *"),
    # A day of the month or a weekday: no field begins with a star, unless any day matches.
    ("Asia/Kolkata", "0 1 1 * 1", "30 19 28-31 * 0"),
    ("Asia/Kolkata", "0 1 2 6 1", "30 19 1 5,6 0"),
    ("Asia/Kolkata", "0 1 2-30/2,1 * 1", "30 19 1-27/2,28-31 * 0"),
    ("Asia/Kolkata", "0 1 1-31 * 1", "30 19 * * *"),
    ("Asia/Kolkata", "0 1 1 6 0-6", "30 19 * 5,6 *"),
    ("Asia/Kolkata", "0 9 1-31/2 * 1", "30 3 1-31/2 * 1"),
    # A day of the month and a weekday: a field begins with a star, even if it names one value too many.
    ("Asia/Kolkata", "0 9 */2 * 1", "30 3 */2 * 1"),
    ("Asia/Kolkata", "0 1 */2 * 1", "30 19 2-28/2,29-31 * */7"),
    ("Asia/Kolkata", "0 1 */2 * 3", "30 19 */31,2-28/2,29-31 * 2"),
    ("Asia/Kolkata", "0 1 */30 * 2-6", "30 19 28-31 * */7,1-5"),
    ("Asia/Kolkata", "0 1 */30,2 * 2-6", "30 19 */31,28-31 * 1-5"),
    ("Asia/Kolkata", "0 1 * * */2", "30 19 * * 1-5/2,6"),
]


@pytest.mark.parametrize(("zone", "cron", "expected"), TABLE)
def test_a_zones_alarm_is_the_plainest_text_in_utc(
    cron_superuser: Connection, zone: str, cron: str, expected: str
) -> None:
    assert alarm(cron_superuser, cron, zone) == expected
    with cron_superuser.transaction(force_rollback=True):
        assert cron_superuser.execute("select cron.schedule('x', %s, 'select') > 0", [expected]).fetchone() == (True,)


@pytest.mark.parametrize("gap", ["SKIP", "SHIFT_BY_GAP"])
def test_ticks_that_a_gap_skips_or_moves_by_its_length_have_no_ring_of_their_own(shared: Connection, gap: str) -> None:
    assert alarm(shared, "30 2 * * *", "Europe/Berlin", gap) == "30 0,1 * * *"


@pytest.mark.parametrize(("hours", "expected"), [(24, "0 2 * * *"), (26, "0 7,8 * * *")])
def test_a_zone_that_was_read_within_a_day_is_not_read_again(shared: Connection, hours: int, expected: str) -> None:
    with shared.transaction(force_rollback=True):
        shared.execute(
            "insert into kronos.zones values ('Europe/Berlin', '{25200}', '{}', '{}', now() - make_interval(hours => "
            "%s))"
            " on conflict (timezone) do update set offsets = excluded.offsets, read_at = excluded.read_at",
            [hours],
        )
        assert alarm(shared, "0 9 * * *", "Europe/Berlin") == expected


def test_who_stores_a_job_reads_zones_and_writes_none(shared: Connection) -> None:
    with acting_as(shared, "kronos_api"):
        assert alarm(shared, "0 9 * * *", "Europe/Berlin") == "0 7,8 * * *"
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            shared.execute("delete from kronos.zones")


def test_a_reading_has_each_distance_and_each_gap_of_two_years(shared: Connection) -> None:
    query = "select offsets, gaps, gap_seconds from kronos.read_zone(%s)"
    assert shared.execute(query, ["Asia/Kolkata"]).fetchone() == ([19800], [], [])
    ((offsets, gaps, seconds),) = shared.execute(query, ["Australia/Lord_Howe"]).fetchall()
    assert (offsets, set(seconds), len(seconds)) == ([37800, 39600], {1800}, len(gaps))
    local = [gap.astimezone(ZoneInfo("Australia/Lord_Howe")) for gap in gaps]
    assert [(at.month, at.day <= 7, at.isoweekday(), at.hour, at.minute) for at in local] == [
        (10, True, 7, 2, 30)
    ] * len(gaps)
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        shared.execute(query, ["Mars/Olympus"])


ZONES = [
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Havana",
    "America/New_York",
    "America/Nuuk",
    "America/Santiago",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Atlantic/Azores",
    "Australia/Eucla",
    "Australia/Lord_Howe",
    "Etc/GMT+12",
    "Europe/Berlin",
    "Europe/Dublin",
    "Europe/London",
    "Pacific/Apia",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Pacific/Marquesas",
]
NEAR_THE_CHANGES = [
    "30 2 * * *",
    "0,45 1,3 * * *",
    "15,30 0,23 * * 0,6",
    "0 0 * * *",
    "59 23 31 12 *",
    "15 0 1 1,3,7 *",
    "0 0 1 3 6",
    "30 23 L * 5L",
    "0 1 */2 * */3",
    "45 12 15W,1W,31W * *",
    "10 0 LW 2,12 *",
    "0 0 * 3,4,10 0#1,0#2,0#5",
    "30 22-3 L-1,L-30 * ?",
    "0 1 L-1W,L-30W,29-2 nov-mar fri-sun",
]
# Every tick of each schedule in (from, to], all of them in one statement.
_TICKS = """
with recursive given as (
    select n, kronos.read_schedule(cron, null, null, %(zone)s, gap, overlap) as schedule, cron
      from unnest(%(texts)s::text[], %(gaps)s::text[], %(overlaps)s::text[]) with ordinality as each (cron, gap,
           overlap, n)
), span as (
    select n, schedule, "from", "to" from given cross join unnest(%(froms)s::timestamptz[],
           %(tos)s::timestamptz[]) as span ("from", "to")
), chain as (
    select n, schedule, "to", kronos.next_tick(schedule, "from") as tick from span
    union all
    select n, schedule, "to", kronos.next_tick(schedule, tick) from chain where tick <= "to"
)
select kronos.alarm(given.cron, given.schedule), coalesce(array_agg(chain.tick) filter (where
       chain.tick <= chain."to"), '{}')
  from given join chain using (n)
 group by given.n, given.cron, given.schedule
 order by given.n
"""


def alarms_and_ticks(
    connection: Connection, zone: str, texts: list[str], spans: list[tuple[datetime, datetime]], *, random: Random
) -> list[tuple[str, list[datetime]]]:
    """The alarm of each text, under random policies for clock changes, and its ticks within the spans."""
    given = {
        "zone": zone,
        "texts": texts,
        "gaps": random.choices(["SHIFT", "SHIFT_BY_GAP", "SHIFT_BY_GAP", "SKIP"], k=len(texts)),
        "overlaps": random.choices(["FIRST", "BOTH"], k=len(texts)),
        "froms": [start for start, _ in spans],
        "tos": [end for _, end in spans],
    }
    return [(str(text), ticks) for text, ticks in connection.execute(_TICKS, given) if isinstance(ticks, list)]


def silent(rings: Reading, ticks: list[datetime]) -> list[datetime]:
    """The ticks in whose minute no alarm rings."""
    has_day = cache(rings.has_day)
    utc = [tick.astimezone(UTC) for tick in ticks]
    return [at for at in utc if at.minute not in rings.minutes or at.hour not in rings.hours or not has_day(at.date())]


def two_years() -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    return now, now + timedelta(days=729)


@cache
def turns(zone: str) -> list[datetime]:
    """The changes of the zone's clocks within two years, found by walking hour by hour, and the beginnings or ends of
    two months.
    """
    start, end = two_years()
    hours = [start + timedelta(hours=n) for n in range(int((end - start) / timedelta(hours=1)))]
    offsets = [at.astimezone(ZoneInfo(zone)).utcoffset() for at in hours]
    changes = [hours[n] for n in range(1, len(hours)) if offsets[n] != offsets[n - 1]]
    return [*changes, datetime(start.year + 1, 3, 1, tzinfo=UTC), datetime(start.year + 1, 12, 31, tzinfo=UTC)]


def spans_for(times_a_day: int, zone: str) -> list[tuple[datetime, datetime]]:
    """All of the two years if there are few ticks a day. If there are many, only the time around the turns: a text with
    a tick per minute has a million in two years.
    """
    if times_a_day <= 2:
        return [two_years()]
    around = timedelta(hours=30) if times_a_day <= 60 else timedelta(hours=4)
    return [(at - around, at + around) for at in turns(zone)]


@pytest.mark.parametrize("zone", ZONES)
def test_each_tick_of_two_years_has_a_ring_in_its_own_minute(shared: Connection, zone: str) -> None:
    random = Random(zone)
    found = alarms_and_ticks(shared, zone, NEAR_THE_CHANGES, [two_years()], random=random)
    for cron, (text, ticks) in zip(NEAR_THE_CHANGES, found, strict=True):
        assert silent(read(text), ticks) == [], (cron, text)
        assert ticks, cron


@settings(
    deadline=None,
    max_examples=depth(30, deep=120),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(zone=st.sampled_from(ZONES), cron=cron_texts, random=st.randoms(use_true_random=False))
def test_any_zoned_text_rings_at_least_at_each_tick(shared: Connection, zone: str, cron: str, random: Random) -> None:
    ((text, ticks),) = alarms_and_ticks(shared, zone, [cron], spans_for(len(read(cron).times()), zone), random=random)
    assert silent(read(text), ticks) == [], (cron, zone, text)


@settings(
    deadline=None,
    max_examples=depth(3, deep=10),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(pairs=st.lists(st.tuples(cron_texts, st.sampled_from(ZONES)), min_size=50, max_size=50))
def test_pg_cron_takes_the_alarm_of_whatever_zoned_text_we_accept(
    cron_superuser: Connection, pairs: list[tuple[str, str]]
) -> None:
    with cron_superuser.transaction(force_rollback=True):
        row = cron_superuser.execute(
            """
            with entry as materialized (
                select cron.schedule(
                           'alarm-' || n, kronos.alarm(cron, kronos.read_schedule(cron, null, null, zone,
                               'SHIFT', 'FIRST')), 'select'
                       ) as jobid
                  from unnest(%s::text[], %s::text[]) with ordinality as given (cron, zone, n)
            )
            select count(distinct jobid) from entry
            """,
            [[cron for cron, _ in pairs], [zone for _, zone in pairs]],
        ).fetchone()
        assert row == (len(pairs),)


@settings(
    deadline=None,
    max_examples=depth(100, deep=400),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(bits=st.integers(1, 2**31 - 1), star=st.sampled_from([True, False, None]), is_week=st.booleans())
def test_a_field_has_the_given_values_and_begins_with_a_star_where_it_is_to(
    shared: Connection, bits: int, star: bool | None, is_week: bool
) -> None:
    low, high, mask = (0, 6, bits & 127 or 1) if is_week else (1, 31, bits << 1)
    (field,) = shared.execute("select kronos.cron_list(%s, %s, %s, %s)", [mask, low, high, star]).fetchone() or (None,)
    assert isinstance(field, str)
    reading = read(f"0 0 * * {field}" if is_week else f"0 0 {field} * *")
    found = {day % 7 for day in reading.weekdays} if is_week else set(reading.days)
    wanted = {n for n in range(low, high + 1) if (mask >> n) & 1}
    assert found - ({low} if star else set()) == wanted - ({low} if star else set())
    assert star is None or field.startswith("*") is star
    assert low in found or low not in wanted
