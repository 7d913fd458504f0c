"""Each statement is counted under its name, with its time and its failures, and a transaction as its first one."""

from types import SimpleNamespace
from typing import Any

import pytest

from kronos import statements
from kronos.metrics.definition import Measured
from kronos.sql import Statement
from kronos.statements import Statements, run_told
from kronos.writes import Writes


def counted(of: Statements) -> dict[tuple[str, ...], float]:
    return {(each.metric.name, *each.labels): each.value for each in of.read() if isinstance(each, Measured)}


def test_runs_times_and_failures_of_a_name_are_added_up() -> None:
    ran = Statements()
    ran.note("jobs.get_job", 0.25)
    ran.note("jobs.get_job", 0.5, failed=True)
    ran.note("jobs.list_jobs", 1.0)
    assert counted(ran) == {
        ("kronos_statements_total", "jobs.get_job"): 2,
        ("kronos_statement_seconds_total", "jobs.get_job"): 0.75,
        ("kronos_statement_errors_total", "jobs.get_job"): 1,
        ("kronos_statements_total", "jobs.list_jobs"): 1,
        ("kronos_statement_seconds_total", "jobs.list_jobs"): 1.0,
        ("kronos_statement_errors_total", "jobs.list_jobs"): 0,
    }
    assert counted(Statements()) == {}


def statement(name: str) -> Statement[Any]:
    return Statement(name, "select 1", object)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Statements:
    """The counts of a process in which each look at the clock is a second later."""
    made, seconds = Statements(), iter(range(1000))
    monkeypatch.setattr(statements, "RAN", made)
    monkeypatch.setattr(statements, "time", SimpleNamespace(perf_counter=lambda: float(next(seconds))))
    return made


async def test_statements_of_one_transaction_count_as_the_first(ran: Statements) -> None:
    writes = Writes()

    async def work(connection: str) -> str:
        writes.send(statement("jobs.insert_cron_job"), statement("jobs.get_job"))
        return f"on {connection}"

    assert await run_told(work, "c", writes) == "on c"
    assert counted(ran) == {
        ("kronos_statements_total", "jobs.insert_cron_job"): 1,
        ("kronos_statement_seconds_total", "jobs.insert_cron_job"): 1.0,
        ("kronos_statement_errors_total", "jobs.insert_cron_job"): 0,
    }


async def test_a_statement_that_fails_is_counted_as_failed_and_the_error_is_the_callers(ran: Statements) -> None:
    writes = Writes()

    async def work(_: str) -> None:
        writes.send(statement("jobs.get_job"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await run_told(work, "c", writes)
    assert counted(ran)["kronos_statement_errors_total", "jobs.get_job"] == 1
    assert counted(ran)["kronos_statements_total", "jobs.get_job"] == 1


async def test_work_that_sends_nothing_is_not_counted(ran: Statements) -> None:
    async def work(connection: str) -> str:
        return connection

    assert (await run_told(work, "c", Writes()), counted(ran)) == ("c", {})


@pytest.mark.parametrize(
    ("name", "is_read"),
    [
        ("jobs.get_job", True), ("jobs.list_jobs", True), ("idempotency.find_key", True), ("jobs.count_jobs", True),
        ("schedules.read_schedules", True), ("schedules.preview_schedule", True), ("payload.enter_validated", True),
        ("jobs.insert_cron_job", False), ("jobs.update_file", False), ("keys.revoke_key", False),
        ("jobs.getting_started", False), ("get.insert_job", False), ("jobs", False), ("", False),
    ],
)  # fmt: skip
def test_only_a_statement_that_changes_nothing_may_be_sent_again(name: str, is_read: bool) -> None:
    assert statement(name).is_read is is_read
