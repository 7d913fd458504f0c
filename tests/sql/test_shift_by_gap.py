"""dst_gap SHIFT_BY_GAP: a local time that does not exist moves by the length of the gap. Computed by hand, and compared
with brute force over many zones.
"""

from datetime import UTC, datetime, timedelta
from functools import cache, partial
from random import Random
from zoneinfo import ZoneInfo

import pytest

from cron_texts import read
from depth import depth
from sql_factory import Connection, records, value, values

_SCHEDULE = "kronos.read_schedule(%(cron)s, null, null, %(zone)s, 'SHIFT_BY_GAP', %(overlap)s)"
_TICKS = f"select kronos.next_ticks({_SCHEDULE}, %(after)s, %(count)s)"
_MARKS = f"""
select kronos.local_text(tick, %(zone)s) as local, kronos.clock_change({_SCHEDULE}, tick) as mark
  from kronos.next_ticks({_SCHEDULE}, %(after)s, %(count)s) as tick
"""
_LINTS = (
    f"select kronos.lint_clock_changes({_SCHEDULE}, %(after)s::timestamptz, %(after)s::timestamptz + interval "
    "'30 days')"
)


def given(cron: str, zone: str, after: str, count: int = 0) -> dict[str, object]:
    return {"cron": cron, "zone": zone, "overlap": "FIRST", "after": f"{after}+00", "count": count}


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        # 2026-03-29 01:00 UTC: from 02:00 to 03:00
        ("30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", ["29 03:30 shifted", "30 02:30"]),
        ("30 2 * * *", "Europe/Berlin", "2026-03-29 01:00", ["29 03:30 shifted", "30 02:30"]),
        ("30 2 * * *", "Europe/Berlin", "2026-03-29 01:29:59.999999", ["29 03:30 shifted", "30 02:30"]),
        ("30 2 * * *", "Europe/Berlin", "2026-03-29 01:30", ["30 02:30", "31 02:30"]),
        ("0 2 * * *", "Europe/Berlin", "2026-03-28 12:00", ["29 03:00 shifted", "30 02:00"]),
        ("0,30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", ["29 03:00 shifted", "29 03:30 shifted", "30 02:00"]),
        ("*/20 2 * * *", "Europe/Berlin", "2026-03-29 01:10", ["29 03:20 shifted", "29 03:40 shifted", "30 02:00"]),
        # one that coincides with an existing tick, and its order among those
        ("30 2,3 * * *", "Europe/Berlin", "2026-03-28 12:00", ["29 03:30 shifted", "30 02:30", "30 03:30"]),
        ("0 2-4 * * *", "Europe/Berlin", "2026-03-28 12:00", ["29 03:00 shifted", "29 04:00", "30 02:00"]),
        (
            "*/30 1-3 * * *",
            "Europe/Berlin",
            "2026-03-29 00:10",
            ["29 01:30", "29 03:00 shifted", "29 03:30 shifted", "30 01:00"],
        ),
        ("15 2,3 * * *", "Europe/Berlin", "2026-03-29 01:05", ["29 03:15 shifted", "30 02:15"]),
        # the hour field begins with a star: real instants, none of which is missing
        ("30 * * * *", "Europe/Berlin", "2026-03-29 00:00", ["29 01:30", "29 03:30"]),
        ("30 */2 * * *", "Europe/Berlin", "2026-03-28 22:30", ["29 00:30", "29 04:30"]),
        # by the date and weekday of the missing time
        ("30 2 * 3 0L", "Europe/Berlin", "2026-03-01 00:00", ["29 03:30 shifted"]),
        # half an hour, at 02:00
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03 00:00", ["04 02:45 shifted", "05 02:15"]),
        (
            "0,15,45 2 * * *",
            "Australia/Lord_Howe",
            "2026-10-03 00:00",
            ["04 02:30 shifted", "04 02:45 shifted", "05 02:00"],
        ),
        # two hours, at 01:00 UTC
        ("30 1,2 * * *", "Antarctica/Troll", "2026-03-28 12:00", ["29 03:30 shifted", "29 04:30 shifted", "30 01:30"]),
        # at midnight, within the same day
        ("0 0 * * *", "America/Santiago", "2026-09-05 12:00", ["06 01:00 shifted", "07 00:00"]),
        # whole days: 30 December 2011, 21 August 1993, New Year's Eve 1994
        ("0 9 * * *", "Pacific/Apia", "2011-12-29 12:00", ["29 09:00", "31 09:00 shifted", "01 09:00"]),
        ("0 9 30 12 *", "Pacific/Apia", "2011-12-01 12:00", ["31 09:00 shifted"]),
        ("59 23 30 12 *", "Pacific/Apia", "2011-12-31 09:58", ["31 23:59 shifted"]),
        ("0 0,12 * * *", "Pacific/Apia", "2011-12-30 09:59", ["31 00:00 shifted", "31 12:00 shifted", "01 00:00"]),
        ("0 12 * * 6", "Pacific/Kwajalein", "1993-08-18 00:00", ["22 12:00 shifted", "28 12:00"]),
        ("0 12 31 12 *", "Pacific/Kiritimati", "1994-12-01 00:00", ["01 12:00 shifted"]),
    ],
)
def test_a_time_in_the_gap_moves_by_its_length(
    shared: Connection, cron: str, zone: str, after: str, expected: list[str]
) -> None:
    rows = records(shared, _MARKS, given(cron, zone, after, len(expected)))
    assert [f"{row['local'][8:10]} {row['local'][11:16]} {row['mark'] or ''}".strip() for row in rows] == expected


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        ("30 2 * * *", "Europe/Berlin", "2026-03-10", "02:30 on 2026-03-29 does not exist in Europe/Berlin, "
                                                      "as clocks go forward: the run moves by "
                                                      "1 hour, to 03:30"),
        (
            "0,30 2 * * *", "Europe/Berlin", "2026-03-10",
            "02:00 and 02:30 on 2026-03-29 do not exist in Europe/Berlin, "
            "as clocks go forward: the runs move by 1 hour, to 03:00 and 03:30",
        ),
        (
            "30 2,3 * * *", "Europe/Berlin", "2026-03-10",
            "02:30 on 2026-03-29 does not exist in Europe/Berlin, "
            "as clocks go forward: the run moves by 1 hour, to 03:30, merged with the run due "
            "then",
        ),
        (
            "*/15 2,3 * * *", "Europe/Berlin", "2026-03-10",
            "the 4 local times from 02:00 to 02:45 on 2026-03-29 do not exist in Europe/Berlin, "
            "as clocks go forward: the runs move by 1 hour, to "
            "03:00 through 03:45, "
            "merged with the runs due then",
        ),
        (
            "0,15 2 * * *", "Australia/Lord_Howe", "2026-09-10",
            "02:00 and 02:15 on 2026-10-04 do not exist in Australia/Lord_Howe, "
            "as clocks go forward: the runs move by 30 minutes, to 02:30 and "
            "02:45",
        ),
        (
            "0,30 1,2 * * *", "Antarctica/Troll", "2026-03-10",
            "the 4 local times from 01:00 to 02:30 on 2026-03-29 do not exist in Antarctica/Troll, "
            "as clocks go forward: the runs move by 2 hours, "
            "to 03:00 through 04:30",
        ),
        (
            "0,30 2,4 * * *", "Antarctica/Troll", "2026-03-10",
            "02:00 and 02:30 on 2026-03-29 do not exist in Antarctica/Troll, "
            "as clocks go forward: the runs move by 2 hours, to 04:00 and 04:30, "
            "merged with the runs due then",
        ),
        (
            "0 1,2,4 * * *", "Antarctica/Troll", "2026-03-10",
            "01:00 and 02:00 on 2026-03-29 do not exist in Antarctica/Troll, "
            "as clocks go forward: the runs move by 2 hours, to 03:00 and 04:00, "
            "1 of them merged with a run due then",
        ),
        (
            "0 9 30 12 *", "Pacific/Apia", "2011-12-10",
            "09:00 on 2011-12-30 does not exist in Pacific/Apia, "
            "as clocks go forward: the run moves by 24 hours, to 2011-12-31 09:00",
        ),
    ],
)  # fmt: skip
def test_a_lint_says_to_where(shared: Connection, cron: str, zone: str, after: str, expected: str) -> None:
    assert value(shared, _LINTS, given(cron, zone, f"{after} 00:00")) == [f"{expected} (dst_gap SHIFT_BY_GAP)"]


_ALL_CHANGES = """
select zone.name, extract(epoch from change.at)::bigint, extract(epoch from change.old_offset)::integer,
       extract(epoch from change.new_offset)::integer
  from pg_timezone_names as zone,
       kronos.zone_changes(zone.name, %(after)s, %(until)s) as change
 where zone.name !~ '^(posix|right|Etc)/' and position('/' in zone.name) > 0
   and change.new_offset > change.old_offset
 order by 1, 2
"""
_BETWEEN = f"select tick from kronos.next_ticks({_SCHEDULE}, %(after)s, 400) as tick where tick < %(until)s"


@pytest.mark.parametrize(("first", "last"), [(1990, 1996), (2009, 2013), (2024, 2028)])
def test_around_the_gaps_of_all_zones_each_minute_was_looked_at(shared: Connection, first: int, last: int) -> None:
    random = Random(first)
    window = {"after": datetime(first, 1, 1, tzinfo=UTC), "until": datetime(last, 1, 1, tzinfo=UTC)}
    gaps = shared.execute(_ALL_CHANGES, window).fetchall()
    assert len(gaps) > 400
    day_long = [gap for gap in gaps if gap[3] - gap[2] >= 6 * 3600]
    checked = 0
    for zone, change, old, new in random.sample(gaps, depth(30, deep=110)) + day_long:
        clock = ZoneInfo(zone)
        if {offset(clock, change - 1), offset(clock, change)} != {old, new} or (old % 60, new % 60, change % 60) != (
            0,
            0,
            0,
        ):
            continue  # Python's tzdata is of another release, or the zone has offsets with seconds
        cron = around(random, change + old, new - old)
        begin, end = change - random.randrange(1, 30 * 60) * 60, change + random.randrange(1, 50 * 60) * 60
        case = {
            "cron": cron,
            "zone": zone,
            "overlap": "FIRST",
            "after": at(begin) - timedelta(microseconds=1),
            "until": at(end),
        }
        assert values(shared, _BETWEEN, case) == brute_force(cron, clock, begin, end), case
        checked += 1
    assert checked > depth(20, deep=90)


def at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def offset(clock: ZoneInfo, second: int) -> int:
    found = datetime.fromtimestamp(second, clock).utcoffset()
    assert found is not None
    return int(found.total_seconds())


def around(random: Random, local: int, gap: int) -> str:
    """A cron text with fixed hours that names a time in the gap, and some times after it. The gap begins where the
    clocks would show `local`.
    """
    inside = datetime.fromtimestamp(local + random.randrange(gap), UTC)
    minutes = {inside.minute, *random.choices(range(0, 60, 5), k=random.randrange(3))}
    hours = {inside.hour, *((inside.hour + n) % 24 for n in random.choices(range(4), k=random.randrange(3)))}
    day = random.choice(["*", f"{inside.day}", "*/2", "L"])
    weekday = random.choice(["*", "*", f"{inside.isoweekday() % 7}"])
    listed = ",".join(str(minute) for minute in sorted(minutes)), ",".join(str(hour) for hour in sorted(hours))
    return f"{listed[0]} {listed[1]} {day} * {weekday}"


def brute_force(cron: str, clock: ZoneInfo, begin: int, end: int) -> list[datetime]:
    """Each minute from `begin` until `end`, exclusive, at which the clocks show a named time, or would show it if they
    had not gone forward.
    """
    reading = read(cron)
    found: list[datetime] = []
    shown: set[datetime] = set()
    offset_at = cache(partial(offset, clock))
    for second in range(begin - 30 * 3600, end, 60):
        now = offset_at(second)
        local = at(second + now)
        is_first = local not in shown
        shown.add(local)
        before = offset_at(second - 24 * 3600)
        # The clocks would show it, and no minute does: not now, nor (the gap has ended by then) before or after.
        is_left_out = before < now and offset_at(second - (now - before)) == before
        if second >= begin and (
            (is_first and reading.has_minute(local)) or (is_left_out and reading.has_minute(at(second + before)))
        ):
            found.append(at(second))
    return found
