"""The doctor's findings: their wording and their fixes. tests/cli/test_doctor.py and test_doctor_schema.py test the
checks themselves.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from kronos import repeatables
from kronos.doctor import findings, instance, tables
from kronos.doctor.facts import BloatedTable, CronSettings, Ground, JobLedger, PgCron
from kronos.doctor.finding import Finding
from kronos.pg_hba import Login
from kronos.ringing import Setup

GROUND = Ground(
    connected_as="postgres",
    database="kronos",
    server_version="15.8",
    pg_cron_version="1.6",
    is_superuser=True,
    has_schema=True,
    applied=f"sql/ {repeatables.digest()}",
    missing_roles=[],
    may_own=True,
    has_launcher=True,
    is_read_only=False,
    clock_seconds=1000.0,
)
SILENT = PgCron(
    served_database="kronos",
    internal_jobs=3,
    internal_entries=3,
    silent_seconds=500,
    is_held=False,
    alarms_ended=6,
    alarms_failed=6,
    alarm_message="connection failed",
    alarm_failure="connection failed",
)
SETUP = Setup(
    database="kronos",
    served_database="kronos",
    version="1.4-1",
    has_launcher=True,
    host="localhost",
    has_background_workers=False,
    hba_file="/etc/pg_hba.conf",
    has_ssl=False,
    shut_out=None,
    sees_passwords=True,
    groups=[],
    sees_rules=True,
    has_patterns=True,
)
REFUSED = Login(
    verdict="refused", why="line 7 of pg_hba.conf asks kronos_cron for a password (md5), and it has none", line=7
)


def failing(found: Iterable[Finding]) -> set[str]:
    told = list(found)
    assert [each for each in told if not each.ok and not (each.meaning and each.fix)] == []
    return {each.check for each in told if not each.ok}


@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({"pg_cron_version": None}, "pg_cron"),
        ({"has_launcher": False}, "launcher"),
        ({"has_launcher": False, "is_read_only": True}, "writes"),
        ({"missing_roles": ["kronos_cron"]}, "roles"),
        ({"has_schema": False, "applied": ""}, "schema"),
        ({"may_own": False}, "connection"),
    ],
)
def test_what_nothing_works_without_is_found(changed: dict[str, Any], check: str) -> None:
    assert failing(findings.ground(replace(GROUND, **changed))) == {check}


@pytest.mark.parametrize(
    ("version", "is_degraded"), [("1.4-1", True), ("1.4", True), ("1.5", False), ("1.6", False), ("1.10", False)]
)
def test_an_old_pg_cron_works_degraded(version: str, is_degraded: bool) -> None:
    (found,) = (each for each in findings.ground(replace(GROUND, pg_cron_version=version)) if each.check == "pg_cron")
    assert (found.ok, "works with limits" in found.detail) == (True, is_degraded)


@pytest.mark.parametrize(
    ("sent_at", "answered_at", "holds"), [(999.0, 1000.0, True), (990.0, 990.1, False), (990.0, 1030.0, True)]
)
def test_the_clocks_differ_only_by_more_than_the_round_trip_tells(
    sent_at: float, answered_at: float, holds: bool
) -> None:
    assert findings.clock(sent_at, GROUND, answered_at=answered_at).ok is holds


def test_a_silent_pg_cron_or_one_of_another_database_is_found() -> None:
    found = {
        each.check: each.ok
        for each in instance.ringing_here(GROUND, replace(SILENT, served_database="postgres"), SETUP, None)
    }
    assert found == {"cron.database_name": False, "internal jobs": True, "alarms": True, "heartbeat": False}


@pytest.mark.parametrize(
    ("changed", "setup", "login", "told"),
    [
        ({}, {}, REFUSED, "write into /etc/pg_hba.conf, above line 7: host kronos kronos_cron samehost trust"),
        (
            {},
            {},
            Login(verdict="accepted", why="line 1 of pg_hba.conf lets it in", line=1),
            "wait for the next full minute: line 1 of",
        ),
        ({}, {"version": "1.6"}, REFUSED, "Or, without a login: alter system set cron.use_background_workers = on"),
        (
            {},
            {"has_background_workers": None, "host": None, "hba_file": None},
            None,
            "as a superuser: alter system set cron.use_back",
        ),
        (
            {"alarm_failure": "could not start background process"},
            {"has_background_workers": True},
            None,
            "max_worker_processes",
        ),
        ({"alarm_failure": "ERROR:  permission denied for function fire"}, {}, None, "run `kronos migrate`"),
        (
            {"alarms_ended": 0, "alarms_failed": 0, "alarm_message": None, "alarm_failure": None, "silent_seconds": 5},
            {},
            REFUSED,
            "above line 7",
        ),
    ],
)
def test_alarms_that_cannot_begin_are_found_with_what_lets_them(
    changed: dict[str, Any], setup: dict[str, Any], login: Login | None, told: str
) -> None:
    made = instance.ringing_here(GROUND, replace(SILENT, **changed), replace(SETUP, **setup), login)
    found = {each.check: each for each in made}
    assert (found["alarms"].ok, told in (found["alarms"].fix or "")) == (False, True), found["alarms"]
    assert "frozen" not in (found["heartbeat"].meaning or "")


def test_alarms_that_failed_before_and_ring_now_are_named_and_no_failure() -> None:
    now = replace(SILENT, silent_seconds=3, alarms_failed=2, alarm_failure=None)
    found = {each.check: each for each in instance.ringing_here(GROUND, now, SETUP, None)}
    assert (found["alarms"].ok, found["alarms"].detail) == (
        True,
        "2 of the newest 6 in pg_cron's log failed, the last of these with 'connection failed'",
    )


@pytest.mark.parametrize(
    ("timezone", "both_days", "holds"),
    [
        (None, None, True),
        ("GMT", "off", True),
        ("UTC", None, True),
        ("Europe/Berlin", "off", False),
        ("GMT", "on", False),
    ],
)
def test_settings_under_which_alarms_ring_otherwise_are_found(
    timezone: str | None, both_days: str | None, holds: bool
) -> None:
    assert (
        findings.cron_settings(CronSettings(cron_timezone=timezone, match_dom_and_dow=both_days, is_visible=True)).ok
        is holds
    )


def test_settings_that_cannot_be_seen_are_not_said_to_be_right() -> None:
    found = findings.cron_settings(CronSettings(cron_timezone=None, match_dom_and_dow=None, is_visible=False))
    assert (found.ok, found.detail.startswith("not visible to this user")) == (True, True)


def test_a_pg_cron_that_has_not_rung_yet_is_not_said_to_have_rung() -> None:
    unheard = replace(SILENT, silent_seconds=2, alarms_ended=0, alarms_failed=0, alarm_message=None, alarm_failure=None)
    found = {each.check: each for each in instance.ringing_here(GROUND, unheard, SETUP, REFUSED)}
    assert found["heartbeat"].detail == "pg_cron has been silent for 2 s"


def test_time_zone_data_that_differs_from_this_machines_fails_and_old_data_is_warned_of() -> None:
    today = date(2026, 11, 28)
    old = findings.zone_data("2025b", "2026a", [], today=today)
    assert (
        old.ok,
        "PostgreSQL has 2025b, this machine has 2026a" in old.detail,
        "more than a year old" in old.detail,
    ) == (
        True,
        True,
        True,
    )
    assert "year old" not in findings.zone_data("2026a", "2026a", [], today=today).detail
    remote = findings.zone_data(None, "2026a", ["America/Vancouver"], today=today)
    assert (remote.ok, "only superusers can see" in remote.detail, "America/Vancouver" in remote.detail) == (
        False,
        True,
        True,
    )


@pytest.mark.parametrize(
    ("ran", "done", "detail"),
    [
        (59, 200, "last ran 59 s ago, and last left nothing to do 3 min ago"),
        (3 * 3600, 3 * 86_400, "last ran 3 h ago, and last left nothing to do 3 days ago"),
    ],
)
def test_the_age_of_retentions_runs_is_shown_in_units_that_people_read(ran: float, done: float, detail: str) -> None:
    found = findings.retention(ran, done)
    assert (found.ok, found.detail) == (True, detail)


def test_a_table_of_which_more_is_dead_than_alive_is_found() -> None:
    found = findings.growth([BloatedTable(name="execution_live", live_rows=10, dead_rows=200_000, bytes=99_000_000)])
    assert (found.ok, found.detail) == (False, "execution_live: 200,000 dead rows, 10 live, 99 MB")
    assert findings.growth([]).ok


def test_times_are_shown_in_utc() -> None:
    row = JobLedger(
        job_id=UUID(int=1),
        name="report",
        workspace="acme",
        expected=2,
        unaccounted=1,
        surplus=0,
        first_unaccounted=datetime(2026, 1, 1, tzinfo=UTC),
        first_surplus=None,
        overdue=0,
        is_truncated=False,
        error=None,
    )
    found = findings.ledger(1, 2, [row])
    assert "acme/report: 1 unaccounted, 0 surplus, first at 2026-01-01T00:00:00+00:00" in found.detail


def test_what_makes_an_index_can_be_pasted_as_one_line() -> None:
    made = [each for each in tables.wanted().values() if each.startswith("create ")]
    assert len(made) > 30
    assert [each for each in made if "--" in each or "\n" in each or not each.endswith(";")] == []


@pytest.mark.parametrize(
    ("zone", "both", "is_visible", "ok", "detail"),
    [
        ("GMT", "off", True, True, "pg_cron reads its entries in GMT, and its day fields as crontab does"),
        (None, None, True, True, "pg_cron reads its entries in GMT, and its day fields as crontab does"),
        ("etc/utc", None, False, True, "not visible to this user; assumed: pg_cron reads its entries in GMT, and its"),
        ("Asia/Tokyo", "off", True, False, "cron.timezone is Asia/Tokyo: every entry rings each minute"),
        ("GMT", "on", True, False, "cron.match_dom_and_dow is on: entries with both day fields ring only where both"),
        ("Asia/Tokyo", "on", True, False, "every entry rings each minute; cron.match_dom_and_dow is on: "),
    ],
)
def test_cron_settings_that_misread_our_entries_are_each_named(
    zone: str | None, both: str | None, is_visible: bool, ok: bool, detail: str
) -> None:
    found = findings.cron_settings(CronSettings(cron_timezone=zone, match_dom_and_dow=both, is_visible=is_visible))
    assert (found.check, found.ok, found.severity) == ("cron settings", ok, "warning")
    assert detail in found.detail
    assert "alter system set cron.timezone = 'GMT'" in (found.fix or "")
