"""Jobs follow a changed calendar in steps: which ones have followed, what becomes of ticks meanwhile, and that no step
waits for a lock.
"""

import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from calendar_rows import day, put_calendar
from factory import EndpointRow, add_endpoint
from moved_clock import MovedClock
from sql.test_calendar_jobs import codes, due, job_at
from sql_factory import Connection, account, buffers, live, records, value, values

_FRIDAY = datetime(2027, 6, 11, tzinfo=UTC)
_SATURDAY, _MONDAY = _FRIDAY + timedelta(days=1), _FRIDAY + timedelta(days=3)
_NINE = timedelta(hours=9)
_NOON = _SATURDAY + timedelta(hours=12)
_COPIES = """
with new as materialized (
    select gen_random_uuid() as id from generate_series(1, %(copies)s)
), copy as (
    insert into kronos.jobs
    select made.*
      from kronos.jobs as job
     cross join new
     cross join lateral jsonb_populate_record(job, jsonb_build_object('job_id', new.id, 'first_version_id', new.id))
                            as made
     where job.job_id = %(job_id)s
    returning job_id, workspace_id
)
insert into kronos.pointers (job_id, workspace_id, next_tick_at, tick_at)
select copy.job_id, copy.workspace_id, pointer.next_tick_at, pointer.tick_at
  from copy
 cross join kronos.pointers as pointer
 where pointer.job_id = %(job_id)s
"""
_WRONG = """
select count(*)
  from kronos.jobs as job
  join kronos.pointers as pointer using (job_id)
 cross join lateral kronos.pointer_at(job, coalesce(pointer.tick_at, pointer.next_tick_at)) as place
 where job.workspace_id = %s and (pointer.next_tick_at, pointer.tick_at)
                                 is distinct from (place.due_at, place.tick_at)
"""


@pytest.fixture
def endpoint(superuser: Connection) -> EndpointRow:
    """An endpoint in a workspace with a calendar `bank` that closes nothing. It is Friday."""
    MovedClock(superuser).set(_FRIDAY)
    made = add_endpoint(superuser)
    put_calendar(superuser, made.workspace_id, "bank")
    return made


def jobs(connection: Connection, endpoint: EndpointRow, number: int, cron: str = "0 9 * * 6") -> uuid.UUID:
    """Insert `number` jobs that roll forward. Return one of them."""
    job_id = job_at(connection, endpoint, cron, "NEXT", since=_FRIDAY, calendars=["bank"])
    connection.execute(_COPIES, {"job_id": job_id, "copies": number - 1})
    return job_id


def close(connection: Connection, endpoint: EndpointRow, *days: str) -> int:
    return put_calendar(connection, endpoint.workspace_id, "bank", days=[day(each) for each in days])


def move(connection: Connection, endpoint: EndpointRow, limit: int) -> int:
    """Take one step. Return how many jobs it advanced."""
    found = value(
        connection,
        "select document_id from kronos.calendars where workspace_id = %s and name = 'bank'",
        [endpoint.workspace_id],
    )
    return int(value(connection, "select kronos.move_some(%s, %s)", [found, limit]))


def left(connection: Connection) -> list[int]:
    return values(connection, "select jobs_left from kronos.calendar_moves")


def test_few_jobs_follow_with_the_change_and_others_in_steps(superuser: Connection, endpoint: EndpointRow) -> None:
    jobs(superuser, endpoint, 205)
    assert close(superuser, endpoint, "2027-06-12") == 5
    assert (left(superuser), value(superuser, _WRONG, [endpoint.workspace_id])) == ([5], 5)
    assert (move(superuser, endpoint, 2), left(superuser)) == (2, [3])
    assert value(superuser, "select kronos.move_all(kronos.clock())") == 0
    assert (left(superuser), value(superuser, _WRONG, [endpoint.workspace_id])) == ([], 0)
    assert close(superuser, endpoint) == 5  # and back again
    assert value(superuser, "select (kronos.move_further('bank')).jobs_left") == 0
    assert value(superuser, _WRONG, [endpoint.workspace_id]) == 0


def test_a_step_that_dies_has_done_nothing_and_is_done_again(
    superuser: Connection, database_url: str, endpoint: EndpointRow
) -> None:
    jobs(superuser, endpoint, 203)
    close(superuser, endpoint, "2027-06-12")
    with psycopg.connect(database_url) as dying:
        assert move(dying, endpoint, 2) == 2
        assert move(superuser, endpoint, 2) == 0  # another session is running a step
        superuser.execute("select pg_terminate_backend(%s)", [dying.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            dying.commit()
    assert (left(superuser), value(superuser, _WRONG, [endpoint.workspace_id])) == ([3], 3)
    assert value(superuser, "select kronos.reap() -> 'left' ->> 'calendars'") == "0"
    assert (left(superuser), value(superuser, _WRONG, [endpoint.workspace_id])) == ([], 0)


def test_a_change_that_comes_meanwhile_begins_anew(superuser: Connection, endpoint: EndpointRow) -> None:
    jobs(superuser, endpoint, 204)
    assert close(superuser, endpoint, "2027-06-12") == 4
    assert close(superuser, endpoint, "2027-06-12", "2027-06-13") == 4
    assert records(superuser, "select version, jobs_left from kronos.calendar_moves") == [
        {"version": 3, "jobs_left": 4}
    ]
    assert value(superuser, "select kronos.move_all(kronos.clock() + interval '1 minute')") == 0
    places = "select distinct next_tick_at from kronos.pointers where workspace_id = %s"
    assert values(superuser, places, [endpoint.workspace_id]) == [_MONDAY + _NINE]


def test_a_job_that_is_held_is_not_waited_for_and_follows_later(
    superuser: Connection, database_url: str, endpoint: EndpointRow
) -> None:
    """A change of a job locks the job first and then its calendars. A change of a calendar locks in the
    opposite order.
    """
    job_id = jobs(superuser, endpoint, 3)
    with psycopg.connect(database_url) as holder:
        holder.execute("select from kronos.jobs where job_id = %s for update", [job_id])
        with superuser.transaction():
            superuser.execute("set local lock_timeout = '1s'")
            assert close(superuser, endpoint, "2027-06-12") == 1
        holder.execute("select from kronos.calendars where workspace_id = %s for share", [endpoint.workspace_id])
        assert (move(superuser, endpoint, 10), left(superuser)) == (0, [1])
    assert move(superuser, endpoint, 10) == 0  # it was tried less than half a second ago
    MovedClock(superuser).step(timedelta(seconds=1))
    assert (move(superuser, endpoint, 10), left(superuser)) == (1, [])
    assert due(superuser, job_id) == (_SATURDAY + timedelta(days=1) + _NINE, _SATURDAY + _NINE)


def test_a_job_that_is_held_for_long_brings_no_other_job_to_be_read_again(
    superuser: Connection, database_url: str, endpoint: EndpointRow
) -> None:
    """Each step used to scan all rolling jobs after the last one tried, including those with other calendars."""
    put_calendar(superuser, endpoint.workspace_id, "other")
    other = job_at(superuser, endpoint, "0 9 * * 6", "NEXT", since=_FRIDAY, calendars=["other"])
    superuser.execute(_COPIES, {"job_id": other, "copies": 3_000})
    job_id = jobs(superuser, endpoint, 1)
    superuser.execute("set session_replication_role = replica")  # Its id is the lowest: all others come after it.
    first = {"first": uuid.UUID(int=1), "job_id": job_id}
    superuser.execute(
        "update kronos.jobs set job_id = %(first)s, first_version_id = %(first)s where job_id = %(job_id)s", first
    )
    superuser.execute("update kronos.pointers set job_id = %(first)s where job_id = %(job_id)s", first)
    superuser.execute("reset session_replication_role")
    superuser.execute("analyze kronos.jobs, kronos.pointers")
    clock = MovedClock(superuser)
    with psycopg.connect(database_url) as holder:
        holder.execute("select from kronos.jobs where job_id = %s for update", [uuid.UUID(int=1)])
        assert close(superuser, endpoint, "2027-06-12") == 1
        step = "select kronos.move_some((select document_id from kronos.calendar_moves), 500)"  # of two calendars
        read = []
        for _ in range(3):  # the first one fills the session's caches
            clock.step(timedelta(seconds=1))
            superuser.execute("update kronos.calendar_moves set next_at = '-infinity'")
            read.append(buffers(superuser, step))
        assert read[-1] < 200, read
    clock.step(timedelta(seconds=1))
    assert (value(superuser, step), left(superuser)) == (1, [])


def test_a_tick_meanwhile_is_judged_by_the_present_version(superuser: Connection, endpoint: EndpointRow) -> None:
    """Whether or not its job has followed. A job that has not is examined when the previous version says."""
    first = jobs(superuser, endpoint, 203)
    close(superuser, endpoint, "2027-06-12")
    behind = values(
        superuser,
        "select job_id from kronos.pointers where workspace_id = %s and tick_at is null",
        [endpoint.workspace_id],
    )
    assert len(behind) == 3
    account(superuser, behind[0], now=_SATURDAY + _NINE)
    assert live(superuser, behind[0]) == []  # the bank is closed
    sunday = _SATURDAY + timedelta(days=1) + _NINE
    assert due(superuser, behind[0]) == (sunday, _SATURDAY + _NINE)
    for job_id in (behind[0], first):
        account(superuser, job_id, now=sunday)
        assert [(each["scheduled_at"], each["run_at"]) for each in live(superuser, job_id)] == [
            (_SATURDAY + _NINE, sunday)
        ]


def test_a_job_that_cannot_be_read_stops_no_other(superuser: Connection, endpoint: EndpointRow) -> None:
    job_id = jobs(superuser, endpoint, 4)
    superuser.execute(
        "update kronos.jobs set schedule = json_populate_record(schedule, %s) where job_id = %s",
        ['{"timezone": "Nowhere"}', job_id],
    )
    assert close(superuser, endpoint, "2027-06-12") == 0
    places = "select count(*) from kronos.pointers where workspace_id = %s and tick_at is not null"
    assert (left(superuser), value(superuser, places, [endpoint.workspace_id])) == ([], 3)


def test_what_fails_is_told_and_tried_again(superuser: Connection, endpoint: EndpointRow) -> None:
    jobs(superuser, endpoint, 202)
    close(superuser, endpoint, "2027-06-12")
    superuser.execute("alter table kronos.pointers add constraint none_moves check (tick_at is null) not valid")
    assert (move(superuser, endpoint, 10), left(superuser)) == (0, [2])
    assert value(superuser, "select last_error ->> 'type' from kronos.calendar_moves") == "23514"
    superuser.execute("alter table kronos.pointers drop constraint none_moves")
    MovedClock(superuser).step(timedelta(seconds=1))
    assert (move(superuser, endpoint, 10), left(superuser)) == (2, [])


def test_a_job_that_fails_stops_no_other_of_its_calendar(superuser: Connection, endpoint: EndpointRow) -> None:
    jobs(superuser, endpoint, 210)
    ids = values(
        superuser, "select job_id from kronos.jobs where workspace_id = %s order by job_id", [endpoint.workspace_id]
    )
    superuser.execute(
        "alter table kronos.pointers add constraint stays check (job_id <> %s or tick_at is null) not valid".replace(
            "%s", f"'{ids[3]}'"
        )
    )
    clock = MovedClock(superuser)
    clock.stand(value(superuser, "select kronos.now()"))  # halves are tried for as long as it takes
    assert close(superuser, endpoint, "2027-06-12") == 11
    assert (move(superuser, endpoint, 20), left(superuser)) == (10, [1])
    places = "select job_id from kronos.pointers where workspace_id = %s and tick_at is null"
    assert values(superuser, places, [endpoint.workspace_id]) == [ids[3]]
    assert move(superuser, endpoint, 20) == 0
    assert value(superuser, "select last_error ->> 'type' from kronos.calendar_moves") == "23514"
    superuser.execute("alter table kronos.pointers drop constraint stays")
    clock.step(timedelta(minutes=1))
    assert (move(superuser, endpoint, 20), left(superuser)) == (1, [])


def test_jobs_follow_changed_rules_of_their_calendars_time_zone(
    superuser: Connection, database_url: str, endpoint: EndpointRow
) -> None:
    """Whatever zone they have themselves: these have UTC."""
    superuser.execute("select kronos.refresh_zones()")
    first = jobs(superuser, endpoint, 3)
    put_calendar(superuser, endpoint.workspace_id, "bank", days=[day("2027-06-12")], timezone="Asia/Tokyo")
    superuser.execute("select kronos.refresh_zones()")
    place = due(superuser, first)
    # as by rules under which Saturday's nine o'clock in UTC is no Saturday in Tokyo
    superuser.execute("update kronos.pointers set next_tick_at = %s, tick_at = null", [_SATURDAY + _NINE])
    superuser.execute("select kronos.refresh_zones()")
    assert (left(superuser), due(superuser, first)) == ([], (_SATURDAY + _NINE, None))  # nothing has changed
    superuser.execute("update kronos.zones set distances[1] = distances[1] + 3600 where timezone = 'Asia/Tokyo'")
    with psycopg.connect(database_url) as editor:
        editor.execute("select from kronos.calendars for update")
        superuser.execute("select kronos.refresh_zones()")
        assert left(superuser) == []
    superuser.execute("select kronos.refresh_zones()")
    assert left(superuser) == [3]
    assert move(superuser, endpoint, 10) == 3
    assert (left(superuser), value(superuser, _WRONG, [endpoint.workspace_id])) == ([], 0)
    assert due(superuser, first) == place


def test_a_calendar_that_is_deleted_leaves_nothing_to_follow(superuser: Connection, endpoint: EndpointRow) -> None:
    jobs(superuser, endpoint, 201)
    close(superuser, endpoint, "2027-06-12")
    superuser.execute("delete from kronos.calendars where workspace_id = %s", [endpoint.workspace_id])
    assert left(superuser) == []


def test_alike_jobs_follow_from_their_own_ticks_and_within_their_own_bounds(
    superuser: Connection, endpoint: EndpointRow
) -> None:
    """What the jobs have in common is computed once. Their ticks, beginnings and ends are their own."""

    def job(**terms: object) -> uuid.UUID:
        return job_at(superuser, endpoint, "0 9 * * 6,1", "NEXT", since=_FRIDAY, calendars=["bank"], **terms)

    plain, later, ends = job(), job(), job(ends_at=_SATURDAY + timedelta(days=1))
    superuser.execute(
        "update kronos.pointers set next_tick_at = next_tick_at + interval '1 week' where job_id = %s", [later]
    )
    assert close(superuser, endpoint, "2027-06-12", "2027-06-20") == 0
    week, sunday = timedelta(days=7), _SATURDAY + timedelta(days=1) + _NINE
    assert due(superuser, plain) == (sunday, _SATURDAY + _NINE)
    assert due(superuser, ends) == (_SATURDAY + _NINE, None)  # on Sunday the job has ended
    assert due(superuser, later) == (_SATURDAY + week + _NINE, None)


def test_a_step_is_of_one_calendar(superuser: Connection, database_url: str, endpoint: EndpointRow) -> None:
    put_calendar(superuser, endpoint.workspace_id, "other")
    mine = jobs(superuser, endpoint, 1)
    theirs = job_at(superuser, endpoint, "0 9 * * 6", "NEXT", since=_FRIDAY, calendars=["other"])
    with psycopg.connect(database_url) as holder:
        holder.execute("select from kronos.jobs where job_id = any (%s) for key share", [[mine, theirs]])
        put_calendar(superuser, endpoint.workspace_id, "other", days=[day("2027-06-12")])
        close(superuser, endpoint, "2027-06-12")
    MovedClock(superuser).step(timedelta(seconds=1))
    assert move(superuser, endpoint, 10) == 1
    assert values(superuser, "select name from kronos.calendar_moves") == ["other"]
    assert [due(superuser, each)[1] for each in (mine, theirs)] == [_SATURDAY + _NINE, None]


def test_jobs_of_two_workspaces_follow_each_its_own_calendar(
    superuser: Connection, database_url: str, endpoint: EndpointRow
) -> None:
    """The calendars have the same name and the jobs the same schedule. If both followed together, as at the end of
    both, each could be placed by the other's calendar.
    """
    other = add_endpoint(superuser)
    put_calendar(superuser, other.workspace_id, "bank")
    mine, theirs = (jobs(superuser, each, 1) for each in (endpoint, other))
    with psycopg.connect(database_url) as holder:
        holder.execute("select from kronos.jobs where job_id = any (%s) for key share", [[mine, theirs]])
        assert close(superuser, endpoint, "2027-06-12") == 1
        assert close(superuser, other, "2027-06-12", "2027-06-13") == 1
    superuser.execute("select kronos.follow_moves(%s)", [[mine, theirs]])
    found = [due(superuser, each)[0] for each in (mine, theirs)]
    assert found == [_SATURDAY + timedelta(days=1) + _NINE, _MONDAY + _NINE]


@pytest.fixture
def behind(superuser: Connection, database_url: str, endpoint: EndpointRow) -> uuid.UUID:
    """A job with a Saturday tick that waits for Monday. At noon on Saturday its calendar was changed to say that
    Saturday is open, while another session held the job.
    """
    close(superuser, endpoint, "2027-06-12", "2027-06-13")
    job_id = jobs(superuser, endpoint, 1)
    superuser.execute("update kronos.jobs set catch_up_policy = 'ALL', catch_up_window_seconds = 86400")
    MovedClock(superuser).set(_NOON)
    with psycopg.connect(database_url) as holder:
        holder.execute("select from kronos.jobs where job_id = %s for key share", [job_id])
        assert close(superuser, endpoint) == 1
    assert due(superuser, job_id) == (_MONDAY + _NINE, _SATURDAY + _NINE)
    return job_id


def _settle(connection: Connection, job_id: uuid.UUID) -> None:
    """Settle the job's ticks, as each change of a job does first."""
    value(connection, "select kronos.settle_ticks(%s)", [job_id])


def test_who_changes_a_job_that_has_not_followed_accounts_for_what_is_due_by_now(
    superuser: Connection, behind: uuid.UUID
) -> None:
    """Otherwise the tick would belong to neither version, since the next one begins after it."""
    _settle(superuser, behind)
    assert [each["scheduled_at"] for each in live(superuser, behind)] == [_SATURDAY + _NINE]
    assert due(superuser, behind) == (_SATURDAY + timedelta(days=7) + _NINE, None)


def test_of_a_paused_job_that_has_not_followed_what_was_due_is_skipped(
    superuser: Connection, behind: uuid.UUID
) -> None:
    superuser.execute(
        "update kronos.jobs set status = 'PAUSED', status_reason = '{\"code\": \"paused\"}' where job_id = %s", [behind]
    )
    _settle(superuser, behind)
    assert codes(superuser, behind) == [(_SATURDAY + _NINE, "paused", 1)]


def test_a_pause_that_runs_out_of_a_job_that_has_not_followed_skips_what_was_due(
    superuser: Connection, behind: uuid.UUID
) -> None:
    superuser.execute(
        "update kronos.jobs set status = 'PAUSED', status_reason = '{\"code\": \"paused\"}', resume_at = %s "
        "where job_id = %s",
        [_NOON, behind],
    )
    assert value(superuser, "select (kronos.resume_jobs_in_time(kronos.clock())).resumed") == 1
    assert codes(superuser, behind) == [(_SATURDAY + _NINE, "paused", 1)]


def test_a_job_that_ends_before_it_has_followed_runs_what_was_due(superuser: Connection, behind: uuid.UUID) -> None:
    superuser.execute("update kronos.jobs set ends_at = %s where job_id = %s", [_NOON, behind])
    assert value(superuser, "select kronos.end_jobs(kronos.clock())") == 1
    assert ([each["scheduled_at"] for each in live(superuser, behind)], codes(superuser, behind)) == (
        [_SATURDAY + _NINE],
        [],
    )


def test_a_suspension_finds_what_was_due_of_a_job_that_has_not_followed(
    superuser: Connection, endpoint: EndpointRow, behind: uuid.UUID
) -> None:
    superuser.execute(
        "insert into kronos.turns (workspace_id, turned_at, instants, steps_left) "
        "values (%s, %s, array[%s::timestamptz], 2)",
        [endpoint.workspace_id, _NOON, _NOON],
    )
    assert value(superuser, "select kronos.turn_each(array[%s::uuid], true, true, false)", [behind]) == []
    assert [each["scheduled_at"] for each in live(superuser, behind)] == [_SATURDAY + _NINE]
