"""kronos doctor: each broken thing is found by its own check, with what puts it right; and nothing else is blamed for it."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from conftest import await_condition
from kronos import doctor, repeatables
from kronos.__main__ import main
from kronos.doctor import findings
from kronos.doctor.facts import BloatedTable, CronSettings, Ground, PgCron, RetentionState
from kronos.doctor.findings import Finding
from scale import fill_cron_jobs
from sql_factory import make_cron_job, value

MINUTE = timedelta(minutes=1)
# In a copy pg_cron's launcher serves another database, and rings here for nobody.
NOT_HERE = {"cron.database_name", "heartbeat"}
CHECKS = {
    "clock", "pg_cron", "launcher", "roles", "schema", "connection", "entry owners", "privileges", "cron.database_name", "internal jobs",
    "heartbeat", "cron settings", "drift", "malformed jobs", "deletions", "overdue jobs", "time zones", "time zone data",
    "partitions", "retention", "default partitions", "growth", "ledger",
}  # fmt: skip
Examine = Callable[..., dict[str, Finding]]


@pytest.fixture
def examine(superuser: psycopg.Connection, database_url: str) -> Examine:
    """The findings by check, once pg_cron's launcher is back from the copying of databases.

    The internal jobs have run: in a copy nobody rings for them, and they are overdue when the session is some minutes old.
    """
    superuser.execute("select kronos.fire(job_id) from kronos.jobs join kronos.endpoints using (endpoint_id) where type = 'INTERNAL'")

    def has_launcher() -> bool:
        return next(
            each.ok for each in doctor.examine(database_url, fix=False, progress=lambda checked, total: None) if each.check == "launcher"
        )

    await_condition(has_launcher, "pg_cron's launcher")

    def found(url: str = database_url, *, fix: bool = False) -> dict[str, Finding]:
        return {finding.check: finding for finding in doctor.examine(url, fix=fix, progress=lambda checked, total: None)}

    return found


def failing(found: dict[str, Finding]) -> set[str]:
    for finding in found.values():
        assert finding.detail
        assert finding.ok or (finding.meaning and finding.fix), finding
    return {check for check, finding in found.items() if not finding.ok} - NOT_HERE


@pytest.fixture
def job_id(superuser: psycopg.Connection) -> Any:
    """A sound job, accounted for up to this minute, the present one included."""
    minute: datetime = value(superuser, "select date_trunc('minute', now())")
    made = make_cron_job(superuser, ticks_from=minute - 11 * MINUTE, next_tick_at=minute - 10 * MINUTE, is_registered=True)
    superuser.execute("select kronos.account_ticks(array[%s::uuid], clock_timestamp())", [made])
    return made


def test_where_all_is_well_all_holds(examine: Examine, job_id: Any) -> None:
    found = examine()
    assert set(found) == CHECKS
    assert failing(found) == set()


@pytest.mark.parametrize(
    ("harm", "check"),
    [
        ("delete from cron.job where jobname = 'kronos:' || %(job_id)s", "drift"),
        ("update cron.job set schedule = '0 0 1 1 *' where jobname = 'kronos:' || %(job_id)s", "drift"),
        ("update cron.job set command = 'select 1' where jobname = 'kronos:' || %(job_id)s", "drift"),
        ("update cron.job set active = false where jobname = 'kronos:' || %(job_id)s", "drift"),
        ("update cron.job set jobname = 'kronos:' || gen_random_uuid() where jobname = 'kronos:' || %(job_id)s", "drift"),
        ("update cron.job set username = 'gone' where jobname = 'kronos:' || %(job_id)s", "entry owners drift"),
        ("delete from kronos.execution_live where job_id = %(job_id)s", "ledger"),
        ("update kronos.execution_done set tick_count = tick_count + 1 where job_id = %(job_id)s", "ledger"),
        ("update kronos.jobs set schedule.months = 1 << 20 where job_id = %(job_id)s", "ledger"),
        ("update tests.jobs set next_tick_at = now() - interval '5 minutes' where job_id = %(job_id)s", "overdue jobs ledger"),
        ("""insert into kronos.job_faults (job_id, workspace_id, next_tick_at, sqlstate, message)
            select job_id, workspace_id, next_tick_at, '22008', 'out of range' from tests.jobs where job_id = %(job_id)s""",
         "malformed jobs"),
        ("""update kronos.endpoints set deleted_at = now()
             where endpoint_id = (select endpoint_id from kronos.jobs where job_id = %(job_id)s)""", "deletions"),
        ("""update kronos.workspaces set status = 'DELETED', deleted_at = now()
             where workspace_id = (select workspace_id from kronos.jobs where job_id = %(job_id)s)""", "deletions drift"),
        ("revoke execute on function kronos.fire(uuid) from kronos_cron", "privileges"),
        ("revoke insert on kronos.execution_done from kronos_worker", "privileges"),
        ("""update kronos.jobs set timezone = 'Europe/Berlin', created_at = now() - interval '9 days'
             where job_id = %(job_id)s""", "time zones"),
        ("update kronos.retention set ran_at = now() - interval '4 hours'", "retention"),
        ("update kronos.retention set done_at = now() - interval '4 days'", "retention"),
        ("comment on schema kronos is 'sql/ of another release'", "schema"),
        ("delete from cron.job where command = (select format('select kronos.fire(%%L)', job_id) from kronos.jobs where name = 'reaper')",
         "internal jobs drift"),
    ],
)  # fmt: skip
def test_what_is_broken_is_found(examine: Examine, superuser: psycopg.Connection, job_id: Any, harm: str, check: str) -> None:
    superuser.execute(harm.replace("%(job_id)s", f"'{job_id}'").replace("%%", "%").encode())
    known = {"entry owners", "overdue jobs", "malformed jobs", "time zones", "internal jobs"} | CHECKS
    expected = {name for name in known if name in check}
    assert failing(examine()) == expected


def test_rows_that_came_without_a_partition_are_found(examine: Examine, superuser: psycopg.Connection, job_id: Any) -> None:
    week = value(superuser, "select date_trunc('week', now() at time zone 'UTC') at time zone 'UTC' + interval '2 weeks'")
    superuser.execute(f"drop table kronos.execution_done_{week:%Y%m%d}")
    assert failing(examine()) == {"partitions"}
    superuser.execute(
        """
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, status, scheduled_at,
                                           run_at, created_at, max_attempts, input)
        select kronos.uuid7(%s), workspace_id, job_id, endpoint_id, 1, 'MANUAL', 'SUCCESS', now(), now(), now(), 1, '{}'
          from kronos.jobs where job_id = %s
        """,
        [week + timedelta(hours=1), job_id],
    )
    found = examine()
    assert failing(found) == {"partitions", "default partitions"}
    assert found["default partitions"].detail.startswith("1 rows")
    assert failing(examine(fix=True)) == {"default partitions"}  # from the next day on


@pytest.mark.parametrize(
    ("ran", "done", "detail"),
    [
        (59, 200, "ran 59 s ago, and left nothing to do 3 min ago"),
        (3 * 3600, 3 * 86_400, "ran 3 h ago, and left nothing to do 3 days ago"),
    ],
)
def test_the_age_of_retentions_runs_is_told_in_units_that_people_read(ran: float, done: float, detail: str) -> None:
    found, _ = findings.retention(RetentionState(ran_seconds=ran, done_seconds=done, executions=0, attempts=0))
    assert (found.ok, found.detail) == (True, detail)


def test_a_table_of_which_more_is_dead_than_alive_is_found() -> None:
    found = findings.growth([BloatedTable(name="execution_live", live_rows=10, dead_rows=200_000, bytes=99_000_000)])
    assert (found.ok, found.detail) == (False, "execution_live: 200000 dead rows, 10 live, 99 MB")
    assert findings.growth([]).ok


def test_fix_runs_the_reaper_and_looks_again(examine: Examine, superuser: psycopg.Connection, job_id: Any) -> None:
    superuser.execute("delete from cron.job where jobname = %s", [f"kronos:{job_id}"])
    # Not next week's, which would be made from the present day on where the week changes meanwhile.
    week = value(superuser, "select to_char(date_trunc('week', now() at time zone 'UTC') + interval '2 weeks', 'YYYYMMDD')")
    superuser.execute(f"drop table kronos.attempt_{week}")
    assert failing(examine()) == {"drift", "partitions"}
    fixed = examine(fix=True)
    assert "'registered': 1" in fixed["fix"].detail
    assert "'partitions': 1" in fixed["fix"].detail
    assert failing(fixed) == set()
    assert value(superuser, "select count(*) from cron.job where jobname = %s", [f"kronos:{job_id}"]) == 1


def test_others_entries_are_nobodys_business(examine: Examine, superuser: psycopg.Connection, job_id: Any) -> None:
    superuser.execute("select cron.schedule('vacuum', '0 3 * * *', 'vacuum')")
    assert failing(examine()) == set()


def test_ledgers_are_checked_batch_by_batch_with_progress(
    superuser: psycopg.Connection, database_url: str, job_id: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_BATCH", 1)
    told: list[tuple[int, int]] = []
    found = list(doctor.examine(database_url, fix=False, progress=lambda checked, total: told.append((checked, total))))
    jobs = value(superuser, "select count(*) from kronos.jobs where trigger = 'CRON'")
    assert told == [(checked, jobs) for checked in range(jobs + 1)]
    assert f"of {jobs} jobs" in next(finding.detail for finding in found if finding.check == "ledger")


def test_a_connection_that_may_not_see_everything_says_so(examine: Examine, database_url: str) -> None:
    found = examine(f"{database_url}{'&' if '?' in database_url else '?'}options=-c%20role%3Dkronos_api")
    assert failing(found) == {"connection"}
    assert "ledger" not in found


def run(url: str | None, *options: str) -> Result:
    return CliRunner().invoke(main, ["doctor", *options], env={"KRONOS_DATABASE_URL": url}, catch_exceptions=False)


def test_the_command_ends_with_1_where_something_fails_and_tells_it_as_json(
    database_url: str, superuser: psycopg.Connection, job_id: Any
) -> None:
    superuser.execute("delete from cron.job where jobname = %s", [f"kronos:{job_id}"])
    told = run(database_url, "--json")
    document = json.loads(told.stdout)
    assert (told.exit_code, document["ok"]) == (1, False)
    (drift,) = (each for each in document["findings"] if each["check"] == "drift")
    assert set(drift) == {"check", "ok", "detail", "meaning", "fix"}
    text = run(database_url)
    assert text.exit_code == 1
    assert f"kronos:{job_id}: an ACTIVE job has no entry" in text.stdout
    assert "fix: run `kronos doctor --fix`" in text.stdout


def test_a_database_that_cannot_be_reached_is_a_finding() -> None:
    told = run("postgresql://nobody@127.0.0.1:1/nothing")
    assert told.exit_code == 1
    assert "FAIL  database" in told.stdout


def test_without_a_database_url_it_says_which_setting_is_missing() -> None:
    told = run(None)
    assert (told.exit_code, "KRONOS_DATABASE_URL" in told.output) == (1, True)


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
    clock_seconds=1000.0,
)


@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({"pg_cron_version": None}, "pg_cron"),
        ({"has_launcher": False}, "launcher"),
        ({"missing_roles": ["kronos_cron"]}, "roles"),
        ({"has_schema": False, "applied": ""}, "schema"),
        ({"may_own": False}, "connection"),
    ],
)
def test_what_nothing_works_without_is_found(changed: dict[str, Any], check: str) -> None:
    assert failing({each.check: each for each in findings.ground(replace(GROUND, **changed))}) == {check}


@pytest.mark.parametrize(("version", "is_degraded"), [("1.4-1", True), ("1.4", True), ("1.5", False), ("1.6", False), ("1.10", False)])
def test_an_old_pg_cron_works_degraded(version: str, is_degraded: bool) -> None:
    (found,) = (each for each in findings.ground(replace(GROUND, pg_cron_version=version)) if each.check == "pg_cron")
    assert (found.ok, "degraded" in found.detail) == (True, is_degraded)


@pytest.mark.parametrize(("sent_at", "answered_at", "holds"), [(999.0, 1000.0, True), (990.0, 990.1, False), (990.0, 1030.0, True)])
def test_the_clocks_differ_only_by_more_than_the_round_trip_tells(sent_at: float, answered_at: float, holds: bool) -> None:
    assert findings.clock(sent_at, GROUND, answered_at=answered_at).ok is holds


def test_a_silent_pg_cron_or_one_of_another_database_is_found() -> None:
    silent = PgCron(served_database="postgres", internal_jobs=3, internal_entries=3, silent_seconds=500)
    found = {each.check: each.ok for each in findings.ringing(GROUND, silent)}
    assert found == {"cron.database_name": False, "internal jobs": True, "heartbeat": False}


def test_times_are_told_in_utc() -> None:
    row = doctor.JobLedger(
        job_id=doctor.UUID(int=1),
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


@pytest.mark.parametrize(
    ("timezone", "both_days", "holds"),
    [(None, None, True), ("GMT", "off", True), ("UTC", None, True), ("Europe/Berlin", "off", False), ("GMT", "on", False)],
)
def test_settings_under_which_alarms_ring_otherwise_are_found(timezone: str | None, both_days: str | None, holds: bool) -> None:
    assert findings.cron_settings(CronSettings(cron_timezone=timezone, match_dom_and_dow=both_days)).ok is holds


def test_time_zone_data_that_differs_from_this_machines_fails_and_old_data_is_warned_of() -> None:
    today = date(2026, 11, 28)
    old = findings.zone_data("2025b", "2026a", [], today=today)
    assert (old.ok, "PostgreSQL's is 2025b, this machine's 2026a" in old.detail, "older than a year" in old.detail) == (True, True, True)
    assert "older" not in findings.zone_data("2026a", "2026a", [], today=today).detail
    remote = findings.zone_data(None, "2026a", ["America/Vancouver"], today=today)
    assert (remote.ok, "told to superusers alone" in remote.detail, "America/Vancouver" in remote.detail) == (False, True, True)


def test_zones_that_postgresql_reads_otherwise_are_found(examine: Examine, superuser: psycopg.Connection) -> None:
    """Its distances are asked for now, at instants that the reaper noted; as if its files were other ones than Python's."""
    superuser.execute("select kronos.reap()")
    superuser.execute(
        "create or replace function kronos.zone_distances(p_timezone text, p_at timestamptz[]) returns integer[] language sql stable"
        " as $$ select array(select 1 from unnest(p_at)) $$"
    )
    found = examine()["time zone data"]
    assert (found.ok, "UTC" in found.detail) == (False, True)


def test_fix_goes_on_until_nothing_is_left(examine: Examine, superuser: psycopg.Connection) -> None:
    fill_cron_jobs(superuser, 250)
    superuser.execute("update tests.jobs set ends_at = now() - interval '1 minute', next_tick_at = null where name is null")
    superuser.execute("alter function kronos.reap(interval) rename to reap_within")
    superuser.execute(
        "create function kronos.reap() returns jsonb language sql security definer as $$ select kronos.reap_within('0 seconds') $$"
    )
    assert "'ended': 250" in examine(fix=True)["fix"].detail
