"""Which instants calendars close, and what becomes of the ticks there, compared with plain Python
(tests/calendar_oracle.py).
"""

import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calendar_oracle import Named, PlainCalendar, run_of
from calendar_rows import WEEKDAYS, day, put_calendar
from depth import depth
from factory import add_workspace
from kronos.calendar_terms import BusinessHours, CalendarDay
from sql_factory import Connection, records, values

_ZONES = [
    *["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago"],
    *["Pacific/Kiritimati", "Etc/GMT+12", "Pacific/Apia"],  # 14 h ahead of UTC, 12 h behind it, and without 2011-12-30
]
_FROM = datetime(2026, 1, 1)  # noqa: DTZ001 - readings of a zone's clocks
_NAMED = st.builds(
    lambda after, minutes, is_day, is_open: Named(
        starts=_FROM + timedelta(days=after) if is_day else _FROM + timedelta(days=after, minutes=minutes),
        ends=_FROM + timedelta(days=after + 1 + minutes % 4)
        if is_day
        else _FROM + timedelta(days=after, minutes=2 * minutes + 1),
        name=f"{'open' if is_open else 'closed'} {after}",
        open=is_open,
    ),
    st.integers(-3, 40),
    st.integers(0, 1439),
    st.booleans(),
    st.sampled_from([False, False, False, True]),
)
_WEEKS = st.sampled_from([{0, 1, 2, 3, 4}, {0, 1, 2, 3, 4, 5, 6}, {6, 0, 1, 2, 3}, {2}, {0, 2, 4}])
_HOURS = st.sampled_from([(time(), time())] * 3 + [(time(9), time(17)), (time(0), time(12)), (time(6, 30), time())])
_CALENDARS = st.builds(
    lambda zone, weekdays, hours, named: PlainCalendar(
        zone=zone, weekdays=frozenset(weekdays), opens=hours[0], closes=hours[1], named=tuple(named)
    ),
    st.sampled_from(_ZONES),
    _WEEKS,
    _HOURS,
    st.lists(_NAMED, max_size=8),
)
# The dates to which a calendar is moved: unchanged; clock changes of both hemispheres; a day that does not exist; a
# year before a leap day.
_BY = st.sampled_from(
    [date(2026, 1, 1), date(2026, 3, 5), date(2026, 10, 8), date(2011, 12, 5), date(2027, 12, 10)]
).map(lambda begins: datetime.combine(begins, time()) - _FROM)
_FATES = """
select each.tick, fate.run_at, fate.reason ->> 'code' as code,
       case when fate.run_at is null
            then kronos.after_closed(schedule, %(on_blackout)s, null, null, each.tick, fate.until) end as following
  from kronos.read_schedule(%(cron)s, null, null, %(zone)s, 'SHIFT', 'FIRST') as schedule
 cross join lateral kronos.ticks_within(schedule, %(since)s, %(until)s, 3000) as each (tick)
 cross join lateral kronos.tick_fate(%(workspace_id)s, %(names)s, %(on_blackout)s, schedule, null, null, each.tick)
                        as fate
 order by each.tick
"""


def moved(calendar: PlainCalendar, by: timedelta) -> PlainCalendar:
    """The calendar with its named days shifted."""
    named = [replace(each, starts=each.starts + by, ends=each.ends + by) for each in calendar.named]
    return replace(calendar, named=tuple(named))


def stored(connection: Connection, workspace_id: uuid.UUID, calendar: PlainCalendar, name: str) -> None:
    """Store it as a row."""
    put_calendar(
        connection,
        workspace_id,
        name,
        days=[
            CalendarDay(
                starts=each.starts.isoformat(timespec="minutes"),
                ends=each.ends.isoformat(timespec="minutes"),
                name=each.name,
                open=each.open,
            )
            for each in calendar.named
        ],
        week=[WEEKDAYS[place] for place in sorted(calendar.weekdays)],
        hours=BusinessHours(
            opens=calendar.opens.isoformat("minutes"),
            closes="24:00" if calendar.closes == time() else calendar.closes.isoformat("minutes"),
        ),
        timezone=calendar.zone,
    )


@pytest.fixture
def workspace_id(shared_superuser: Connection) -> uuid.UUID:
    return add_workspace(shared_superuser)


@given(by=_BY, calendar=_CALENDARS, minutes=st.lists(st.integers(-5000, 60 * 24 * 45), min_size=20, max_size=60))
@settings(max_examples=depth(25, deep=150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_calendar_closes_the_instants_that_its_days_and_its_week_say(
    shared_superuser: Connection, workspace_id: uuid.UUID, by: timedelta, calendar: PlainCalendar, minutes: list[int]
) -> None:
    calendar = moved(calendar, by)
    stored(shared_superuser, workspace_id, calendar, "one")
    instants = [_FROM.replace(tzinfo=UTC) + by + timedelta(minutes=each) for each in minutes]
    edges = [each.replace(tzinfo=ZoneInfo(calendar.zone)) for own in calendar.named for each in (own.starts, own.ends)]
    instants += [each.astimezone(UTC) + step for each in edges for step in (timedelta(), -timedelta(microseconds=1))]
    found = records(
        shared_superuser,
        """
        select at.at, closed.calendar is not null as is_closed, closed.until
          from unnest(%(instants)s::timestamptz[]) with ordinality as at (at, nth)
         cross join lateral kronos.closed_by(%(workspace_id)s, '{one}', at.at) as closed
         order by at.nth
        """,
        {"instants": instants, "workspace_id": workspace_id},
    )
    assert [each["is_closed"] for each in found] == [calendar.closes_at(at) for at in instants]
    # Nothing is open before the end that a closure names: previews skip to it.
    for each in found:
        if each["is_closed"]:
            assert each["until"] > each["at"]
            within = each["at"] + (each["until"] - each["at"]) / 2
            assert calendar.closes_at(within), each
            assert calendar.closes_at(each["until"] - timedelta(seconds=1)), each


@given(
    by=_BY,
    calendars=st.lists(_CALENDARS, min_size=1, max_size=2),
    cron=st.sampled_from(
        [
            "0 9 * * *",
            "0 9 1,15 * *",
            "30 2 * * 6",
            "0 9,17 * * 6,0",
            "0 0 L * *",
            "15 */6 * * *",
            "0 12 * * 1",
            "*/20 8-10 1-3 * *",
        ]
    ),
    zone=st.sampled_from(_ZONES),
    on_blackout=st.sampled_from(["SKIP", "NEXT", "NEXT", "PREVIOUS", "PREVIOUS"]),
)
@settings(max_examples=depth(30, deep=200), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ticks_run_where_plain_python_says(
    shared_superuser: Connection,
    workspace_id: uuid.UUID,
    by: timedelta,
    calendars: list[PlainCalendar],
    cron: str,
    zone: str,
    on_blackout: str,
) -> None:
    calendars = [moved(each, by) for each in calendars]
    names = [f"c{place}" for place in range(len(calendars))]
    for name, calendar in zip(names, calendars, strict=True):
        stored(shared_superuser, workspace_id, calendar, name)
    given = {
        "cron": cron, "zone": zone, "names": names, "on_blackout": on_blackout, "workspace_id": workspace_id,
        "since": datetime(2025, 12, 20, tzinfo=UTC) + by, "until": datetime(2026, 2, 20, tzinfo=UTC) + by,
    }  # fmt: skip
    found = records(shared_superuser, _FATES, given)
    ticks = values(
        shared_superuser,
        "select kronos.ticks_within(kronos.read_schedule(%(cron)s, null, null, %(zone)s, 'SHIFT', 'FIRST'), "
        "%(since)s::timestamptz - interval '400 days', %(until)s::timestamptz + interval '400 days', 10000)",
        given,
    )
    expected = [(each["tick"], run_of(each["tick"], ticks, zone, calendars, on_blackout)) for each in found]
    assert [(each["tick"], each["run_at"]) for each in found] == expected
    for each in found:
        assert (each["code"] is None) == (each["run_at"] == each["tick"])
    for place, each in enumerate(found):
        if each["run_at"] is None:
            assert each["following"] > each["tick"]
            leapt = [other for other in found[place + 1 :] if other["tick"] < each["following"]]
            assert [other["run_at"] for other in leapt] == [None] * len(leapt), (each, "no run is skipped over")
    runs = [each["run_at"] for each in found if each["run_at"] is not None]
    if (
        all(calendar.opens == time() and calendar.closes == time() for calendar in calendars)
        and not any(
            named.starts.time() != time() or named.ends.time() != time() for own in calendars for named in own.named
        )
        and {calendar.zone for calendar in calendars} == {zone}
    ):
        assert runs == sorted(set(runs)), "when whole days are closed, runs neither overtake each other nor coincide"


@pytest.mark.parametrize(("on_blackout", "step"), [("NEXT", 1), ("PREVIOUS", -1)])
def test_the_first_of_the_month_rolls_to_the_trading_days_of_new_york(
    shared_superuser: Connection, workspace_id: uuid.UUID, on_blackout: str, step: int
) -> None:
    """According to the `holidays` package, which knows the exchange's days and computes the next and previous one."""
    exchange = holidays.financial_holidays("NYSE", years=range(2025, 2031))
    put_calendar(
        shared_superuser, workspace_id, "bank", days=[day(str(each), name=name) for each, name in exchange.items()],
        week=["mon", "tue", "wed", "thu", "fri"], timezone="America/New_York",
    )  # fmt: skip
    found = records(
        shared_superuser,
        _FATES,
        {
            "cron": "30 9 1 * *", "zone": "America/New_York", "names": ["bank"], "on_blackout": on_blackout,
            "workspace_id": workspace_id, "since": datetime(2026, 1, 1, tzinfo=UTC),
            "until": datetime(2030, 1, 1, tzinfo=UTC),
        },
    )  # fmt: skip
    new_york = ZoneInfo("America/New_York")
    firsts = [date(year, month, 1) for year in range(2026, 2030) for month in range(1, 13)]
    expected = [
        first if exchange.is_working_day(first) else exchange.get_nth_working_day(first, step) for first in firsts
    ]
    assert len([first for first, run in zip(firsts, expected, strict=True) if first != run]) > 10
    assert [each["run_at"].astimezone(new_york).date() for each in found] == expected
    assert {each["run_at"].astimezone(new_york).time() for each in found} == {time(9, 30)}


@pytest.mark.parametrize(
    ("cron", "on_blackout", "days", "expected"),
    [
        # across the end of a year
        ("0 9 1 1 *", "NEXT", [day("2026-12-24", "2027-01-03")], "2027-01-04T09:00:00+01:00"),
        ("0 9 1 1 *", "PREVIOUS", [day("2026-12-24", "2027-01-03")], "2026-12-23T09:00:00+01:00"),
        # onto a day on which clocks skip its time, and one on which they show it twice
        ("30 2 27 3 *", "NEXT", [day("2027-03-27")], "2027-03-28T03:00:00+02:00"),
        ("30 2 30 10 *", "NEXT", [day("2027-10-30")], "2027-10-31T02:30:00+02:00"),
        # no open day within a year
        ("0 9 1 1 *", "NEXT", [day("2026-01-01", "2028-12-31")], None),
        ("0 9 1 1 *", "NEXT", [day("2027-01-01", "2027-12-30")], "2027-12-31T09:00:00+01:00"),
        # of several closed days in a row, the nearest is taken
        ("0 9 1,2 1 *", "NEXT", [day("2027-01-01", "2027-01-02")], None),
        ("0 9 31,1 12,1 *", "PREVIOUS", [day("2026-12-31", "2027-01-01")], None),
    ],
)  # fmt: skip
def test_rolls_at_their_edges(
    shared_superuser: Connection,
    workspace_id: uuid.UUID,
    cron: str,
    on_blackout: str,
    days: list[CalendarDay],
    expected: str | None,
) -> None:
    put_calendar(shared_superuser, workspace_id, "edges", days=days, timezone="Europe/Berlin")
    found = records(
        shared_superuser,
        _FATES,
        {
            "cron": cron, "zone": "Europe/Berlin", "names": ["edges"], "on_blackout": on_blackout,
            "workspace_id": workspace_id, "since": datetime(2027, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")),
            "until": datetime(2028, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")),
        },
    )  # fmt: skip
    assert found[0]["run_at"] == (datetime.fromisoformat(expected) if expected else None), found[0]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Etc/GMT+12"])
@pytest.mark.parametrize(
    ("cron", "on_blackout", "runs"),
    [
        # the last day with ticks moves although the one before it does not
        ("0 13 1,2 6 *", "NEXT", [None, 4]),
        # none of the mornings is open; the later ticks of the same day move
        ("0 9,13,17 2 6 *", "NEXT", [None, 4, 4]),
        ("0 9,13,17 2 6 *", "PREVIOUS", [None, 0, 0]),
        ("0 13 1,2 6 *", "PREVIOUS", [0, None]),
    ],
)
def test_what_a_look_leaps_over_ends_where_the_next_may_run(
    shared_superuser: Connection,
    workspace_id: uuid.UUID,
    zone: str,
    cron: str,
    on_blackout: str,
    runs: list[int | None],
) -> None:
    """The first three days of June 2027 are closed, and so is every morning. Run 0 is the last day of May."""
    put_calendar(
        shared_superuser, workspace_id, "shut", days=[day("2027-06-01", "2027-06-03")], timezone=zone,
        hours=BusinessHours(opens="12:00", closes="24:00"),
    )  # fmt: skip
    found = records(
        shared_superuser,
        _FATES,
        {
            "cron": cron, "zone": zone, "names": ["shut"], "on_blackout": on_blackout, "workspace_id": workspace_id,
            "since": datetime(2027, 5, 20, tzinfo=UTC), "until": datetime(2027, 6, 20, tzinfo=UTC),
        },
    )  # fmt: skip
    days = [each["run_at"] and each["run_at"].astimezone(ZoneInfo(zone)).date() for each in found]
    assert days == [None if run is None else date(2027, 5, 31) + timedelta(days=run) for run in runs]
    for each, following in pairwise(found):
        if each["run_at"] is None and following["run_at"] is not None:
            assert each["following"] == following["tick"]


def test_a_day_before_the_job_begins_has_no_ticks_that_keep_others_from_moving_back(
    shared_superuser: Connection,
) -> None:
    (found,) = values(
        shared_superuser,
        "select kronos.after_closed(kronos.read_schedule('0 9,13 1,2 6 *', null, null, 'UTC', 'SHIFT', 'FIRST'),"
        " 'PREVIOUS', '2027-06-02Z', null, '2027-06-02 09:00Z', '2027-06-04Z')",
    )
    assert found == datetime(2027, 6, 2, 13, tzinfo=UTC)
