"""next_tick in zones, compared with brute force over three years of what Python's zoneinfo says that the clocks
show.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from random import Random
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cron_texts import Reading, cron_texts, instants, read
from depth import depth

Connection = psycopg.Connection[tuple[object, ...]]

BEGIN, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
EPOCH = date(1970, 1, 1)
# Shifts of 30 minutes, one hour and two hours; at midnight, at noon UTC, and in both hemispheres; and zones that never
# change.
ZONES = [
    *[
        "Europe/Berlin",
        "Europe/London",
        "Europe/Dublin",
        "Europe/Chisinau",
        "Atlantic/Azores",
        "Antarctica/Troll",
        "Africa/Casablanca",
    ],
    *[
        "Africa/Cairo",
        "Asia/Beirut",
        "Asia/Jerusalem",
        "America/New_York",
        "America/Los_Angeles",
        "America/St_Johns",
        "America/Havana",
    ],
    *[
        "America/Santiago",
        "Pacific/Easter",
        "Australia/Lord_Howe",
        "Australia/Sydney",
        "Pacific/Auckland",
        "Pacific/Chatham",
    ],
    *["America/Nuuk", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Kiritimati", "Pacific/Marquesas", "Pacific/Apia"],
]

_CHAINS = """
    create function pg_temp.chain(p_schedule kronos.schedule, p_after timestamptz, p_until timestamptz)
        returns text language plpgsql as $$
    declare
        v_tick  timestamptz := kronos.next_tick(p_schedule, p_after);
        v_ticks text[] := '{}';
    begin
        while v_tick < p_until loop
            v_ticks := v_ticks || (extract(epoch from v_tick) / 60)::integer::text;
            v_tick := kronos.next_tick(p_schedule, v_tick);
        end loop;
        return array_to_string(v_ticks, ' ');
    end
    $$
"""
_READ = "kronos.read_schedule(cron, null, null, zone, gap, overlap)"
_GIVEN = "unnest(%s::text[], %s::text[], %s::text[], %s::text[]) with ordinality as given(cron, zone, gap, overlap, n)"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A span without clock changes: from `begin` until `end`, exclusive, in minutes since 1970, the clocks are `offset`
    minutes ahead of UTC.
    """

    begin: int
    end: int
    offset: int


@dataclass(frozen=True, slots=True)
class Case:
    cron: str
    zone: str
    gap: str
    overlap: str


@cache
def stretches(zone: str) -> list[Stretch]:
    """The spans within three years. Offsets are read every twelve hours, and every 15 minutes between two that differ:
    since 1972 clocks change at no other minutes, and twice within twelve hours never (`zones` asks for each hour).
    """
    begin, end = (int(instant.timestamp()) // 60 for instant in (BEGIN, END))
    clock = ZoneInfo(zone)
    found: list[Stretch] = []
    offset = offset_at(clock, begin)
    since = begin
    for half_day in range(begin, end, 720):
        if offset_at(clock, half_day + 720) == offset:
            continue
        for minute in range(half_day + 15, half_day + 735, 15):
            if minute < end and (later := offset_at(clock, minute)) != offset:
                found.append(Stretch(since, minute, offset))
                since, offset = minute, later
    return [*found, Stretch(since, end, offset)]


def offset_at(clock: ZoneInfo, minute: int) -> int:
    difference = datetime.fromtimestamp(minute * 60, clock).utcoffset()
    assert difference is not None
    return difference // timedelta(minutes=1)


def readings(reading: Reading, first: int, last: int) -> Iterator[int]:
    """The matching minutes of a wall clock from `first` until `last`, exclusive."""
    times = [hour * 60 + minute for hour, minute in reading.times()]
    for n in range(first // 1440, last // 1440 + 1):
        if reading.has_day(EPOCH + timedelta(days=n)):
            yield from (n * 1440 + time for time in times if first <= n * 1440 + time < last)


def brute_force(case: Case) -> list[int]:
    """The ticks of three years, in minutes since 1970. Each minute that any clock shows, and each that none shows, is
    tested.
    """
    reading = read(case.cron)
    is_fixed = not case.cron.split()[1].startswith("*")
    ticks: list[int] = []
    seen: set[int] = set()
    before: Stretch | None = None
    for stretch in stretches(case.zone):
        if before and is_fixed and case.gap != "SKIP":
            never_shown = readings(reading, stretch.begin + before.offset, stretch.begin + stretch.offset)
            ticks += [stretch.begin if case.gap == "SHIFT" else local - before.offset for local in never_shown]
        for local in readings(reading, stretch.begin + stretch.offset, stretch.end + stretch.offset):
            if not (is_fixed and case.overlap == "FIRST" and local in seen):
                ticks.append(local - stretch.offset)
            seen.add(local)
        before = stretch
    return sorted(set(ticks))


_OFFSETS = """
select zone, array_agg((extract(epoch from at at time zone zone - at at time zone 'UTC') / 60)::integer order by at)
  from unnest(%s::text[]) as zone, generate_series(%s::timestamptz, %s::timestamptz, '1 hour') as at
 group by zone
"""


@pytest.fixture(scope="module")
def zones(module_database_url: str) -> list[str]:
    """The ZONES for which the tzdata of the server and of Python agree on the three years; two releases may differ."""
    last = END - timedelta(hours=1)
    with psycopg.connect(module_database_url) as connection:
        offsets: dict[str, list[int]] = dict(connection.execute(_OFFSETS, [ZONES, BEGIN, last]).fetchall())
    same = [zone for zone in ZONES if offsets[zone] == hourly_offsets(zone)]
    assert len(same) >= len(ZONES) - 4, set(ZONES) - set(same)
    return same


def hourly_offsets(zone: str) -> list[int]:
    """The offset at each whole hour, according to Python's tzdata."""
    first = int(BEGIN.timestamp()) // 60
    hours = [(-(-(each.begin - first) // 60), -(-(each.end - first) // 60), each.offset) for each in stretches(zone)]
    return [offset for begin, end, offset in hours for _ in range(begin, end)]


def random_case(random: Random, zones: list[str]) -> Case:
    """A text with a few ticks a week, most of them near the hours of clock changes."""

    def some(low: int, high: int, at_most: int) -> str:
        return ",".join(str(n) for n in sorted(random.sample(range(low, high + 1), random.randint(1, at_most))))

    minute = random.choice(["0", "30", some(0, 59, 2), some(0, 59, 1), "*/30"])
    hour = random.choice(
        ["*", "*/2", "2", "0", "1-3", "0-2/2", "23", some(0, 4, 2), some(0, 23, 3), some(0, 23, 2), "23-2", "22-4/3"]
    )
    days = [
        ("*", "*"),
        ("*", "0"),
        ("*", "6,0"),
        ("*", some(0, 6, 2)),
        (some(1, 31, 4), "*"),
        ("L", "*"),
        ("*", "0L"),
        ("LW,15W", "?"),
    ]
    day, weekday = random.choice(
        [*days, ("L-2", "*"), ("1", "0#2"), ("*", "sun#1,sunL"), ("?", "sat-sun"), ("30-2", "0")]
    )
    month = random.choice(["*", "*", "3,4,9-11", some(1, 12, 4)])
    if hour.startswith("*") and (day, weekday) == ("*", "*"):
        weekday = random.choice(["0", "6"])
    return Case(
        f"{minute} {hour} {day} {month} {weekday}",
        random.choice(zones),
        random.choice(["SHIFT", "SHIFT_BY_GAP", "SHIFT_BY_GAP", "SKIP"]),
        random.choice(["FIRST", "FIRST", "BOTH"]),
    )


@pytest.mark.parametrize("seed", range(depth(4, deep=10)))
def test_20_random_schedules_have_the_ticks_of_brute_force_over_three_years(
    shared: Connection, zones: list[str], seed: int
) -> None:
    random = Random(seed)
    cases = [random_case(random, zones) for _ in range(20)]
    columns = [[getattr(case, name) for case in cases] for name in ("cron", "zone", "gap", "overlap")]
    with shared.transaction(force_rollback=True):
        shared.execute(_CHAINS)
        query = f"select pg_temp.chain({_READ}, %s, %s) from {_GIVEN} order by n"
        rows = shared.execute(query, [BEGIN - timedelta(microseconds=1), END, *columns]).fetchall()
    for case, (chain,) in zip(cases, rows, strict=True):
        assert [int(tick) for tick in str(chain).split()] == brute_force(case), case


def test_each_zone_was_read_with_its_changes() -> None:
    assert {len(stretches(zone)) for zone in ("Asia/Kolkata", "Asia/Kathmandu")} == {1}
    assert len(stretches("Europe/Berlin")) == 7
    assert [stretch.offset for stretch in stretches("Australia/Lord_Howe")[:2]] == [660, 630]
    assert [stretch.offset for stretch in stretches("Antarctica/Troll")[:2]] == [0, 120]


_NEIGHBOURS = f"""
    with given as materialized (select n, {_READ} as schedule from {_GIVEN})
  select tick.at, kronos.next_tick(given.schedule, tick.at), kronos.next_tick(given.schedule,
         tick.at - interval '1 microsecond'),
         kronos.next_tick(given.schedule, between.at)
    from given
   cross join unnest(%s::timestamptz[]) with ordinality as after(at, k)
   cross join lateral (select kronos.next_tick(given.schedule, after.at) as at offset 0) as tick
   cross join lateral (select least(after.at + %s * (tick.at - after.at),
       tick.at - interval '1 microsecond') as at offset 0) as between
order by given.n, after.k
"""


def _changes() -> st.SearchStrategy[datetime]:
    """Deferred, because reading the zones takes a second, which a process that only collects the tests should not
    spend.
    """
    return st.sampled_from(
        [datetime.fromtimestamp(stretch.begin * 60, UTC) for zone in ZONES[::5] for stretch in stretches(zone)[1:]]
    )


# Within a day of a clock change, or any instant of two centuries.
_NEAR_CHANGES = st.builds(
    lambda at, seconds: at + timedelta(seconds=seconds), st.deferred(_changes), st.integers(-90_000, 90_000)
)
_GAPS = st.sampled_from(["SHIFT", "SHIFT_BY_GAP", "SKIP"])
_CASES = st.builds(Case, cron_texts, st.sampled_from(ZONES), _GAPS, st.sampled_from(["FIRST", "BOTH"]))


@pytest.mark.usefixtures("zones")  # reads the zones before the first example is generated
@settings(
    deadline=None,
    max_examples=depth(8, deep=30),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    cases=st.lists(_CASES, min_size=10, max_size=10),
    afters=st.lists(_NEAR_CHANGES | instants, min_size=20, max_size=20),
    share=st.floats(0, 1),
)
@example(  # the only instant before the tick
    cases=[Case("* * * * *", "Europe/Berlin", "SHIFT", "FIRST")],
    afters=[datetime(2000, 1, 1, 0, 1, 59, 999999, tzinfo=UTC)],
    share=0.9,
)
def test_the_next_tick_is_later_and_the_same_from_wherever_before_it(
    shared: Connection, cases: list[Case], afters: list[datetime], share: float
) -> None:
    columns = [[getattr(case, name) for case in cases] for name in ("cron", "zone", "gap", "overlap")]
    rows = shared.execute(_NEIGHBOURS, [*columns, afters, share]).fetchall()
    for (tick, after_it, just_before_it, between), (case, after) in zip(
        rows, ((c, a) for c in cases for a in afters), strict=True
    ):
        if tick is not None:
            assert tick > after, (case, after)  # type: ignore[operator]  # instants
            assert after_it is None or after_it > tick, (case, after)  # type: ignore[operator]
            assert (just_before_it, between) == (tick, tick), (case, after)
