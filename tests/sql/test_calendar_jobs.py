"""Jobs with calendars, tick by tick: the ledger's rows, when the pointer is due, and what a change does to ticks that
wait for another day.
"""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from calendar_rows import day, put_calendar
from factory import EndpointRow, add_endpoint
from kronos.calendar_terms import Weekday
from sql_factory import Connection, Record, account, done, job, live, make_cron_job, records, value

_SATURDAY = datetime(2026, 5, 2, tzinfo=UTC)
_FRIDAY, _SUNDAY, _MONDAY = _SATURDAY - timedelta(days=1), _SATURDAY + timedelta(days=1), _SATURDAY + timedelta(days=2)
_NINE = timedelta(hours=9)
_WEEKEND: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri")


@pytest.fixture
def endpoint(shared_superuser: Connection) -> EndpointRow:
    """An endpoint in a new workspace with a calendar `week` that closes weekends."""
    made = add_endpoint(shared_superuser)
    put_calendar(shared_superuser, made.workspace_id, "week", week=_WEEKEND)
    return made


def job_at(
    connection: Connection, endpoint: EndpointRow, cron: str, on_blackout: str, *, since: datetime, **columns: Any
) -> uuid.UUID:
    """A job whose pointer is at its first tick later than `since`, where first_place would put it."""
    job_id = make_cron_job(
        connection, endpoint, cron=cron, calendars=columns.pop("calendars", ["week"]), on_blackout=on_blackout,
        ticks_from=since, created_at=since, **columns,
    )  # fmt: skip
    connection.execute(
        "update kronos.pointers as pointer set next_tick_at = place.due_at, tick_at = place.tick_at from kronos.jobs "
        "as job cross join lateral kronos.pointer_at(job, kronos.next_tick(job.schedule, %s)) as place "
        "where job.job_id = %s and pointer.job_id = job.job_id",
        [since, job_id],
    )
    return job_id


def due(connection: Connection, job_id: uuid.UUID) -> tuple[datetime, datetime | None]:
    found = records(connection, "select next_tick_at, tick_at from kronos.pointers where job_id = %s", [job_id])
    return (found[0]["next_tick_at"], found[0]["tick_at"]) if found else (datetime.max.replace(tzinfo=UTC), None)


def ring_until(connection: Connection, job_id: uuid.UUID, until: datetime) -> list[datetime]:
    """Ring whenever the pointer is due, as an alarm does, until `until`. Return the instants."""
    rings: list[datetime] = []
    while (at := due(connection, job_id)[0]) <= until:
        account(connection, job_id, now=at)
        rings.append(at)
        assert len(rings) < 200
    return rings


def ledger(connection: Connection, job_id: uuid.UUID, since: datetime, until: datetime) -> Record:
    (found,) = records(connection, "select * from kronos.check_ledger(%s, %s, %s)", [job_id, since, until])
    assert (found["unaccounted"], found["surplus"], found["error"]) == (0, 0, None), found
    return found


def runs(connection: Connection, job_id: uuid.UUID) -> list[tuple[datetime, datetime]]:
    """The tick of each live execution, and when it is to run."""
    return [(each["scheduled_at"], each["run_at"]) for each in live(connection, job_id)]


def codes(connection: Connection, job_id: uuid.UUID) -> list[tuple[datetime, str, int]]:
    return [
        (each["scheduled_at"], each["status_reason"]["code"], each["tick_count"]) for each in done(connection, job_id)
    ]


def test_a_closed_tick_is_skipped_with_the_calendars_and_the_days_name(
    shared_superuser: Connection, endpoint: EndpointRow
) -> None:
    put_calendar(shared_superuser, endpoint.workspace_id, "fair", days=[day("2026-05-04", name="May fair")])
    job_id = job_at(
        shared_superuser, endpoint, "0 9 * * *", "SKIP", since=_FRIDAY, calendars=["fair", "week"],
    )  # fmt: skip
    assert ring_until(shared_superuser, job_id, _MONDAY + timedelta(days=1, hours=12)) == [
        _FRIDAY + _NINE + timedelta(days=n) for n in range(5)
    ]
    assert runs(shared_superuser, job_id) == [(at, at) for at in (_FRIDAY + _NINE, _MONDAY + _NINE + timedelta(days=1))]
    reasons = [each["status_reason"] for each in done(shared_superuser, job_id)]
    assert [(each["calendar"], each["day"], each["code"], each["count"]) for each in reasons] == [
        ("week", "Saturday", "blackout", 1), ("week", "Sunday", "blackout", 1), ("fair", "May fair", "blackout", 1),
    ]  # fmt: skip
    found = ledger(shared_superuser, job_id, _FRIDAY, _MONDAY + timedelta(days=2))
    assert (found["expected"], found["delivered"], found["skipped"]) == (5, 2, 3)


def test_a_tick_that_rolls_on_is_due_on_its_day_and_keeps_its_identity(
    shared_superuser: Connection, endpoint: EndpointRow
) -> None:
    """Its deadline and its lateness count from that day."""
    job_id = job_at(
        shared_superuser, endpoint, "0 9,17 2 * *", "NEXT", since=_FRIDAY, deadline_seconds=60, overlap="SKIP",
    )  # fmt: skip
    assert due(shared_superuser, job_id) == (_MONDAY + _NINE, _SATURDAY + _NINE)
    assert ring_until(shared_superuser, job_id, _MONDAY + _NINE) == [_MONDAY + _NINE]
    (made,) = live(shared_superuser, job_id)
    assert (made["scheduled_at"], made["run_at"], made["cause"]) == (_SATURDAY + _NINE, _MONDAY + _NINE, "SCHEDULE")
    assert made["execution_id"] == value(shared_superuser, "select kronos.tick_id(%s, %s)", [job_id, _SATURDAY + _NINE])
    assert made["deadline_at"] == _MONDAY + _NINE + timedelta(seconds=60)
    shared_superuser.execute("delete from kronos.execution_live where job_id = %s", [job_id])
    # Saturday evening's tick waited its turn, and did not meet the morning's run.
    assert due(shared_superuser, job_id) == (_MONDAY + timedelta(hours=17), _SATURDAY + timedelta(hours=17))
    account(shared_superuser, job_id, now=_MONDAY + timedelta(hours=17))
    assert runs(shared_superuser, job_id) == [(_SATURDAY + timedelta(hours=17), _MONDAY + timedelta(hours=17))]
    assert due(shared_superuser, job_id) == (datetime(2026, 6, 2, 9, tzinfo=UTC), None)


def test_a_tick_that_rolls_back_runs_before_its_time_and_not_again(
    shared_superuser: Connection, endpoint: EndpointRow
) -> None:
    job_id = job_at(shared_superuser, endpoint, "0 9 2 * *", "PREVIOUS", since=_FRIDAY)
    assert due(shared_superuser, job_id) == (_FRIDAY + _NINE, _SATURDAY + _NINE)
    account(shared_superuser, job_id, now=_FRIDAY + _NINE + timedelta(seconds=3))
    assert runs(shared_superuser, job_id) == [(_SATURDAY + _NINE, _FRIDAY + _NINE)]
    assert due(shared_superuser, job_id)[0] == datetime(2026, 6, 2, 9, tzinfo=UTC)
    assert account(shared_superuser, job_id, now=_SATURDAY + _NINE) == 0
    found = ledger(shared_superuser, job_id, _FRIDAY, _MONDAY)
    assert (found["expected"], found["delivered"]) == (1, 1)


@pytest.mark.parametrize("on_blackout", ["NEXT", "PREVIOUS"])
def test_a_day_takes_its_own_runs_and_closed_days_give_way(
    shared_superuser: Connection, endpoint: EndpointRow, on_blackout: str
) -> None:
    job_id = job_at(shared_superuser, endpoint, "0 9 * * *", on_blackout, since=_FRIDAY)
    ring_until(shared_superuser, job_id, _MONDAY + timedelta(hours=12))
    assert runs(shared_superuser, job_id) == [(at, at) for at in (_FRIDAY + _NINE, _MONDAY + _NINE)]
    assert codes(shared_superuser, job_id) == [
        (at, "blackout_merged", 1) for at in (_SATURDAY + _NINE, _SUNDAY + _NINE)
    ]
    ledger(shared_superuser, job_id, _FRIDAY, _MONDAY + timedelta(days=1))


@pytest.mark.parametrize(
    ("late", "policy", "window", "expected"),
    [
        (timedelta(seconds=80), "SKIP", 0, "SCHEDULE"),
        (timedelta(minutes=10), "LATEST", 3600, "CATCH_UP"),
        (timedelta(minutes=10), "ALL", 3600, "CATCH_UP"),
        (timedelta(minutes=10), "SKIP", 3600, "missed"),
        (timedelta(hours=2), "LATEST", 3600, "missed"),
    ],
)
@pytest.mark.parametrize(("on_blackout", "at"), [("NEXT", _MONDAY + _NINE), ("PREVIOUS", _FRIDAY + _NINE)])
def test_late_is_counted_from_the_day_that_a_tick_rolls_to(
    shared_superuser: Connection, endpoint: EndpointRow, on_blackout: str, at: datetime, late: timedelta, policy: str,
    window: int, expected: str,
) -> None:  # fmt: skip
    job_id = job_at(
        shared_superuser, endpoint, "0 9 2 * *", on_blackout, since=_FRIDAY, catch_up_policy=policy,
        catch_up_window_seconds=window,
    )  # fmt: skip
    account(shared_superuser, job_id, now=at + late)
    found = [each["cause"] for each in live(shared_superuser, job_id)]
    assert (found or [code for _, code, _ in codes(shared_superuser, job_id)]) == [expected]


def test_very_many_closed_and_missed_ticks_are_a_row_a_run_of_them(
    shared_superuser: Connection, endpoint: EndpointRow
) -> None:
    """Four days of a job that ticks every minute. Each call takes up to 10,000 ticks; the rest remains due."""
    job_id = job_at(shared_superuser, endpoint, "* * * * *", "SKIP", since=_FRIDAY - timedelta(days=4))
    now = _SUNDAY + timedelta(days=1, minutes=30)
    account(shared_superuser, job_id, now=now)
    assert due(shared_superuser, job_id)[0] > now or account(shared_superuser, job_id, now=now) >= 0
    rows = [(each["status"], each["tick_count"]) for each in done(shared_superuser, job_id)]
    assert len(rows) <= 7, rows
    found = ledger(shared_superuser, job_id, _FRIDAY - timedelta(days=4), now)
    assert (found["skipped"], found["expected"]) == (2 * 1440, 7 * 1440 + 29)


def test_runs_left_and_ticks_to_skip_are_counted_by_runs(shared_superuser: Connection, endpoint: EndpointRow) -> None:
    job_id = job_at(shared_superuser, endpoint, "0 9 * * *", "SKIP", since=_FRIDAY, max_runs=2, skip_next=1)
    ring_until(shared_superuser, job_id, _MONDAY + timedelta(days=1, hours=12))
    assert [at for at, _ in runs(shared_superuser, job_id)] == [
        _MONDAY + _NINE, _MONDAY + timedelta(days=1) + _NINE,
    ]  # fmt: skip
    assert [code for _, code, _ in codes(shared_superuser, job_id)] == ["skip_next", "blackout", "blackout"]
    assert job(shared_superuser, job_id)["status"] == "RETIRED"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("NEXT", ["2026-05-04"], (_MONDAY + timedelta(days=1) + _NINE, _SATURDAY + _NINE)),
        ("PREVIOUS", ["2026-05-01"], (_FRIDAY - timedelta(days=1) + _NINE, _SATURDAY + _NINE)),
        ("SKIP", ["2026-05-04"], (_SATURDAY + _NINE, None)),
    ],
)
def test_a_calendars_change_moves_what_waits(
    shared_superuser: Connection, endpoint: EndpointRow, before: str, after: Sequence[str],
    expected: tuple[datetime, datetime | None],
) -> None:  # fmt: skip
    since = _FRIDAY - timedelta(days=10)
    job_id = job_at(shared_superuser, endpoint, "0 9 2 * *", before, since=since)
    left = put_calendar(
        shared_superuser, endpoint.workspace_id, "week", week=_WEEKEND, days=[day(each) for each in after]
    )
    assert (due(shared_superuser, job_id), left) == (expected, 0)
    # and back again: open on the tick's own day
    put_calendar(shared_superuser, endpoint.workspace_id, "week")
    assert due(shared_superuser, job_id) == (_SATURDAY + _NINE, None)


def test_a_change_moves_nothing_of_other_workspaces(shared_superuser: Connection, endpoint: EndpointRow) -> None:
    others = add_endpoint(shared_superuser)
    put_calendar(shared_superuser, others.workspace_id, "week", week=_WEEKEND)
    other = job_at(shared_superuser, others, "0 9 2 * *", "NEXT", since=_FRIDAY)
    assert put_calendar(shared_superuser, endpoint.workspace_id, "week", week=["sun"]) == 0
    assert due(shared_superuser, other) == (_MONDAY + _NINE, _SATURDAY + _NINE)


@pytest.mark.parametrize(
    ("on_blackout", "until", "expected"),
    [
        # due within the pause, although the tick's own time is later
        ("PREVIOUS", _FRIDAY + timedelta(hours=12), [(_SATURDAY + _NINE, "paused", 1)]),
        ("NEXT", _MONDAY + timedelta(hours=12), [(_SATURDAY + _NINE, "paused", 1)]),
        ("SKIP", _MONDAY, [(_SATURDAY + _NINE, "paused", 1)]),
    ],
)
def test_what_was_due_while_paused_is_skipped(
    shared_superuser: Connection, endpoint: EndpointRow, on_blackout: str, until: datetime,
    expected: list[tuple[datetime, str, int]],
) -> None:  # fmt: skip
    for call in ("select kronos.skip_ticks(%s, %s, %s)", "select kronos.skip_each(array[%s::uuid], %s, %s)"):
        job_id = job_at(shared_superuser, endpoint, "0 9 2 * *", on_blackout, since=_FRIDAY)
        shared_superuser.execute(call, [job_id, until, '{"code": "paused"}'])
        assert codes(shared_superuser, job_id) == expected
        assert due(shared_superuser, job_id) == (datetime(2026, 6, 2, 9, tzinfo=UTC), None)


def test_a_tick_whose_earlier_day_had_passed_is_skipped_and_said_so(
    shared_superuser: Connection, endpoint: EndpointRow
) -> None:
    """The job was created after that day, so the run belonged to another version or to none."""
    job_id = job_at(shared_superuser, endpoint, "0 9 2 * *", "PREVIOUS", since=_FRIDAY + timedelta(hours=12))
    account(shared_superuser, job_id, now=_FRIDAY + timedelta(hours=12, minutes=1))
    assert codes(shared_superuser, job_id) == [(_SATURDAY + _NINE, "blackout_passed", 1)]


def test_a_job_that_ends_accounts_for_what_it_held_back(shared_superuser: Connection, endpoint: EndpointRow) -> None:
    job_id = job_at(shared_superuser, endpoint, "0 9 2 * *", "NEXT", since=_FRIDAY)
    shared_superuser.execute(
        "update kronos.jobs set status = 'RETIRED', ticks_until = %s, status_reason = '{\"code\": \"cancelled\"}' "
        "where job_id = %s",
        [_SUNDAY, job_id],
    )
    assert codes(shared_superuser, job_id) == [(_SATURDAY + _NINE, "blackout_ended", 1)]
    ledger(shared_superuser, job_id, _FRIDAY, _MONDAY)


def test_a_version_that_is_replaced_answers_for_what_it_ran_before_its_time(
    shared_superuser: Connection, endpoint: EndpointRow
) -> None:
    """And for nothing more: it was in force until then, not until its next tick a month later."""
    job_id = job_at(shared_superuser, endpoint, "0 9 2 * *", "PREVIOUS", since=_FRIDAY)
    account(shared_superuser, job_id, now=_FRIDAY + _NINE)
    shared_superuser.execute(
        "update kronos.jobs set status = 'RETIRED', ticks_until = %s, status_reason = '{\"code\": \"replaced\"}' "
        "where job_id = %s",
        [_FRIDAY + timedelta(hours=12), job_id],
    )
    assert job(shared_superuser, job_id)["ticks_until"] == _SATURDAY + _NINE
    found = ledger(shared_superuser, job_id, _FRIDAY, _MONDAY)
    assert (found["expected"], found["delivered"]) == (1, 1)
