"""The coming load of jobs with calendars is the sum of each job's own next runs."""

import random
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from calendar_rows import day, put_calendar
from depth import depth
from factory import EndpointRow, add_endpoint
from kronos.calendar_terms import BusinessHours, Weekday
from kronos.load import LoadRow, of_rows
from moved_clock import MovedClock
from sql.test_calendar_jobs import job_at
from sql_factory import Connection, make_cron_job, records, values

MINUTE = timedelta(minutes=1)
JOBS = depth(28, deep=60)
_WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri")
_ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York")
# A Friday before a weekend, a Saturday within one, and days on which clocks go forward and back in two of the zones.
SINCE = (
    datetime(2027, 3, 5, 13, 7, tzinfo=UTC),
    datetime(2027, 6, 12, 2, 30, tzinfo=UTC),
    datetime(2027, 3, 27, 20, 0, tzinfo=UTC),
    datetime(2027, 10, 30, 5, 0, tzinfo=UTC),
)
_COMING = """
select coming.*, %(from)s::timestamptz as from_at
  from kronos.coming_hours(%(workspace)s, %(from)s, %(to)s, %(schedules)s) as coming
"""
# Each job's runs until three days after the window, or 150 of them.
_NEXT = """
select (run ->> 'at')::timestamptz
  from kronos.jobs as job
 cross join lateral (select listed.next_runs
                       from unnest(array[12, 40, 150]) as most
                      cross join lateral kronos.runs_to_come(job, most) as listed
                      where most = 150 or jsonb_array_length(listed.next_runs) < most
                         or (listed.next_runs -> -1 ->> 'at')::timestamptz >= %(to)s + interval '3 days'
                      limit 1) as coming
 cross join lateral jsonb_array_elements(coming.next_runs) as run
 where job.workspace_id = %(workspace)s and (run ->> 'at')::timestamptz < %(to)s
"""
_WRITTEN = """
update kronos.jobs
   set cron = %(cron)s, every = %(every)s, timezone = %(zone)s, anchor = %(anchor)s, anchor_local = %(local)s,
       starts_at = %(starts_at)s, ends_at = %(ends_at)s, status = %(status)s, resume_at = %(resume_at)s,
       schedule = kronos.read_schedule(%(cron)s, %(every)s, %(anchor)s, %(zone)s, 'SHIFT', 'FIRST', %(local)s)
 where job_id = %(job_id)s
"""
PLACED = """
update kronos.pointers as pointer
   set next_tick_at = place.due_at, tick_at = place.tick_at
  from kronos.jobs as job
 cross join lateral kronos.first_waiting(job.schedule, job.on_blackout, %(since)s) as waiting
 cross join lateral (select min(kronos.next_tick(job.schedule, greatest(at, job.starts_at - interval '1 us'))) as tick
                       from unnest(array[waiting - interval '1 us', %(since)s]) as at) as first
 cross join lateral kronos.pointer_at(job, first.tick) as place
 where job.workspace_id = %(workspace)s and pointer.job_id = job.job_id
"""


def calendars(connection: Connection, workspace_id: uuid.UUID, since: datetime) -> None:
    """Store calendars with weekends, office hours in another zone, and days that are closed or exceptionally open."""
    near = [f"{since + timedelta(days=n):%Y-%m-%d}" for n in range(5)]
    put_calendar(connection, workspace_id, "week", week=_WEEK)
    put_calendar(
        connection, workspace_id, "office", week=_WEEK, hours=BusinessHours(opens="08:15", closes="18:00"),
        timezone="Europe/Berlin",
    )  # fmt: skip
    days = [
        day(near[0], near[1]), day(f"{near[3]}T10:00", f"{near[3]}T14:30"), day(f"{near[1]}T01:30", f"{near[1]}T12:00"),
        day(near[2], open=True),
    ]  # fmt: skip
    put_calendar(connection, workspace_id, "fair", days=days, timezone="America/New_York")
    mornings = [
        day(each, f"{each}T{hours}") for each, hours in zip(near, ("06:00", "12:30", "18:00", "11:00"), strict=False)
    ]
    put_calendar(connection, workspace_id, "mornings", days=mornings)


def schedules(choose: random.Random, since: datetime) -> dict[str, object]:
    """A job's schedule, of any kind, ticking rarely or often."""
    hour, minute, weekday = choose.randrange(24), choose.randrange(45), choose.randrange(7)
    anchor = (since - timedelta(days=choose.randrange(40), minutes=minute)).replace(second=0)
    crons = [
        f"{minute} * * * *", f"{minute} {hour} * * *", f"{minute} {hour},23 * * {weekday}", f"30 2 * * {weekday},0",
        f"{minute} {hour} {since.day} * *", f"*/20 9-17 * * {weekday}", f"0 {hour} 1,15 * *", "15 0 * * 6",
        f"{minute} 2-22/4 * * {weekday}", f"{minute} */3 {(since + timedelta(days=1)).day} * *",
    ]  # fmt: skip
    kinds: list[dict[str, object]] = [{"cron": each} for each in crons]
    kinds += [{"every": each, "anchor": anchor} for each in ("90m", "168h", "26h")]
    kinds += [{"every": each, "local": anchor.replace(tzinfo=None)} for each in ("1d", "3d", "2w", "1mo")]
    return choose.choice(kinds)


def written(connection: Connection, endpoint: EndpointRow, choose: random.Random, since: datetime) -> None:
    """Insert a job that has existed for long, with calendars and perhaps a window or a pause that ends."""
    names: Sequence[str] = choose.choice(
        [[], ["week"], ["office"], ["fair", "week"], ["week", "fair", "office"], ["mornings"]]
    )
    windows: list[dict[str, object]] = [{}, {}, {"ends_at": since + timedelta(hours=choose.randrange(20, 90))}]
    windows += [{"starts_at": since + timedelta(hours=choose.randrange(1, 60))}]
    pauses: list[dict[str, object]] = [{}, {}, {}, {"status": "PAUSED", "resume_at": since + timedelta(hours=30)}]
    terms = {
        **dict.fromkeys(("cron", "every", "anchor", "local", "starts_at", "ends_at", "resume_at")),
        "status": "ACTIVE", "zone": choose.choice(_ZONES), **schedules(choose, since), **choose.choice(windows),
        **choose.choice(pauses),
    }  # fmt: skip
    job_id = make_cron_job(
        connection, endpoint, calendars=names, ticks_from=since - timedelta(days=800), next_tick_at=since,
        on_blackout=choose.choice(["SKIP", "NEXT", "PREVIOUS"]) if names else "SKIP",
    )  # fmt: skip
    connection.execute(_WRITTEN, terms | {"job_id": job_id})


@pytest.mark.parametrize("since", SINCE)
def test_the_load_is_what_each_job_says_of_its_next_runs(superuser: Connection, since: datetime) -> None:
    MovedClock(superuser).set(since)
    choose = random.Random(f"load {since}")
    endpoint = add_endpoint(superuser)
    calendars(superuser, endpoint.workspace_id, since)
    until = since + 3 * 1440 * MINUTE
    for _ in range(JOBS):
        written(superuser, endpoint, choose, since)
    params = {"workspace": endpoint.workspace_id, "from": since, "to": until, "since": since, "schedules": 1000}
    superuser.execute(PLACED, params)
    found = of_rows([LoadRow(**row) for row in records(superuser, _COMING, params)], 3 * 1440)
    shown = {found.from_at + nth * MINUTE: runs for nth, runs in enumerate(found.runs) if runs}
    expected = Counter(at.replace(second=0) for at in values(superuser, _NEXT, params))
    differs = {at: (expected.get(at, 0), shown.get(at, 0)) for at in expected.keys() | shown.keys()}
    assert {at: each for at, each in sorted(differs.items()) if each[0] != each[1]} == {}
    assert (found.left_out, sum(expected.values()) > JOBS) == (0, True)


@pytest.mark.parametrize(
    ("cron", "on_blackout", "hours"),
    [("30 0 * * 0", "NEXT", 12), ("30 0 * * 6,0", "NEXT", 12), ("30 0 * * 0", "PREVIOUS", -60)],
)
def test_a_tick_between_two_midnights_of_a_day_is_moved_as_any(
    superuser: Connection, cron: str, on_blackout: str, hours: int
) -> None:
    """On the Azores, 0:30 comes twice on that Sunday. The first one is the tick."""
    since = datetime(2027, 10, 31, 0, 0, tzinfo=UTC) + timedelta(hours=hours)
    MovedClock(superuser).set(since)
    endpoint = add_endpoint(superuser)
    put_calendar(superuser, endpoint.workspace_id, "week", week=_WEEK, timezone="Atlantic/Azores")
    job_id = job_at(superuser, endpoint, cron, on_blackout, since=since - timedelta(days=30))
    superuser.execute(
        "update kronos.jobs set timezone = 'Atlantic/Azores', schedule = kronos.read_schedule(cron, null, null, "
        "'Atlantic/Azores', 'SHIFT', 'FIRST') where job_id = %s",
        [job_id],
    )
    params = {
        "workspace": endpoint.workspace_id,
        "from": since,
        "to": since + 3000 * MINUTE,
        "since": since,
        "schedules": 9,
    }
    superuser.execute(PLACED, params)
    found = of_rows([LoadRow(**row) for row in records(superuser, _COMING, params)], 3000)
    shown = [found.from_at + nth * MINUTE for nth, runs in enumerate(found.runs) if runs]
    assert shown == values(superuser, _NEXT, params) != []


_PLAIN = """
select job.name
  from kronos.jobs as job
 cross join lateral kronos.runs_to_come(job, 60) as coming
 where job.workspace_id = %(workspace)s
   and exists (select from jsonb_array_elements(coming.next_runs) as run
                where date_trunc('minute', (run ->> 'at')::timestamptz) = %(at)s)
 order by 1
"""


def test_the_jobs_of_a_minute_are_those_that_run_in_it(superuser: Connection) -> None:
    """Including those that calendars move into it, from a tick before or after the job's creation."""
    since = datetime(2027, 6, 12, 12, 0, tzinfo=UTC)  # a Saturday
    MovedClock(superuser).set(since)
    endpoint = add_endpoint(superuser)
    calendars(superuser, endpoint.workspace_id, since)
    put_calendar(superuser, endpoint.workspace_id, "tuesday", days=[day("2027-06-15")])
    saturday, monday = since - timedelta(hours=3), since + timedelta(hours=45)
    for name, cron, on_blackout, began in (
        ("moved", "0 9 * * 6", "NEXT", since - timedelta(days=9)),
        ("too-late", "0 9 * * 6", "NEXT", saturday + MINUTE),
        ("its-own", "0 9 * * *", "NEXT", since - timedelta(days=9)),
        ("skipped", "0 9 * * 6", "SKIP", since - timedelta(days=9)),
        ("back", "0 9 * * 0", "PREVIOUS", since - timedelta(days=9)),
        ("back-here", "0 9 15 * *", "PREVIOUS", since - timedelta(days=9)),
        ("without", "0 9 * * 1", "SKIP", since - timedelta(days=9)),
    ):
        job_at(
            superuser, endpoint, cron, on_blackout, since=began, name=name,
            calendars=[] if name == "without" else ["week", "tuesday"] if name == "back-here" else ["week"],
        )  # fmt: skip
    superuser.execute(PLACED, {"since": since, "workspace": endpoint.workspace_id})
    superuser.execute(
        "update kronos.pointers set next_tick_at = %s, tick_at = null where job_id = (select job_id from kronos.jobs "
        "where name = 'too-late' and workspace_id = %s)",
        [saturday + timedelta(days=7), endpoint.workspace_id],
    )
    params = {"workspace": endpoint.workspace_id, "at": monday}
    found = records(superuser, "select * from kronos.coming_jobs(%(workspace)s, %(at)s, 1000, 50)", params)
    assert [each["name"] for each in found] == ["back-here", "its-own", "moved", "without"]
    assert values(superuser, _PLAIN, params) == [each["name"] for each in found]


def test_a_plan_of_the_load_knows_what_calendars_move(superuser: Connection) -> None:
    since = datetime(2027, 6, 12, 12, 0, tzinfo=UTC)  # a Saturday
    endpoint = add_endpoint(superuser)
    calendars(superuser, endpoint.workspace_id, since)
    for on_blackout in ("SKIP", "NEXT", "PREVIOUS"):
        job_at(superuser, endpoint, "30 9 * * 0", on_blackout, since=since - timedelta(days=9), spread="5m",
               name=on_blackout)  # fmt: skip
    params = {
        "workspace": str(endpoint.workspace_id),
        "from": since - timedelta(days=2),
        "to": since + timedelta(days=4),
    }
    superuser.execute("select set_config('kronos.workspace_id', %(workspace)s, false)", params)
    spread = records(
        superuser,
        "select job.name, each.hours, each.minutes from kronos.movable_jobs(%(from)s, %(to)s, 10) as each "
        "join kronos.jobs as job using (job_id) order by 1",
        params,
    )
    monday, friday = ((4 * 24 - 3) * 60, (24 - 3) * 60)  # two days from the beginning
    assert [(each["name"], each["hours"], each["minutes"]) for each in spread] == [
        ("NEXT", [monday], [1 << 30]), ("PREVIOUS", [friday], [1 << 30]),
    ]  # fmt: skip


def test_what_would_move_too_much_is_left_out_and_said_so(superuser: Connection) -> None:
    """Schedules that tick every minute of a Saturday and all roll forward: 10,000 ticks are computed, the others are
    left out.
    """
    since = datetime(2027, 6, 11, 0, 0, tzinfo=UTC)  # a Friday
    endpoint = add_endpoint(superuser)
    calendars(superuser, endpoint.workspace_id, since)
    for nth in range(5):
        job_at(superuser, endpoint, f"* {nth}-23 * * 6", "NEXT", since=since, calendars=["week"])
    job_at(superuser, endpoint, "* 4-23 * * 6", "NEXT", since=since, calendars=["week"])
    params = {"workspace": endpoint.workspace_id, "from": since, "to": since + timedelta(days=4), "schedules": 1000}
    found = of_rows([LoadRow(**row) for row in records(superuser, _COMING, params)], 4 * 1440)
    assert (found.jobs, found.left_out) == (6, 2)
    assert found.runs[3 * 1440 + 23 * 60] == 4


def test_jobs_that_roll_alike_are_each_counted_however_they_were_written(superuser: Connection) -> None:
    since = datetime(2027, 6, 12, 12, 0, tzinfo=UTC)  # a Saturday
    endpoint = add_endpoint(superuser)
    calendars(superuser, endpoint.workspace_id, since)
    for text in ("30 9 * * 0", "30 9 * * 0", "30 09 * * 0", "30 9 * * sun"):
        job_at(superuser, endpoint, text, "NEXT", since=since - timedelta(days=9), calendars=["week"])
    monday = (2 * 24 - 3) * 60 + 30  # from noon on Saturday
    params = {"workspace": endpoint.workspace_id, "from": since, "to": since + timedelta(days=4), "schedules": 1000}
    found = of_rows([LoadRow(**row) for row in records(superuser, _COMING, params)], 4 * 1440)
    assert {nth: runs for nth, runs in enumerate(found.runs) if runs} == {monday: 4}
    at = params | {"at": since + monday * MINUTE}
    assert len(records(superuser, "select * from kronos.coming_jobs(%(workspace)s, %(at)s, 1000, 100)", at)) == 4


def test_a_tick_that_waits_is_taken_off_an_hour_that_begins_at_half_past(superuser: Connection) -> None:
    """In India, hours begin at half past an hour in UTC. The waiting tick used to be subtracted from an hour without
    ticks.
    """
    since = datetime(2027, 6, 11, 12, 0, tzinfo=UTC)  # a Friday
    MovedClock(superuser).set(since)
    endpoint = add_endpoint(superuser)
    closed = [day("2027-06-12", "2027-06-12T12:00"), day("2027-06-13")]
    put_calendar(superuser, endpoint.workspace_id, "week", days=closed, timezone="Asia/Kolkata")
    for _ in range(2):
        job_id = job_at(superuser, endpoint, "0 9,17 * * 6", "NEXT", since=since)
        terms = dict.fromkeys(("every", "anchor", "local", "starts_at", "ends_at", "resume_at"))
        superuser.execute(
            _WRITTEN,
            terms | {"cron": "0 9,17 * * 6", "zone": "Asia/Kolkata", "status": "ACTIVE", "job_id": job_id},
        )
    params = {"workspace": endpoint.workspace_id, "from": since, "to": since + timedelta(days=4), "schedules": 9}
    found = of_rows([LoadRow(**row) for row in records(superuser, _COMING, params)], 4 * 1440)
    monday = datetime(2027, 6, 14, 3, 30, tzinfo=UTC)
    assert {found.from_at + nth * MINUTE: runs for nth, runs in enumerate(found.runs) if runs} == {monday: 4}
    superuser.execute(PLACED, params | {"since": since})
    assert set(values(superuser, _NEXT, params)) == {monday}
