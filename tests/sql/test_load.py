"""The coming load of jobs is counted per hour. The count equals that of computing each tick."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from factory import EndpointRow, add_endpoint
from kronos.load import LoadRow, of_rows
from scale import buffers, fill_cron_jobs
from sql.test_count_ticks import WINDOWS, ZONES, random_cron
from sql_factory import Connection, make_cron_job, pg_cron, records, value, values

MINUTE = timedelta(minutes=1)
_EACH = """
select date_trunc('minute', tick, 'UTC') as at, count(*) as runs
  from kronos.ticks_within(%(schedule)s::kronos.schedule, %(from)s, %(to)s, 1000000) as tick
 group by 1
"""
_HOURS = """
select array[extract(epoch from hour - %(from)s::timestamptz)::integer / 60] as begins, 1 as hours,
       array[minutes] as minutes, array[1] as runs, null as opens, null as closes, null as jobs, null as left_out,
       %(from)s::timestamptz as from_at
  from kronos.{function} as named
 union all
select null, null, null, null, null, null, 1, 0, %(from)s
"""


def counted(connection: Connection, function: str, params: dict[str, object], minutes: int) -> dict[datetime, int]:
    found = of_rows([LoadRow(**row) for row in records(connection, _HOURS.format(function=function), params)], minutes)
    return {found.from_at + nth * MINUTE: runs for nth, runs in enumerate(found.runs) if runs}


@pytest.mark.parametrize("zone", ZONES)
def test_an_hours_minutes_are_those_of_asking_for_each(shared: Connection, zone: str) -> None:
    choose = random.Random(f"load {zone}")
    for _ in range(8):
        text = (
            random_cron(choose),
            zone,
            choose.choice(["SHIFT", "SHIFT_BY_GAP", "SKIP"]),
            choose.choice(["FIRST", "BOTH"]),
        )
        since = choose.choice(WINDOWS) + choose.randrange(30 * 1440) * MINUTE
        minutes = choose.choice([61, 1440, 7 * 1440])
        schedule = value(shared, "select kronos.read_schedule(%s, null, null, %s, %s, %s)::text", text)
        params: dict[str, object] = {"schedule": schedule, "from": since, "to": since + minutes * MINUTE}
        each = {row["at"]: row["runs"] for row in records(shared, _EACH, params)}
        assert (
            counted(shared, "tick_hours(%(schedule)s::kronos.schedule, %(from)s, %(to)s)", params, minutes) == each
        ), text


@pytest.mark.parametrize("seconds", [60, 120, 300, 420, 3600, 5400, 7200, 86400 * 3])
def test_an_intervals_minutes_are_those_of_asking_for_each(shared: Connection, seconds: int) -> None:
    anchor = datetime(2026, 3, 28, 22, 37, tzinfo=UTC)
    for since in (anchor - 50 * MINUTE, anchor + 1234567 * MINUTE):
        params: dict[str, object] = {"anchor": anchor, "seconds": seconds, "from": since, "to": since + 2000 * MINUTE}
        function = "interval_hours(%(seconds)s::integer, %(anchor)s::timestamptz, %(from)s, %(to)s)"
        expected = {
            since + nth * MINUTE: 1
            for nth in range(2000)
            if since + nth * MINUTE >= anchor
            and (since + nth * MINUTE - anchor) % timedelta(seconds=seconds) == timedelta()
        }
        assert counted(shared, function, params, 2000) == expected


_COMING = """
select coming.*, %(from)s::timestamptz as from_at
  from kronos.coming_hours(%(workspace)s, %(from)s, %(to)s, %(schedules)s) as coming
"""


@pytest.mark.parametrize("since", WINDOWS)
def test_the_load_of_all_jobs_is_that_of_asking_each_for_each_tick(shared: Connection, since: datetime) -> None:
    choose = random.Random(f"coming {since}")
    endpoint: EndpointRow = add_endpoint(shared)
    since += choose.randrange(30 * 1440) * MINUTE
    until = since + 3 * 1440 * MINUTE
    expected: dict[datetime, int] = {}
    for zone in ZONES * 3:
        text = random_cron(choose), zone, choose.choice(["SHIFT", "SKIP"]), choose.choice(["FIRST", "BOTH"])
        schedule = value(shared, "select kronos.read_schedule(%s, null, null, %s, %s, %s)::text", text)
        window = [each and since + each * MINUTE for each in choose.choice([(None, None), (None, 600), (700, None)])]
        job_id = make_cron_job(shared, endpoint, starts_at=window[0], ends_at=window[1], next_tick_at=until)
        shared.execute(
            "update kronos.jobs set cron = %s, timezone = %s, dst_gap = %s, dst_overlap = %s, schedule = %s"
            " where job_id = %s",
            [*text, schedule, job_id],
        )
        span = {"schedule": schedule, "from": window[0] or since, "to": window[1] or until}
        for row in records(shared, _EACH, span):
            expected[row["at"]] = expected.get(row["at"], 0) + row["runs"]
    params = {"workspace": endpoint.workspace_id, "from": since, "to": until, "schedules": 1000}
    found = of_rows([LoadRow(**row) for row in records(shared, _COMING, params)], 3 * 1440)
    assert {found.from_at + nth * MINUTE: runs for nth, runs in enumerate(found.runs) if runs} == expected
    assert (found.jobs, found.left_out) == (len(ZONES) * 3, 0)
    few = of_rows([LoadRow(**row) for row in records(shared, _COMING, params | {"schedules": 1})], 3 * 1440)
    assert few.left_out == found.jobs - few.jobs > 0


_TWICE = {
    "Atlantic/Azores": datetime(2027, 10, 31, 0, 0, tzinfo=UTC),
    "America/Havana": datetime(2027, 11, 7, 4, 0, tzinfo=UTC),
}
"""Zones whose clocks go back from 1:00 to 0:00, and the first of the two midnights."""


@pytest.mark.parametrize("zone", _TWICE)
def test_a_load_that_begins_between_two_midnights_of_a_day_has_what_comes_before_the_second(
    shared: Connection, zone: str
) -> None:
    endpoint, midnight = add_endpoint(shared), _TWICE[zone]
    for overlap in ("FIRST", "BOTH"):
        job_id = make_cron_job(shared, endpoint, name=overlap)
        shared.execute(
            "update kronos.jobs set cron = %(cron)s, timezone = %(zone)s, dst_overlap = %(overlap)s,"
            " schedule = kronos.read_schedule(%(cron)s, null, null, %(zone)s, 'SHIFT', %(overlap)s)"
            " where job_id = %(id)s",
            {"cron": "40 0 * * *", "zone": zone, "overlap": overlap, "id": job_id},
        )
    since = midnight + 25 * MINUTE
    params = {"workspace": endpoint.workspace_id, "from": since, "to": since + 1500 * MINUTE, "schedules": 1000}
    found = of_rows([LoadRow(**row) for row in records(shared, _COMING, params)], 1500)
    first, second, next_day = (midnight + each * MINUTE for each in (40, 100, 1540))
    shown = {found.from_at + nth * MINUTE: runs for nth, runs in enumerate(found.runs) if runs}
    assert shown == {first: 2, second: 1} | ({next_day: 2} if next_day < found.until else {})
    for at, names in ((first, ["BOTH", "FIRST"]), (second, ["BOTH"])):
        jobs = records(shared, "select name from kronos.coming_jobs(%s, %s, 1000, 50)", [endpoint.workspace_id, at])
        assert [each["name"] for each in jobs] == names


@pytest.mark.parametrize("seconds", [7, 20, 31, 40, 45, 59])
def test_an_interval_of_seconds_has_in_each_minute_as_many_runs_as_fall_into_it(
    shared: Connection, seconds: int
) -> None:
    endpoint, since = add_endpoint(shared), datetime(2027, 3, 5, 13, 7, tzinfo=UTC)
    anchors = (since - 4321 * MINUTE, since - MINUTE, since + 90 * MINUTE)
    for anchor in anchors:
        job_id = make_cron_job(shared, endpoint, next_tick_at=since)
        shared.execute(
            "update kronos.jobs set cron = null, every = %(every)s, anchor = %(anchor)s, schedule ="
            " jsonb_populate_record(null::kronos.schedule, jsonb_build_object('every_seconds', %(seconds)s::integer,"
            " 'anchor', %(anchor)s::timestamptz, 'timezone', 'UTC')) where job_id = %(id)s",
            {"every": f"{seconds}s", "anchor": anchor, "seconds": seconds, "id": job_id},
        )
    params = {"workspace": endpoint.workspace_id, "from": since, "to": since + 200 * MINUTE, "schedules": 1000}
    found = of_rows([LoadRow(**row) for row in records(shared, _COMING, params)], 200)
    expected = [0] * 200
    for anchor in anchors:
        step, until = timedelta(seconds=seconds), since + 200 * MINUTE
        for nth in range(max(0, (since - anchor) // step), (until - anchor) // step + 1):
            minute = (anchor + nth * step - since) // MINUTE
            if 0 <= minute < 200:
                expected[minute] += 1
    assert found.runs == expected


_ASKED = "select coalesce(sum(calls), 0) from pg_stat_xact_user_functions where funcname = 'next_civil_tick'"


def test_near_a_change_of_clocks_what_many_workspaces_have_is_asked_once_and_hours_away_from_it_are_whole(
    shared: Connection,
) -> None:
    """Otherwise the load of two hundred tenants that each have a job of every minute would take seconds twice a
    year.
    """
    since = datetime(2027, 3, 27, 20, 0, tzinfo=UTC)

    def add() -> UUID:
        endpoint = add_endpoint(shared)
        job_id = make_cron_job(shared, endpoint)
        shared.execute(
            "update kronos.jobs set timezone = 'Europe/Berlin', schedule = kronos.read_schedule(cron, null, null,"
            " 'Europe/Berlin', 'SHIFT', 'FIRST') where job_id = %s",
            [job_id],
        )
        return endpoint.workspace_id

    def asked(workspace_id: UUID | None) -> tuple[list[int], int]:
        params = {"workspace": workspace_id, "from": since, "to": since + 1440 * MINUTE, "schedules": 1000}
        with shared.transaction():
            shared.execute("set local track_functions = 'all'")
            before = value(shared, _ASKED)
            found = of_rows([LoadRow(**row) for row in records(shared, _COMING, params)], 1440)
            return found.runs, value(shared, _ASKED) - before

    one, calls = asked(add())
    _, calls_of_all = asked(None)
    add()
    add()
    everybodys, calls_of_more = asked(None)
    assert set(one) == {1}
    assert min(everybodys) >= 3
    assert 0 < calls < 20, "a day has 1,380 minutes"
    assert calls_of_more == calls_of_all


_WRITTEN = """
update kronos.jobs
   set cron = %(cron)s, every = %(every)s, timezone = %(zone)s, anchor = %(anchor)s, anchor_local = %(local)s,
       starts_at = %(starts_at)s, ends_at = %(ends_at)s, status = %(status)s, resume_at = %(resume_at)s,
       name = %(name)s,
       schedule = kronos.read_schedule(%(cron)s, %(every)s, %(anchor)s, %(zone)s, 'SHIFT', 'FIRST', %(local)s)
 where job_id = %(job_id)s
"""
_RUN_THEN = """
select job.name
  from kronos.jobs as job
 where workspace_id = %(workspace)s and (status = 'ACTIVE' or resume_at < %(at)s + interval '1 minute')
   and kronos.next_tick(schedule, greatest(%(at)s, starts_at, resume_at) - interval '1 microsecond')
       < least(%(at)s + interval '1 minute', ends_at)
 order by 1
"""
_TICKS_THEN = """
select job.name
  from kronos.jobs as job
 where job.workspace_id = %(workspace)s
   and (job.status = 'ACTIVE' or job.resume_at is not null)
   and kronos.next_tick(job.schedule, greatest(%(at)s, job.starts_at, job.resume_at) - interval '1 microsecond')
       < least(%(at)s + interval '1 minute', job.ends_at)
 order by 1
"""


def test_the_jobs_of_a_minute_are_those_that_tick_in_it_however_they_were_written(shared: Connection) -> None:
    choose = random.Random("jobs of a minute")
    endpoint = add_endpoint(shared)
    noon = datetime(2027, 3, 27, 12, 0, tzinfo=UTC)
    kinds: list[dict[str, object]] = [{"cron": text} for text in ("0 13 * * *", "*/20 * * * *", "30 2 * * *")]
    kinds += [{"every": "40m", "anchor": noon - each * MINUTE} for each in (0, 40, 7, 4000)]
    kinds += [{"every": "1d", "local": f"2027-01-03T{hour}:30"} for hour in ("02", "13")]
    kinds += [{"every": "1mo", "local": "2026-01-28T02:30"}]
    windows: list[dict[str, object]] = [{}, {}, {"starts_at": noon + 61 * MINUTE}, {"ends_at": noon + 90 * MINUTE}]
    pauses: list[dict[str, object]] = [
        {},
        {},
        {"status": "PAUSED"},
        {"status": "PAUSED", "resume_at": noon + 70 * MINUTE},
    ]
    none = dict.fromkeys(("cron", "every", "anchor", "local", "starts_at", "ends_at", "resume_at"))
    for nth in range(160):
        zone = choose.choice(["UTC", "Europe/Berlin", "Asia/Kolkata"])
        written = {"status": "ACTIVE", "zone": zone, "name": f"job-{nth}", **choose.choice(kinds)}
        job_id = make_cron_job(shared, endpoint)
        shared.execute(_WRITTEN, none | written | choose.choice(windows) | choose.choice(pauses) | {"job_id": job_id})
    found = 0
    for after in (0, 20, 40, 60, 61, 70, 90, 7 * 60, 13 * 60 + 30, 14 * 60, 15 * 60 + 30):  # a clock change among them
        params = {"workspace": endpoint.workspace_id, "at": noon + after * MINUTE}
        expected = [row["name"] for row in records(shared, _RUN_THEN, params)]
        shown = records(shared, "select * from kronos.coming_jobs(%(workspace)s, %(at)s, 5000, 200)", params)
        assert sorted(row["name"] for row in shown) == expected, after
        assert {row["number"] for row in shown} <= {len(expected)}
        found += len(expected)
    assert found > 80


@pytest.mark.parametrize("seed", range(3))
def test_the_jobs_of_a_coming_minute_are_those_that_have_a_tick_in_it(shared: Connection, seed: int) -> None:
    """With each kind of schedule, and with windows and pauses that begin and end in the middle of the minute."""
    choose = random.Random(f"minute {seed}")
    endpoint: EndpointRow = add_endpoint(shared)
    at: datetime = value(shared, "select date_trunc('minute', now())") + choose.randrange(1, 4000) * MINUTE
    for nth in range(80):
        near = [None, *(at + timedelta(seconds=choose.randrange(-90, 90)) for _ in range(2))]
        anchor = at - choose.choice([0, 1, 14, 4321]) * MINUTE
        cron = choose.choice(["* * * * *", f"{at.minute} * * * *", random_cron(choose)])
        written: dict[str, object] = {"cron": None, "every": None, "anchor": None, "anchor_local": None}
        written |= choose.choice(
            [
                {"cron": cron},
                {"every": choose.choice(["10s", "30s", "1m", "2m", "7m", "1h"]), "anchor": anchor},
                {"every": choose.choice(["1d", "1mo"]), "anchor_local": anchor.replace(tzinfo=None)},
            ]
        )
        zone = "UTC" if written["anchor_local"] else choose.choice(ZONES)
        text = (
            "select kronos.read_schedule(%(cron)s, %(every)s, %(anchor)s, %(zone)s, 'SHIFT', 'FIRST', %(anchor_local)s)"
        )
        with pg_cron(shared, "1.6"):
            schedule = value(shared, f"{text}::text", written | {"zone": zone})
        is_paused, ends_at = choose.random() < 0.3, choose.choice(near)
        starts_at = None if ends_at else choose.choice(near)
        job_id = make_cron_job(
            shared, endpoint, name=f"{nth:02}", starts_at=starts_at, ends_at=ends_at, next_tick_at=at
        )
        shared.execute(
            "update kronos.jobs set cron = %(cron)s, every = %(every)s, anchor = %(anchor)s, anchor_local ="
            " %(anchor_local)s, timezone = %(zone)s, schedule = %(schedule)s, status = %(status)s,"
            " resume_at = %(resume)s where job_id = %(job)s",
            written
            | {"zone": zone, "schedule": schedule, "status": "PAUSED" if is_paused else "ACTIVE"}
            | {"resume": choose.choice(near) if is_paused else None, "job": job_id},
        )
    params = {"workspace": endpoint.workspace_id, "at": at}
    expected = values(shared, _TICKS_THEN, params)
    assert 0 < len(expected) < 80
    found = records(shared, "select * from kronos.coming_jobs(%(workspace)s, %(at)s, 1000, 100)", params)
    assert ([row["name"] for row in found], {row["number"] for row in found}) == (expected, {len(expected)})


def read(connection: Connection, job_id: UUID) -> None:
    """Read its schedule as the API does, with a zone."""
    connection.execute(
        "update kronos.jobs set schedule = kronos.read_schedule(cron, null, null, timezone, 'SHIFT', 'FIRST')"
        " where job_id = %s",
        [job_id],
    )


def test_two_spellings_are_one_schedule_and_the_schedules_that_most_jobs_have_are_asked(shared: Connection) -> None:
    endpoint: EndpointRow = add_endpoint(shared)
    at: datetime = value(shared, "select date_trunc('day', now(), 'UTC') + interval '2 days 9 hours'")
    for text, jobs in (("0 9 * * *", 3), ("00 9 * * *", 2), ("5 9 * * *", 4), ("7 9 * * *", 1)):
        for _ in range(jobs):
            read(shared, make_cron_job(shared, endpoint, cron=text, next_tick_at=at))

    def asked(schedules: int) -> tuple[int, int, list[int]]:
        span = {"workspace": endpoint.workspace_id, "from": at, "to": at + 60 * MINUTE, "schedules": schedules}
        found = of_rows([LoadRow(**row) for row in records(shared, _COMING, span)], 60)
        then = [
            records(
                shared,
                "select distinct number from kronos.coming_jobs(%(workspace)s, %(at)s, %(schedules)s, 100)",
                span | {"at": at + minute * MINUTE},
            )
            for minute in (0, 5, 7)
        ]
        assert [rows[0]["number"] if rows else 0 for rows in then] == [found.runs[each] for each in (0, 5, 7)]
        return found.jobs, found.left_out, [found.runs[each] for each in (0, 5, 7)]

    assert asked(1) == (5, 5, [5, 0, 0])
    assert asked(2) == (9, 1, [5, 4, 0])
    assert asked(3) == asked(1000) == (10, 0, [5, 4, 1])


def test_a_schedule_is_looked_for_by_what_was_written_before_the_first_analyze_too(
    superuser: Connection, endpoint: EndpointRow
) -> None:
    fill_cron_jobs(superuser, 1000, endpoint=endpoint, is_registered=False)  # each at its own minute
    superuser.execute("delete from pg_statistic where starelid = 'kronos.jobs'::regclass")
    looked = "select * from kronos.alike_terms(%s, now(), now() + interval '1 day')"
    assert len(values(superuser, looked, [endpoint.workspace_id])) == 1000
    assert buffers(superuser, looked, [endpoint.workspace_id]) < 20 * 1000
