"""What the doctor's findings say: names, numbers and commands that an operator can copy."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from kronos import repeatables
from kronos.doctor import facts, findings
from kronos.doctor.checks import CHECKS
from kronos.doctor.finding import LISTED, MIGRATE, Finding, ago, many, some
from unit.test_findings import GROUND

_AT = datetime(2026, 11, 20, tzinfo=UTC)
_LEDGER = facts.JobLedger(
    job_id=UUID(int=1), name="report", workspace="acme", expected=2, unaccounted=1, surplus=0, first_unaccounted=_AT,
    first_surplus=None, overdue=0, is_truncated=False, error=None,
)  # fmt: skip


def _of_ground(check: str, **changed: Any) -> Finding:
    return next(each for each in findings.ground(replace(GROUND, **changed)) if each.check == check)


@pytest.mark.parametrize(
    ("check", "changed", "ok", "detail"),
    [
        ("writes", {}, True, "PostgreSQL accepts writes"),
        ("writes", {"is_read_only": True}, False, "PostgreSQL is a read-only standby"),
        ("pg_cron", {}, True, "pg_cron 1.6 on PostgreSQL 15.8"),
        ("pg_cron", {"pg_cron_version": None}, False, "pg_cron is not installed"),
        ("pg_cron", {"pg_cron_version": "1.4-1"}, True,
         "pg_cron 1.4-1 on PostgreSQL 15.8 (works with limits: no intervals below a minute; 1.6 or later is "
         "recommended)"),
        ("pg_cron", {"pg_cron_version": "1.5-rc1"}, True, "pg_cron 1.5-rc1 on PostgreSQL 15.8"),
        ("launcher", {}, True, "pg_cron's launcher is running"),
        ("launcher", {"has_launcher": False}, False, "pg_cron's launcher is not running"),
        ("launcher", {"has_launcher": False, "is_read_only": True}, True,
         "pg_cron's launcher is not running, as on every standby"),
        ("roles", {}, True, "all four roles exist"),
        ("roles", {"missing_roles": ["kronos_api", "kronos_cron"]}, False, "missing: kronos_api, kronos_cron"),
        ("schema", {}, True, f"at this release, {repeatables.digest()}"),
        ("schema", {"applied": "sql/ 0123"}, False, f"functions at 0123, this release has {repeatables.digest()}"),
        ("schema", {"applied": ""}, False, f"functions at nothing, this release has {repeatables.digest()}"),
        ("schema", {"has_schema": False}, False, f"at this release, {repeatables.digest()}"),
        ("connection", {}, True, "connected as postgres, who may act as kronos_owner"),
        ("connection", {"may_own": False, "connected_as": "eve"}, False,
         "connected as eve, who may not act as kronos_owner"),
    ],
)  # fmt: skip
def test_the_checks_on_which_all_others_depend_report_what_they_found(
    check: str, changed: dict[str, Any], ok: bool, detail: str
) -> None:
    found = _of_ground(check, **changed)
    assert (found.ok, found.detail) == (ok, detail)


@pytest.mark.parametrize(
    ("sent", "answered", "ok", "detail"),
    [
        (1000.0, 1000.0, True, "PostgreSQL's clock is 0.000 s ahead of this machine's, ± 0.000 s"),
        (994.0, 996.0, True, "PostgreSQL's clock is 5.000 s ahead of this machine's, ± 1.000 s"),
        (993.0, 995.0, True, "PostgreSQL's clock is 6.000 s ahead of this machine's, ± 1.000 s"),
        (992.9, 994.9, False, "PostgreSQL's clock is 6.100 s ahead of this machine's, ± 1.000 s"),
        (1005.0, 1005.0, True, "PostgreSQL's clock is 5.000 s behind this machine's, ± 0.000 s"),
        (1005.1, 1005.1, False, "PostgreSQL's clock is 5.100 s behind this machine's, ± 0.000 s"),
    ],
)
def test_the_clocks_difference_is_reported_with_the_uncertainty_of_the_round_trip(
    sent: float, answered: float, ok: bool, detail: str
) -> None:
    found = findings.clock(sent, GROUND, answered_at=answered)
    assert (found.ok, found.detail) == (ok, detail)


@pytest.mark.parametrize(
    ("sqlstate", "code", "is_missing", "fix"),
    [
        ("42P01", "42P01", True, MIGRATE),
        ("42501", "42501", True, MIGRATE),
        ("3F000", "3F000", True, MIGRATE),
        ("57014", "57014", False, "see PostgreSQL's log, then run `kronos doctor` again"),
        ("55P03", "55P03", False, "another session holds a lock on a table. Find it with: select pid, query from "),
        (None, "no code", False, "see PostgreSQL's log, then run `kronos doctor` again"),
    ],
)
def test_a_check_that_could_not_run_failed_and_says_what_to_look_at(
    sqlstate: str | None, code: str, is_missing: bool, fix: str
) -> None:
    found = findings.impossible("drift", "it went wrong", sqlstate)
    assert (found.check, found.ok) == ("drift", False)
    assert found.detail == f"the check could not run: it went wrong ({code})"
    assert (found.fix or "").startswith(fix)
    assert ("a migration creates is missing" in (found.meaning or "")) == is_missing


_JOB: dict[str, Any] = {"job_id": UUID(int=7), "workspace": "acme"}
_TOLD: list[tuple[Callable[[Any], Finding], str, list[Any], str, str]] = [
    (findings.orphans, "the role of every entry exists",
     [facts.Orphan(jobid=1, username="o'hara"), facts.Orphan(jobid=2, username="bob"),
      facts.Orphan(jobid=3, username="bob")],
     "3 entries of cron.job belong to roles that no longer exist: bob, o'hara",
     "delete from cron.job where username in ('bob', 'o''hara');"),
    (findings.privileges, "each role has the privileges it needs, and none bypasses row level security",
     [facts.MissingPrivilege(role="kronos_api", fault="may not execute fire"),
      facts.MissingPrivilege(role="kronos_worker", fault="bypasses row level security")],
     "kronos_api may not execute fire, kronos_worker bypasses row level security", MIGRATE),
    (findings.drift, "cron.job matches the ACTIVE CRON jobs",
     [facts.EntryDifference(jobname="kronos:1", jobid=None, difference="is missing")],
     "1 differences: kronos:1: is missing", "kronos doctor --fix"),
    (findings.faults, "every job's ticks can be accounted for",
     [facts.FaultyJob(**_JOB, name="report", sqlstate="KR001", message="weekday 9", failed_at=_AT),
      facts.FaultyJob(**_JOB, name=None, sqlstate="22023", message="no zone", failed_at=_AT)],
     f"2: acme/report: weekday 9 (KR001), acme/{UUID(int=7)}: no zone (22023)", "`kronos job edit JOB --cron EXPR`"),
    (findings.left_behind, "no deleted workspace or endpoint has unfinished rows",
     [facts.LeftBehind(kind="execution", id=UUID(int=7), workspace="acme", deleted="endpoint")],
     f"1: execution {UUID(int=7)} of acme, whose endpoint was deleted", "undo the deletion"),
    (findings.overdue, "no tick has been due for longer than catch-up allows",
     [facts.OverdueJob(**_JOB, name="report", overdue_seconds=99.6),
      facts.OverdueJob(**_JOB, name=None, overdue_seconds=200)],
     f"2: acme/report for 100 s, acme/{UUID(int=7)} for 200 s", "select kronos.catch_up(kronos.clock());"),
    (findings.zones, "every zone in use was read within two days",
     [facts.StaleZone(timezone="Asia/Tokyo", read_at=_AT), facts.StaleZone(timezone="UTC", read_at=None)],
     "Asia/Tokyo (read 2026-11-20), UTC (never read)", "kronos doctor --fix"),
    (findings.partitions, "the coming 4 weeks have partitions",
     [facts.Partition(partition="execution_done_2026w48")], "missing: execution_done_2026w48", "kronos doctor --fix"),
    (findings.unnoted_partitions, "the contents of each partition are noted",
     [facts.Partition(partition="execution_done_2026w48")], "not noted: execution_done_2026w48",
     "select kronos.note_partition("),
    (findings.foreign_partitions, "kronos_owner owns each partition",
     [facts.ForeignPartition(partition="attempt_2026w48", owner="eve"),
      facts.ForeignPartition(partition="attempt_2026w49", owner="bob")],
     "not owned by kronos_owner: attempt_2026w48 (owner eve), attempt_2026w49 (owner bob)",
     "alter table kronos.attempt_2026w48 owner to kronos_owner; alter table kronos.attempt_2026w49 owner to "
     "kronos_owner;"),
]  # fmt: skip


@pytest.mark.parametrize(("judge", "sound", "found", "detail", "fix"), _TOLD, ids=[each[0].__name__ for each in _TOLD])
def test_a_finding_names_what_it_found_and_what_helps(
    judge: Callable[[Any], Finding], sound: str, found: list[Any], detail: str, fix: str
) -> None:
    nothing, something = judge([]), judge(found)
    assert (nothing.ok, nothing.detail) == (True, sound)
    assert (something.ok, something.detail) == (False, detail)
    assert fix in (something.fix or "")
    assert something.meaning


def test_nothing_is_to_be_fixed_where_each_partition_has_its_owner() -> None:
    assert findings.foreign_partitions([]).fix == "nothing"


@pytest.mark.parametrize(
    ("server", "client", "differing", "ok", "detail"),
    [
        ("2026a", "2026b", [], True, "PostgreSQL has 2026a, this machine has 2026b"),
        ("2026a", None, [], True, "PostgreSQL has 2026a, this machine's files name no version"),
        (None, "2026b", [], True,
         "only superusers can see PostgreSQL's version (tzdata.zi, line 1), this machine has 2026b"),
        ("2026a", "2026b", ["Asia/Tokyo"], False,
         "PostgreSQL has 2026a, this machine has 2026b; different UTC offsets here in Asia/Tokyo"),
    ],
)  # fmt: skip
def test_time_zone_data_is_reported_with_both_versions(
    server: str | None, client: str | None, differing: list[str], ok: bool, detail: str
) -> None:
    found = findings.zone_data(server, client, differing, today=date(2026, 11, 20))
    assert (found.ok, found.detail) == (ok, detail)


def test_only_settings_of_pg_cron_that_cannot_be_seen_are_reported_as_assumed() -> None:
    seen = facts.CronSettings(cron_timezone="GMT", match_dom_and_dow="off", is_visible=True)
    assert "assumed" not in findings.cron_settings(seen).detail
    assert "assumed" in findings.cron_settings(replace(seen, is_visible=False)).detail


@pytest.mark.parametrize(
    ("ran", "done", "ok", "meaning"),
    [
        (3 * 3600, 3 * 86_400, True, "keep up"),
        (3 * 3600 + 1, 60, False, "history grows: retention does not run"),
        (60, 3 * 86_400 + 1, False, "history grows: retention cannot keep up with its work, or cannot do it"),
    ],
)
def test_retention_that_does_not_run_differs_from_one_that_cannot_keep_up(
    ran: float, done: float, ok: bool, meaning: str
) -> None:
    found = findings.retention(ran, done)
    assert (found.ok, meaning in (found.meaning or "")) == (ok, True)


@pytest.mark.parametrize(
    ("executions", "attempts", "ok", "detail"),
    [
        (0, 0, True, "every row in them belongs there"),
        (1, 0, False, "1 row that belongs in a partition of its own week"),
        (60, 60, False, "120 rows that belong in a partition of their own week"),
        (LISTED, 0, False, "100 or more rows that belong in a partition of their own week"),
        (3, LISTED, False, "103 or more rows that belong in a partition of their own week"),
    ],
)
def test_rows_in_the_wrong_partition_are_counted_up_to_what_was_read(
    executions: int, attempts: int, ok: bool, detail: str
) -> None:
    state = facts.RetentionState(ran_seconds=0, done_seconds=0, executions=executions, attempts=attempts)
    found = findings.strays(state)
    assert (found.ok, found.detail) == (ok, detail)


@pytest.mark.parametrize(
    ("checked", "expected", "text"),
    [(1, 1, "1 tick of 1 job"), (2, 2, "2 ticks of 2 jobs"), (1, 0, "0 ticks of 1 job"), (0, 0, "0 ticks of 0 jobs")],
)
def test_a_ledger_without_a_fault_says_how_much_was_checked(checked: int, expected: int, text: str) -> None:
    found = findings.ledger(checked, expected, [])
    assert (found.ok, found.detail) == (True, f"{text} in 24 h, each accounted for exactly once")


def test_a_ledger_with_faults_adds_them_up_and_names_each_job() -> None:
    earlier = _AT.replace(hour=1)
    wrong = [
        replace(_LEDGER, surplus=2, first_surplus=earlier, first_unaccounted=_AT.replace(hour=2)),
        replace(_LEDGER, name=None, unaccounted=0, surplus=1, first_unaccounted=None, first_surplus=_AT),
        replace(_LEDGER, unaccounted=None, surplus=None, error={"message": "no zone", "sqlstate": "22023"}),
    ]
    found = findings.ledger(9, 50, wrong)
    assert not found.ok
    assert found.detail == (
        "50 ticks of 9 jobs in 24 h: 1 not accounted for, 3 rows that match no tick; acme/report: 1 unaccounted, 2 "
        f"surplus, first at 2026-11-20T01:00:00+00:00, acme/{UUID(int=1)}: 0 unaccounted, 1 surplus, first at "
        "2026-11-20T00:00:00+00:00, acme/report: no zone"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s ago"), (119, "119 s ago"), (119.4, "119 s ago"), (120, "2 min ago"), (7199, "120 min ago"),
     (7200, "2 h ago"), (172_799, "48 h ago"), (172_800, "2 days ago"), (864_000, "10 days ago")],
)  # fmt: skip
def test_an_age_is_in_the_largest_unit_of_which_it_has_two(seconds: float, text: str) -> None:
    assert ago(seconds) == text


def test_a_long_list_shows_its_first_five_and_counts_the_rest() -> None:
    assert some([]) == ""
    assert some(["a", "b", "c", "d", "e"]) == "a, b, c, d, e"
    assert some(["a", "b", "c", "d", "e", "f", "g"]) == "a, b, c, d, e, and 2 more"
    assert [many(range(number)) for number in (0, 99, 100, 150)] == ["0", "99", "100 or more", "100 or more"]


def test_only_what_an_operator_must_act_on_is_a_failure() -> None:
    failed = findings.launcher(False, is_read_only=False)
    assert failed.is_failure
    assert not replace(failed, ok=True).is_failure
    notices = [name for name, check in CHECKS.items() if check.severity == "notice"]
    assert notices
    assert not any(replace(failed, check=name).is_failure for name in notices)
