"""A crontab entry and its job have the same ticks for a year: compared with cron's own loop, and with cronsim."""

import re
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

import cron_texts
from depth import depth
from imports import vixie
from imports.ticks import Connection, ticks
from kronos.imports import crontab
from kronos.imports.translation import Terms, Translated, Untranslated

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Antarctica/Troll"]
SCHEDULES = [
    "17 * * * *",
    "0 */2 * * *",
    "*/20 1-3 * * *",
    "30 1 * * *",
    "30 2 * * *",
    "0 3 * * *",
    "15 2 * * sun",
    "0 9 1,15 * mon",
    "0 9 */2 * mon",
    "0 12 1-7 * *",
    "59 23 31 * *",
    "0 0 * * fri-sun",
    "0 6 * jan-mar,dec 1-5",
    "5 4 * * 7",
    "0 1-3/2 * * *",
    "0 0 */40 * *",
    "*/90 2 * * *",  # a step beyond the last value means minute 0 only, and is still a star when clocks change
    "30 */24 * * *",
    "*/90 */24 * * *",
]


def one(schedule: str, zone: str = "UTC") -> Translated | Untranslated:
    (found,) = crontab.translate(f"{schedule} /bin/true\n", Terms(endpoint="box", timezone=zone), is_system=False)
    assert isinstance(found, Translated | Untranslated)
    return found


def job_of(schedule: str, zone: str) -> Translated:
    found = one(schedule, zone)
    assert isinstance(found, Translated), found
    return found


@pytest.mark.parametrize("zone", ZONES)
def test_a_job_ticks_as_crons_own_loop_where_clocks_are_changed(shared_superuser: Connection, zone: str) -> None:
    """When one gap skips several fixed times, cron runs each of them at its end, and we have one tick: the only
    difference."""
    windows = vixie.changes(zone) or [(vixie.BEGIN, vixie.BEGIN + timedelta(days=40))]
    assert len(windows) == {"UTC": 1}.get(zone, 2)
    for schedule in SCHEDULES:
        entry, job = vixie.read(schedule), job_of(schedule, zone).job
        for begin, end in windows:
            expected = sorted(set(vixie.runs(entry, zone, begin, end)))
            assert ticks(shared_superuser, job, begin, end) == expected, (schedule, begin)


@pytest.mark.parametrize("schedule", ["*/20 1-3 * * *", "30 2 * * *", "0 9 */2 * mon"])
def test_a_job_ticks_as_crons_own_loop_runs_it_for_a_year(shared_superuser: Connection, schedule: str) -> None:
    expected = sorted(set(vixie.runs(vixie.read(schedule), "Europe/Berlin", vixie.BEGIN, vixie.END)))
    assert ticks(shared_superuser, job_of(schedule, "Europe/Berlin").job, vixie.BEGIN, vixie.END) == expected
    assert len(expected) > 20


@pytest.mark.parametrize("zone", ZONES[:3])
def test_a_job_ticks_as_cronsim_has_it(shared_superuser: Connection, zone: str) -> None:
    clock = ZoneInfo(zone)
    # cronsim excludes its start, and returns local times
    for schedule in [each for each in SCHEDULES if not re.search("40|90|24|-sun", each)]:
        simulated = CronSim(schedule, (vixie.BEGIN - timedelta(minutes=1)).astimezone(clock))
        expected = [each.astimezone(UTC) for each in takewhile(lambda at: at.astimezone(UTC) < vixie.END, simulated)]
        assert ticks(shared_superuser, job_of(schedule, zone).job, vixie.BEGIN, vixie.END) == expected, schedule


def test_what_follows_the_clock_in_cron_follows_it_here() -> None:
    """With a star in the minute, an entry follows the clock: it does not run in a skipped hour, and runs twice in a
    repeated one."""
    job = job_of("*/5 1-3 * * *", "Europe/Berlin").job
    assert (job["dst_gap"], job["dst_overlap"]) == ("SKIP", "BOTH")
    assert "dst_gap" not in job_of("*/5 * * * *", "Europe/Berlin").job
    assert "dst_gap" not in job_of("*/5 1-3 * * *", "UTC").job


_numbers = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 7)}


@st.composite
def fields(draw: st.DrawFn, low: int, high: int, names: list[str]) -> str:
    def value() -> str:
        number = draw(st.integers(low, high))
        return names[number - low] if number - low < len(names) and draw(st.booleans()) else str(number)

    def part() -> str:
        match draw(st.sampled_from(["*", "*/n", "n", "n", "a-b", "a-b/n", "n/s"])):
            case "*":
                return "*"
            case "*/n":
                return f"*/{draw(st.integers(1, 70))}"
            case "n":
                return value()
            case "n/s":
                return f"{value()}/{draw(st.integers(1, 70))}"
            case kind:
                return f"{value()}-{value()}" + (f"/{draw(st.integers(1, 70))}" if kind == "a-b/n" else "")

    return ",".join(part() for _ in range(draw(st.integers(1, 3))))


schedules = st.tuples(
    fields(0, 59, []), fields(0, 23, []), fields(1, 31, []), fields(1, 12, vixie.MONTHS), fields(0, 7, vixie.WEEKDAYS)
).map(" ".join)


@settings(max_examples=depth(200, deep=5000), deadline=None)
@given(schedules)
def test_each_schedule_is_the_same_days_and_times_or_is_refused(schedule: str) -> None:
    """Checked for each day of four years. Reading our own texts is proven against next_tick elsewhere
    (tests/sql/test_next_tick.py)."""
    found = one(schedule)
    if isinstance(found, Untranslated):
        assert is_refused_with_a_reason(schedule, found.reason), (schedule, found.reason)
        return
    theirs, ours = vixie.read(schedule), cron_texts.read(found.job["cron"])
    assert (sorted(theirs.bits[0]), sorted(theirs.bits[1])) == (sorted(ours.minutes), sorted(ours.hours))
    noon = datetime(2024, 1, 1, min(theirs.bits[1]), min(theirs.bits[0]), tzinfo=UTC)
    for number in range(1461):
        day = noon + timedelta(days=number)
        assert theirs.has(day) == ours.has_day(day.date()), day


def is_refused_with_a_reason(schedule: str, reason: str) -> bool:
    """Whether cron rejects it too, finds no value in a part of it, or crons disagree about it."""
    try:
        vixie.read(schedule)
    except vixie.BadEntryError:
        return "crons disagree" in reason or "not between" in reason or "not the name" in reason or "backward" in reason
    return "backward" in reason
