"""A calendar that is changed for past days: ticks that were accounted for stay, and ticks that waited are late."""

from datetime import UTC, datetime, timedelta

import pytest

from calendar_rows import day, put_calendar
from factory import EndpointRow, add_endpoint
from sql.test_calendar_jobs import codes, due, job_at, ledger, ring_until, runs
from sql_factory import Connection, account, done, records

_FRIDAY = datetime(2026, 5, 1, tzinfo=UTC)
_SATURDAY, _SUNDAY, _MONDAY = (_FRIDAY + timedelta(days=n) for n in (1, 2, 3))
_NINE = timedelta(hours=9)


@pytest.fixture
def endpoint(shared_superuser: Connection) -> EndpointRow:
    """An endpoint in a workspace with a calendar `bank` that closes a Saturday and Sunday."""
    made = add_endpoint(shared_superuser)
    put_calendar(shared_superuser, made.workspace_id, "bank", days=[day("2026-05-02", "2026-05-03", "Fair")])
    return made


def open_all(connection: Connection, endpoint: EndpointRow) -> None:
    put_calendar(connection, endpoint.workspace_id, "bank")


def test_what_was_skipped_stays_skipped_by_the_version_that_closed_it(
    shared_superuser: Connection, endpoint: EndpointRow
) -> None:
    job_id = job_at(shared_superuser, endpoint, "0 9 * * *", "SKIP", since=_FRIDAY, calendars=["bank"])
    ring_until(shared_superuser, job_id, _SATURDAY + _NINE)
    open_all(shared_superuser, endpoint)
    ring_until(shared_superuser, job_id, _MONDAY + _NINE)
    (skipped,) = [each["status_reason"] for each in done(shared_superuser, job_id)]
    assert (skipped["code"], skipped["day"], skipped["calendar_version"]) == ("blackout", "Fair", 1)
    assert [tick for tick, _ in runs(shared_superuser, job_id)] == [at + _NINE for at in (_FRIDAY, _SUNDAY, _MONDAY)]
    found = ledger(shared_superuser, job_id, _FRIDAY, _MONDAY + timedelta(days=1))
    assert (found["expected"], found["delivered"], found["skipped"]) == (4, 3, 1)


def test_what_has_run_stays_though_its_day_is_closed_now(shared_superuser: Connection, endpoint: EndpointRow) -> None:
    job_id = job_at(shared_superuser, endpoint, "0 9 * * *", "NEXT", since=_FRIDAY, calendars=["bank"])
    ring_until(shared_superuser, job_id, _FRIDAY + _NINE)
    put_calendar(shared_superuser, endpoint.workspace_id, "bank", days=[day("2026-05-01", "2026-05-03", "Fair")])
    ring_until(shared_superuser, job_id, _MONDAY + _NINE)
    assert [tick for tick, _ in runs(shared_superuser, job_id)] == [_FRIDAY + _NINE, _MONDAY + _NINE]
    found = ledger(shared_superuser, job_id, _FRIDAY, _MONDAY + timedelta(days=1))
    assert (found["expected"], found["delivered"], found["skipped"]) == (4, 2, 2)


@pytest.mark.parametrize(
    ("policy", "window", "is_run"), [("LATEST", 172800, True), ("LATEST", 3600, False), ("SKIP", 172800, False)]
)
def test_a_tick_that_waits_and_should_have_run_is_late(
    shared_superuser: Connection, endpoint: EndpointRow, policy: str, window: int, is_run: bool
) -> None:
    """On Sunday it waits for Monday. Then the calendar is changed to say that Saturday was open."""
    job_id = job_at(
        shared_superuser, endpoint, "0 9 * * 6", "NEXT", since=_FRIDAY, calendars=["bank"], catch_up_policy=policy,
        catch_up_window_seconds=window,
    )  # fmt: skip
    assert due(shared_superuser, job_id) == (_MONDAY + _NINE, _SATURDAY + _NINE)
    open_all(shared_superuser, endpoint)
    assert due(shared_superuser, job_id) == (_SATURDAY + _NINE, None)
    account(shared_superuser, job_id, now=_SUNDAY + _NINE)
    found = records(
        shared_superuser,
        "select scheduled_at, cause from kronos.execution_live where job_id = %s",
        [job_id],
    )
    assert found == ([{"scheduled_at": _SATURDAY + _NINE, "cause": "CATCH_UP"}] if is_run else [])
    assert [each["status"] for each in done(shared_superuser, job_id)] == ([] if is_run else ["MISSED"])
    assert ledger(shared_superuser, job_id, _FRIDAY, _MONDAY)["expected"] == 1


def test_a_tick_that_should_have_run_before_its_time_is_late_then(
    shared_superuser: Connection, endpoint: EndpointRow
) -> None:
    """On Saturday, the calendar is changed to close the coming Monday. Its run belongs on Friday, and is now a day
    late.
    """
    job_id = job_at(
        shared_superuser, endpoint, "0 9 * * 1", "PREVIOUS", since=_FRIDAY - timedelta(days=3), calendars=["bank"],
        catch_up_window_seconds=172800,
    )  # fmt: skip
    account(shared_superuser, job_id, now=_SATURDAY + _NINE)
    assert runs(shared_superuser, job_id) == []
    put_calendar(shared_superuser, endpoint.workspace_id, "bank", days=[day("2026-05-02", "2026-05-04", "Fair")])
    assert due(shared_superuser, job_id) == (_FRIDAY + _NINE, _MONDAY + _NINE)
    account(shared_superuser, job_id, now=_SATURDAY + _NINE)
    assert [tick for tick, _ in runs(shared_superuser, job_id)] == [_MONDAY + _NINE]
    open_all(shared_superuser, endpoint)  # it has run, so it does not run again on Monday
    ring_until(shared_superuser, job_id, _MONDAY + timedelta(days=1))
    assert ([tick for tick, _ in runs(shared_superuser, job_id)], codes(shared_superuser, job_id)) == (
        [_MONDAY + _NINE], [],
    )  # fmt: skip
    assert ledger(shared_superuser, job_id, _FRIDAY, _MONDAY + timedelta(days=1))["delivered"] == 1
