"""Lints: a preview warns about a schedule that may surprise, and not about ordinary ones."""

from datetime import UTC, datetime

import psycopg
import pytest

Connection = psycopg.Connection[tuple[object, ...]]
JANUARY = datetime(2026, 1, 10, tzinfo=UTC)

_LINT = """
select kronos.lint_schedule(%(cron)s, schedule, %(after)s, %(until)s)
  from kronos.read_schedule(%(cron)s, %(every)s, %(anchor)s, %(zone)s, %(gap)s, %(overlap)s) as schedule
"""


def lints(
    connection: Connection,
    cron: str | None,
    *,
    zone: str = "UTC",
    gap: str = "SHIFT",
    overlap: str = "FIRST",
    every: str | None = None,
    after: datetime = JANUARY,
    until: datetime | None = None,
) -> list[str]:
    given = {"cron": cron, "zone": zone, "gap": gap, "overlap": overlap, "every": every, "after": after, "until": until}
    row = connection.execute(_LINT, given | {"anchor": JANUARY if every else None}).fetchone()
    assert row is not None
    assert isinstance(row[0], list)
    return row[0]


@pytest.mark.parametrize(
    "cron",
    [
        "* * * * *",
        "*/5 * * * *",
        "*/15 9-17 * * 1-5",
        "* 9-17 * * 1-5",
        "0 * * * *",
        "0 9 * * *",
        "0 9,17 * * *",
        "30 2 * * *",
        "0 */2 * * *",
        "0 */6 * * *",
        "0 9 * * 1",
        "0 9 * * mon-fri",
        "0 0 1 * *",
        "0 0 1,15 * *",
        "0 0 28 * *",
        "0 0 25-31 * *",
        "0 0 1-31 * *",
        "0 0 1 */3 *",
        "0 0 31 1,3,12 *",
        "0 0 30 4 *",
        "0 0 $ * *",
        "0 0 L * *",
        "0 0 LW * *",
        "0 0 15W * *",
        "0 0 2W * *",
        "0 9 * * 5#2",
        "0 9 * * 5L",
        "0 0 L-3 * *",
        "0 0 L-3W * ?",
        "0 0 ? * ?",
        "0 22-6 * * *",
        "0 22-6/2 * * *",
        "55-5/2 * * * *",
        "5-4/12 * * * *",
        "0 0 * nov-feb fri-mon",
        "0 0 25-5 * *",
        "0 0 25-5/6 * *",
        "5-5/7 * * * *",
        "0 0 */31 * *",
        "0 0 1 */12 *",
        "0 0 * * 7-2/2",
        "@hourly",
        "@daily",
        "@weekly",
        "@monthly",
        "@yearly",
        # A step that starts again only after the last tick is exact while it lasts, and a range that is meant to end
        # there ends there.
        "*/7 9 * * *",
        "*/7 9,17 * * *",
        "0 */5 * * 1",
        "0-30/7 * * * *",
        "5-59/10 * * * *",
        "0 8-18/3 * * *",
    ],
)
def test_nothing_is_said_of_an_ordinary_schedule(shared: Connection, cron: str) -> None:
    assert lints(shared, cron) == []


@pytest.mark.parametrize(
    "cron", ["* * * * *", "*/15 * * * *", "0 * * * *", "30 */1 * * *", "0 9 * * 1-5", "30 4 * * *", "0 0 1 * *"]
)
def test_nothing_is_said_of_runs_that_no_clock_change_touches(shared: Connection, cron: str) -> None:
    assert lints(shared, cron, zone="Europe/Berlin") == []


@pytest.mark.parametrize(
    ("cron", "lint"),
    [
        (
            "*/7 * * * *",
            "*/7 in the minute field is not every 7 minutes: after minute 56 comes minute 0 of the next hour, 4 "
            "minutes later; "
            "for evenly spaced ticks use an interval, every 7m",
        ),
        (
            "*/45 9-17 * * *",
            "*/45 in the minute field is not every 45 minutes: after minute 45 comes minute 0 of the next hour, 15 "
            "minutes later; "
            "for evenly spaced ticks use an interval, every 45m",
        ),
        (
            "3-59/7 * * * *",
            "3-59/7 in the minute field is not every 7 minutes: after minute 59 comes minute 3 of the next hour, 4 "
            "minutes later; "
            "for evenly spaced ticks use an interval, every 7m",
        ),
        (
            "0 */5 * * *",
            "*/5 in the hour field is not every 5 hours: after hour 20 comes hour 0 of the next day, 4 hours later; "
            "for evenly spaced ticks use an interval, every 5h",
        ),
        (
            "0 */9 * * 6,0",
            "*/9 in the hour field is not every 9 hours: after hour 18 comes hour 0 of the next day, 6 hours later; "
            "for evenly spaced ticks use an interval, every 9h",
        ),
        (
            "0 0 */2 * *",
            "*/2 in the day of month field is not every 2 days: it starts again on day 1 of each month; "
            "for evenly spaced days use an interval, every 2d",
        ),
        (
            "0 0 * * */2",
            "*/2 in the weekday field is not every 2 days: after Saturday comes Sunday of the next week, 1 day later; "
            "for evenly spaced ticks use an interval, every 2d",
        ),
        (
            "0 0 * * 7-6/2",
            "7-6/2 in the weekday field is not every 2 days: after Saturday comes Sunday of the next week, 1 day "
            "later; for evenly spaced ticks use an interval, every 2d",
        ),
        (
            "0 0 1 */5 *",
            "*/5 in the month field is not every 5 months: after November comes January of the next year, 2 months "
            "later",
        ),
        (
            "* 9 * * *",
            "every minute of the hours that it names: 60 runs in each; for one run in each write 0 in the minute "
            "field, 0 9 * * *",
        ),
        (
            "* */2 * * 1",
            "every minute of the hours that it names: 60 runs in each; for one run in each write 0 in the minute "
            "field, 0 */2 * * 1",
        ),
        (
            "0 0 31 * *",
            "day 31 does not exist in February, April, June, September and November: it does not run then; $ is the "
            "last day of every month",
        ),
        ("0 0 30 * *", "day 30 does not exist in February: it does not run then; $ is the last day of every month"),
        (
            "0 0 29 * *",
            "February has a day 29 only in leap years: in other years it does not run then; $ is the last day of "
            "every month",
        ),
        ("0 0 29 2 *", "February has a day 29 only in leap years: in other years it does not run then"),
        (
            "0 0 13 * 5",
            "day of month and weekday are both given, and either is enough: it runs on day 13 of the month and also "
            "on Friday; "
            "for a weekday of a certain week write 1#1, the first Monday",
        ),
        (
            "0 0 13 * */5",
            "*/5 in the weekday field begins with *, so both day fields have to match: "
            "it runs on day 13 of the month, only if it is Friday or Sunday",
        ),
        (
            "0 0 */2 * 1",
            "*/2 in the day of month field begins with *, so both day fields have to match: "
            "it runs on every 2nd day from 1 through 31 of the month, only if it is Monday",
        ),
        (
            "0 0 1-31 * 5",
            "1-31 in the day of month field is every day, and either of the two day fields is enough: it runs every "
            "day; "
            "with * in its place the other field decides",
        ),
        (
            "0 0 13 * 0-6",
            "0-6 in the weekday field is every day, and either of the two day fields is enough: it runs every day; "
            "with * in its place the other field decides",
        ),
        (
            "0 9 * * 5#5",
            "only some months have a fifth Friday: in the others it does not run; 5L is the last Friday of every month",
        ),
        (
            "5-4/7 * * * *",
            "5-4/7 in the minute field is not every 7 minutes: after minute 1 comes minute 5, 4 minutes later; "
            "for evenly spaced ticks use an interval, every 7m",
        ),
        (
            "0 0 * * 1-0/2",
            "1-0/2 in the weekday field is not every 2 days: after Sunday comes Monday, 1 day later; "
            "for evenly spaced ticks use an interval, every 2d",
        ),
        (
            "0 0 25-5/3 * *",
            "25-5/3 in the day of month field counts 31 days in each month: across the end of a shorter one its days "
            "are not always 3 apart",
        ),
        ("0 0 31-2 4 *", "day 31 does not exist in April: it does not run then; $ is the last day of every month"),
        ("0 0 L-28 * *", "L-28 is before the first day of February, except in leap years: it does not run then"),
        ("0 0 L-29W * *", "L-29 is before the first day of February: it does not run then"),
        ("0 0 L-30 1-4 *", "L-30 is before the first day of February and April: it does not run then"),
        ("0 9 1W * *", "1W stays in its month: where day 1 is a Saturday, it runs on Monday, day 3"),
        (
            "0 9 30W 6 *",
            "30W stays in its month: where day 30 is the last of its month and a Sunday, it runs on Friday, day 28",
        ),
    ],
)
def test_a_lint_says_what_may_surprise(shared: Connection, cron: str, lint: str) -> None:
    assert lints(shared, cron) == [lint]


def test_the_nearest_weekday_to_a_day_that_a_month_lacks_has_its_own_remedy(shared: Connection) -> None:
    assert lints(shared, "0 0 31W 3,4 *") == [
        "day 31 does not exist in April: it does not run then; LW is the last weekday (Monday through Friday) of every "
        "month",
        "31W stays in its month: where day 31 is the last of its month and a Sunday, it runs on Friday, day 29",
    ]


def test_a_schedule_that_is_over_says_so(shared: Connection) -> None:
    assert lints(shared, "0 0 30 2 *") == [
        "the schedule does not fire again",
        "day 30 does not exist in February: it does not run then",
    ]
    assert lints(shared, "0 9 * * *", until=datetime(2026, 1, 10, 9, tzinfo=UTC)) == [
        "the schedule does not fire again"
    ]
    assert lints(shared, "0 9 * * *", until=datetime(2026, 1, 10, 9, 1, tzinfo=UTC)) == []


@pytest.mark.parametrize(
    ("cron", "zone", "gap", "overlap", "expected"),
    [
        (
            "30 2 * * *", "Europe/Berlin", "SHIFT", "FIRST",
            [
                "02:30 on 2026-03-29 does not exist in Europe/Berlin, "
                "as clocks go forward: the run moves to 03:00 (dst_gap SHIFT)",
                "02:30 on 2026-10-25 occurs twice in Europe/Berlin, "
                "as clocks go back: it runs the first time only (dst_overlap FIRST)",
            ],
        ),
        (
            "30 2 * * *", "Europe/Berlin", "SKIP", "BOTH",
            [
                "02:30 on 2026-03-29 does not exist in Europe/Berlin, "
                "as clocks go forward: the run is skipped (dst_gap SKIP)",
                "02:30 on 2026-10-25 occurs twice in Europe/Berlin, "
                "as clocks go back: it runs both times (dst_overlap BOTH)",
            ],
        ),
        (
            "30 */2 * * *", "Europe/Berlin", "SHIFT", "FIRST",
            [
                "02:30 on 2026-03-29 does not exist in Europe/Berlin, "
                "as clocks go forward: nothing runs instead, because an hour field "
                "that begins with * means real instants",
                "02:30 on 2026-10-25 occurs twice in Europe/Berlin, "
                "as clocks go back: it runs both times, because an hour field that "
                "begins with * means real instants",
            ],
        ),
        (
            "0,30 2 * * *", "Europe/Berlin", "SHIFT", "FIRST",
            [
                "02:00 and 02:30 on 2026-03-29 do not exist in Europe/Berlin, "
                "as clocks go forward: the runs move to 03:00, merged into one run "
                "(dst_gap SHIFT)",
                "02:00 and 02:30 on 2026-10-25 occur twice in Europe/Berlin, "
                "as clocks go back: it runs the first time only "
                "(dst_overlap FIRST)",
            ],
        ),
        (
            "*/15 2,3 * * *", "Europe/Berlin", "SHIFT", "FIRST",
            [
                "the 4 local times from 02:00 to 02:45 on 2026-03-29 do not exist in Europe/Berlin, "
                "as clocks go forward: the runs move to 03:00, "
                "merged with the run due at 03:00 (dst_gap SHIFT)",
                "the 4 local times from 02:00 to 02:45 on 2026-10-25 occur twice in Europe/Berlin, "
                "as clocks go back: it runs the first "
                "time only "
                "(dst_overlap FIRST)",
            ],
        ),
        # half an hour: forward at 02:00, and back at 02:00
        ("15 2 * * *", "Australia/Lord_Howe", "SHIFT", "FIRST", [
            "02:15 on 2026-10-04 does not exist in Australia/Lord_Howe, "
            "as clocks go forward: the run moves to 02:30 (dst_gap SHIFT)",
        ]),
        ("45 1 * * *", "Australia/Lord_Howe", "SHIFT", "FIRST", [
            "01:45 on 2026-04-05 occurs twice in Australia/Lord_Howe, "
            "as clocks go back: it runs the first time only (dst_overlap FIRST)",
        ]),
        ("30 2 * * *", "Asia/Kolkata", "SHIFT", "FIRST", []),
    ],
)  # fmt: skip
def test_runs_that_clock_changes_touch_within_a_year_are_named(
    shared: Connection, cron: str, zone: str, gap: str, overlap: str, expected: list[str]
) -> None:
    assert lints(shared, cron, zone=zone, gap=gap, overlap=overlap) == expected


def test_clock_changes_after_the_end_are_not_named(shared: Connection) -> None:
    end = datetime(2026, 6, 1, tzinfo=UTC)
    assert lints(shared, "30 2 * * *", zone="Europe/Berlin", until=end) == [
        "02:30 on 2026-03-29 does not exist in Europe/Berlin, "
        "as clocks go forward: the run moves to 03:00 (dst_gap SHIFT)"
    ]


def test_a_day_of_real_time_is_not_a_time_of_day(shared: Connection) -> None:
    assert lints(shared, None, every="2d", zone="Europe/Berlin") == [
        "every 2 days counts real time: from 2026-03-29 on its runs are at another time of day in Europe/Berlin; "
        "for the same time of day give the anchor without an offset, 2026-01-10T01:00:00"
    ]
    assert lints(shared, None, every="90m", zone="Europe/Berlin") == []
    assert lints(shared, None, every="2d", zone="Asia/Kolkata") == []


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("EST", "EST has no daylight saving time, not even in summer: for clocks that change, name a city, such as "
                "America/New_York"),
        ("MST", "MST has no daylight saving time, not even in summer: for clocks that change, name a city, such as "
                "America/Denver"),
        ("Etc/GMT+5", "Etc/GMT+5 is 5 hours behind UTC: the sign in its name is the opposite"),
        ("Etc/GMT-1", "Etc/GMT-1 is 1 hour ahead of UTC: the sign in its name is the opposite"),
    ],
)  # fmt: skip
def test_a_zone_that_is_not_what_its_name_says_is_warned_about(shared: Connection, zone: str, said: str) -> None:
    """By the name alone: not every machine has the zone EST."""
    assert shared.execute("select kronos.lint_zone(%s)", [zone]).fetchall() == [([said],)]


def test_a_schedule_in_such_a_zone_has_the_warning(shared: Connection) -> None:
    said = "Etc/GMT+5 is 5 hours behind UTC: the sign in its name is the opposite"
    assert lints(shared, "0 9 * * *", zone="Etc/GMT+5") == [said]


@pytest.mark.parametrize("zone", ["HST", "Etc/GMT", "Etc/GMT+0", "Etc/UTC", "America/Phoenix", "EST5EDT", "UTC"])
def test_a_zone_that_is_what_its_name_says_is_not(shared: Connection, zone: str) -> None:
    assert shared.execute("select kronos.lint_zone(%s)", [zone]).fetchall() == [([],)]
