"""What an error of PostgreSQL means to a caller: whether anything may have been done, whose mistake it is, and never a
text that could quote another person's row.
"""

from types import SimpleNamespace

import psycopg
import pytest

from kronos import errors
from kronos.calendar_terms import CalendarNotFound
from kronos.database_errors import (
    from_database,
    is_lost,
    is_of_history,
    is_over,
    is_undone,
    over_quota,
    quota_refused,
    schedule_refused,
)

SAID = "as PostgreSQL put it"


class Raised(psycopg.OperationalError):
    """An error as the driver raises it."""

    def __init__(self, sqlstate: str | None, *, severity: str | None = "ERROR", **diagnosed: str | None) -> None:
        super().__init__("secret@db: a row of somebody else")
        self.sqlstate = sqlstate
        known = dict.fromkeys(("message_detail", "message_hint", "column_name", "constraint_name", "context"), None)
        self._diagnosed = SimpleNamespace(
            severity_nonlocalized=severity, **{"message_primary": SAID, **known, **diagnosed}
        )

    @property
    def diag(self) -> psycopg.errors.Diagnostic:
        return self._diagnosed  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("error", "undone", "lost", "over"),
    [
        (Raised("23505"), True, False, False),
        (Raised("40001"), True, False, False),
        (Raised("57014"), True, False, False),
        (Raised("25006"), True, False, True),
        (Raised("57P01", severity="FATAL"), False, True, True),
        (Raised("57P02", severity="PANIC"), False, True, True),
        (Raised("53300", severity="FATAL"), False, True, True),
        (Raised("08006", severity=None), False, True, True),
        (Raised("08006"), True, False, False),
        (Raised("08001"), True, False, False),
        (Raised("08P01"), True, True, True),
        (Raised(None, severity=None), False, True, True),
        (psycopg.InterfaceError("the connection is closed"), False, False, False),
        (psycopg.OperationalError("server closed the connection unexpectedly"), False, True, True),
    ],
)
def test_an_error_says_whether_its_transaction_was_undone_and_the_connection_is_of_use(
    error: psycopg.Error, undone: bool, lost: bool, over: bool
) -> None:
    """Only what PostgreSQL reports, in a session that continues, is certainly undone."""
    assert (is_undone(error), is_lost(error), is_over(error)) == (undone, lost, over)
    assert isinstance(from_database(error), errors.ConnectionLost) == lost


@pytest.mark.parametrize("sqlstate", ["08001", "08003", "08006"])
def test_servers_of_the_old_history_that_are_away_do_not_end_the_connection(sqlstate: str) -> None:
    assert is_of_history(Raised(sqlstate))
    assert not is_of_history(Raised(sqlstate, severity="FATAL"))
    told = from_database(Raised(sqlstate))
    assert (type(told), told.detail[:43]) == (errors.DatabaseUnavailable, "the servers that hold the older weeks of th")


@pytest.mark.parametrize(
    ("sqlstate", "kind", "code", "detail"),
    [
        ("25006", errors.ReadOnly, "database_unavailable", f"PostgreSQL is a standby and rejects writes: {SAID}"),
        ("KR010", errors.Overtaken, "conflict", SAID),
        ("KR011", errors.Overtaken, "conflict", SAID),
        ("KR012", errors.EndpointNotFound, "endpoint_not_found", SAID),
        ("KR013", errors.WorkspaceNotFound, "workspace_not_found", SAID),
        ("KR014", errors.PreconditionFailed, "precondition_failed", SAID),
        ("KR016", errors.Unvalidated, "conflict", SAID),
        ("KR023", errors.WorkspaceSuspended, "workspace_suspended", SAID),
        ("KR024", errors.SqlGrantRefused, "internal_error", SAID),
        ("KR035", errors.Conflict, "job_in_use", SAID),
        ("KR042", errors.Forbidden, "forbidden", SAID),
        ("KR044", errors.Conflict, "conflict", SAID),
        ("KR046", CalendarNotFound, "calendar_not_found", SAID),
        ("40P01", errors.DatabaseUnavailable, "database_unavailable", f"PostgreSQL could not do this now: {SAID}"),
        ("53100", errors.DatabaseUnavailable, "database_unavailable", f"PostgreSQL could not do this now: {SAID}"),
        ("55P03", errors.DatabaseUnavailable, "database_unavailable", f"PostgreSQL could not do this now: {SAID}"),
        ("57014", errors.DatabaseUnavailable, "database_unavailable", f"PostgreSQL could not do this now: {SAID}"),
        ("58030", errors.DatabaseUnavailable, "database_unavailable", f"PostgreSQL could not do this now: {SAID}"),
        ("23514", errors.KronosError, "internal_error", "unexpected database error 23514"),
        ("42P01", errors.KronosError, "internal_error", "unexpected database error 42P01"),
        ("22012", errors.KronosError, "internal_error", "unexpected database error 22012"),
        ("KR999", errors.KronosError, "internal_error", "unexpected database error KR999"),
    ],
)
def test_a_state_has_its_error(sqlstate: str, kind: type[errors.KronosError], code: str, detail: str) -> None:
    told = from_database(Raised(sqlstate))
    assert (type(told), told.code, told.detail) == (kind, code, detail)
    if isinstance(told, errors.Unavailable):
        assert told.sqlstate == sqlstate


@pytest.mark.parametrize(("sqlstate", "pointer", "hint"), [
    ("KR012", "/endpoint", "Name another endpoint."),
    ("KR035", "", "Remove it from their on_success or on_failure first."),
    ("KR046", "/calendars", "Create it first, or name another one; `kronos calendar list` lists them."),
])  # fmt: skip
def test_what_the_caller_can_mend_has_its_field_and_a_hint(sqlstate: str, pointer: str, hint: str) -> None:
    (fault,) = from_database(Raised(sqlstate)).faults
    assert (fault.pointer, fault.detail, fault.hint) == (pointer, SAID, hint)


@pytest.mark.parametrize(
    ("sqlstate", "column", "code", "pointer"),
    [
        ("KR001", None, "invalid_cron", "/cron"),
        ("KR002", None, "invalid_cron", "/cron"),
        ("KR003", None, "input_validation_failed", "/ends_at"),
        ("KR004", None, "invalid_timezone", "/timezone"),
        ("KR005", None, "invalid_interval", "/every"),
        ("KR005", "anchor", "invalid_interval", "/anchor"),
        ("KR005", "cron", "invalid_interval", "/every"),
        ("KR015", None, "input_validation_failed", "/spec"),
        ("KR015", "signing_secrets", "input_validation_failed", "/signing_secrets"),
        ("KR015", "anchor", "input_validation_failed", "/spec"),
        ("KR034", None, "input_validation_failed", ""),
        ("KR034", "on_success.job", "input_validation_failed", "/on_success/job"),
    ],
)
def test_a_schedule_or_callback_that_postgresql_rejects_is_the_fault_of_its_field(
    sqlstate: str, column: str | None, code: str, pointer: str
) -> None:
    told = from_database(Raised(sqlstate, message_hint="Write it so.", column_name=column))
    assert (type(told), told.code, told.detail) == (errors.Unprocessable, code, SAID)
    assert told.faults == (errors.Fault(pointer=pointer, detail=SAID, hint="Write it so."),)
    assert schedule_refused(sqlstate, SAID, None, column) is not None


def test_other_states_are_no_fault_of_a_schedule_or_quota() -> None:
    assert schedule_refused("KR010", SAID, None, None) is None
    assert over_quota("KR001", SAID, None, None, None) is None


NUMBERS = '{"quota": "jobs", "used": 3, "limit": 3, "asked": 1, "retry_after_seconds": 42}'


def test_a_quota_that_is_used_up_says_when_there_is_room() -> None:
    told = from_database(Raised("KR040", message_detail=NUMBERS, column_name="input", message_hint="Wait."))
    assert isinstance(told, errors.QuotaUsedUp)
    assert (told.numbers, told.retry_after_seconds) == ({"quota": "jobs", "used": 3, "limit": 3, "asked": 1}, 42)
    assert told.faults == (errors.Fault(pointer="/input", detail=SAID, hint="Wait."),)


def test_a_quota_that_is_too_small_can_never_be_waited_for() -> None:
    told = from_database(Raised("KR041", message_detail=NUMBERS))
    assert isinstance(told, errors.QuotaTooSmall)
    assert (dict(told.numbers), told.faults[0].pointer) == ({"quota": "jobs", "used": 3, "limit": 3, "asked": 1}, "")
    assert not hasattr(told, "retry_after_seconds")
    assert over_quota("KR041", SAID, None, None, None) is not None


def test_a_quota_without_a_time_is_tried_again_after_a_minute() -> None:
    for seconds in (None, "soon", 1.5):
        told = quota_refused(errors.QuotaUsedUp, SAID, {"retry_after_seconds": seconds})
        assert isinstance(told, errors.QuotaUsedUp)
        assert (told.retry_after_seconds, told.numbers) == (60, {})


@pytest.mark.parametrize(
    ("constraint", "kind", "pointers"),
    [
        ("idempotency_keys_pkey", errors.KeyTaken, []),
        ("jobs_name_taken", errors.Conflict, ["/name"]),
        ("endpoints_name_taken", errors.Conflict, []),
        ("jobs_offset_within_spread", errors.Unprocessable, ["/offset_seconds"]),
        ("jobs_window_not_empty", errors.Unprocessable, ["/ends_at"]),
    ],
)
def test_a_constraint_that_a_caller_can_violate_has_its_error(
    constraint: str, kind: type[errors.KronosError], pointers: list[str]
) -> None:
    told = from_database(Raised("23505", constraint_name=constraint))
    assert (type(told), [fault.pointer for fault in told.faults]) == (kind, pointers)
    assert SAID not in told.detail
    again = from_database(Raised("23505", constraint_name=constraint))
    assert again is not told, "an error that was raised has the traceback of its request"


@pytest.mark.parametrize(
    ("sqlstate", "context", "code"),
    [
        ("22007", "PL/pgSQL function kronos.next_tick(jsonb) line 9", "job_malformed"),
        ("22P02", "SQL function kronos.first_tick", "job_malformed"),
        ("22003", "kronos.upcoming_runs", "job_malformed"),
        ("22003", "kronos.next_local_ticks", "job_malformed"),
        ("42883", "kronos.next_tick", "internal_error"),
        ("22003", "kronos.next_ticker", "internal_error"),
        ("22003", None, "internal_error"),
        ("42501", "PL/pgSQL function kronos.register_entry(text) line 3", "pg_cron_unavailable"),
        ("XX000", "SQL statement select cron.schedule('a', 'b')", "pg_cron_unavailable"),
        ("XX000", "cron.unschedule", "pg_cron_unavailable"),
        ("55P03", "kronos.unregister_pg_cron", "pg_cron_unavailable"),
        ("42501", "kronos.write_alarms", "pg_cron_unavailable"),
        ("42501", "kronos.write_alarms_of", "internal_error"),
    ],
)
def test_where_an_error_was_raised_tells_whose_it_is(sqlstate: str, context: str | None, code: str) -> None:
    told = from_database(Raised(sqlstate, context=context))
    assert (told.code, SAID in told.detail) == (code, code != "internal_error")


def test_an_error_without_a_state_is_named_by_its_kind_only() -> None:
    told = from_database(psycopg.ProgrammingError("invalid dsn: secret"))
    assert (type(told), told.detail) == (errors.KronosError, "unexpected ProgrammingError from the database driver")


def test_an_error_without_a_message_says_so() -> None:
    assert from_database(Raised("KR042", message_primary=None)).detail == "PostgreSQL gave no message"


@pytest.mark.parametrize("error", [Raised("57P01", severity="FATAL"), Raised("23514"), Raised(None, severity=None)])
def test_what_could_quote_a_row_or_a_connection_is_left_out(error: Raised) -> None:
    told = from_database(error)
    assert "secret" not in f"{told.detail} {told.said}"
    assert SAID not in told.detail
