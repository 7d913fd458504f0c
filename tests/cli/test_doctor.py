"""kronos doctor: each broken thing is found by its own check, with what puts it right; and nothing else is blamed for
it."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from conftest import await_condition
from factory import add_endpoint, add_executions
from kronos import doctor, errors, migrations, ringing
from kronos.__main__ import main
from kronos.doctor import findings
from kronos.doctor.findings import Finding
from scale import fill_cron_jobs
from sql_factory import make_cron_job, value

MINUTE = timedelta(minutes=1)
# In a copy pg_cron's launcher serves another database, and rings here for nobody.
NOT_HERE = {"cron.database_name", "heartbeat", "workers", "queue"}  # nor does a worker run
CHECKS = {
    "clock", "pg_cron", "launcher", "roles", "schema", "connection", "entry owners", "privileges",
    "cron.database_name", "internal jobs",
    "heartbeat", "hold", "cron settings", "drift", "malformed jobs", "deletions", "overdue jobs", "time zones",
    "secrets", "time zone data",
    "partitions", "partition notes", "partition owners", "retention", "default partitions", "growth", "ledger",
    "objects", "alarms",
    "workers", "queue", "writes", "tables",
}  # fmt: skip
Examine = Callable[..., dict[str, Finding]]


@pytest.fixture
def examine(superuser: psycopg.Connection, database_url: str) -> Examine:
    """The findings by check, once pg_cron's launcher is back from the copying of databases.

    The internal jobs have run: in a copy nobody rings for them, and they are overdue when the session is some minutes
    old.
    """
    superuser.execute(
        "select kronos.fire(job_id) from kronos.jobs join kronos.endpoints using (endpoint_id) where type = 'INTERNAL'"
    )

    def has_launcher() -> bool:
        return next(
            each.ok
            for each in doctor.examine(database_url, fix=False, progress=lambda checked, total: None)
            if each.check == "launcher"
        )

    await_condition(has_launcher, "pg_cron's launcher")

    def found(url: str = database_url, *, fix: bool = False) -> dict[str, Finding]:
        return {
            finding.check: finding for finding in doctor.examine(url, fix=fix, progress=lambda checked, total: None)
        }

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
    made = make_cron_job(
        superuser, ticks_from=minute - 11 * MINUTE, next_tick_at=minute - 10 * MINUTE, is_registered=True
    )
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
        ("update cron.job set jobname = 'kronos:' || gen_random_uuid() where jobname = 'kronos:' || "
         "%(job_id)s", "drift"),
        ("update cron.job set username = 'gone' where jobname = 'kronos:' || %(job_id)s", "entry owners drift"),
        ("delete from kronos.execution_live where job_id = %(job_id)s", "ledger"),
        ("update kronos.execution_done set tick_count = tick_count + 1 where job_id = %(job_id)s", "ledger"),
        ("update kronos.jobs set schedule.months = 1 << 20 where job_id = %(job_id)s", "ledger"),
        ("update tests.jobs set next_tick_at = now() - interval '5 minutes' where job_id = "
         "%(job_id)s", "overdue jobs ledger"),
        ("""insert into kronos.job_faults (job_id, workspace_id, next_tick_at, sqlstate, message)
            select job_id, workspace_id, next_tick_at, '22008', 'out of range' from tests.jobs
                   where job_id = %(job_id)s""",
         "malformed jobs"),
        ("""update kronos.endpoints set deleted_at = now()
             where endpoint_id = (select endpoint_id from kronos.jobs where job_id = %(job_id)s)""", "deletions"),
        ("""update kronos.workspaces set status = 'DELETED', deleted_at = now()
             where workspace_id = (select workspace_id from kronos.jobs where job_id = %(job_id)s)""",
            "deletions drift"),
        ("delete from kronos.pointers where job_id = %(job_id)s", "malformed jobs"),
        ("revoke execute on function kronos.fire(uuid) from kronos_cron", "privileges objects"),
        ("revoke insert on kronos.execution_done from kronos_worker", "privileges objects"),
        ("""update kronos.jobs set timezone = 'Europe/Berlin', created_at = now() - interval '9 days'
             where job_id = %(job_id)s""", "time zones"),
        ("update kronos.retention set ran_at = now() - interval '4 hours'", "retention"),
        ("update kronos.retention set done_at = now() - interval '4 days'", "retention"),
        ("comment on schema kronos is 'sql/ of another release'", "schema"),
        ("do $$ begin execute format('alter database %%I set kronos.hold = on', current_database()); end $$", "hold"),
        ("delete from cron.job where command = (select format('select kronos.fire(%%L)', job_id) from kronos.jobs "
         "where name = 'reaper')",
         "internal jobs drift"),
    ],
)  # fmt: skip
def test_what_is_broken_is_found(
    examine: Examine, superuser: psycopg.Connection, job_id: Any, harm: str, check: str
) -> None:
    superuser.execute(harm.replace("%(job_id)s", f"'{job_id}'").replace("%%", "%").encode())
    known = {"entry owners", "overdue jobs", "malformed jobs", "time zones", "internal jobs"} | CHECKS
    expected = {name for name in known if name in check}
    assert failing(examine()) == expected


def test_rows_that_came_without_a_partition_are_found(
    examine: Examine, superuser: psycopg.Connection, job_id: Any
) -> None:
    week = value(
        superuser, "select date_trunc('week', now() at time zone 'UTC') at time zone 'UTC' + interval '2 weeks'"
    )
    superuser.execute(f"drop table kronos.execution_done_{week:%Y%m%d}")
    assert failing(examine()) == {"partitions"}
    superuser.execute(
        """
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, status, scheduled_at,
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


def test_a_partition_that_was_attached_is_found_and_noted(
    examine: Examine, superuser: psycopg.Connection, job_id: Any
) -> None:
    superuser.execute("update kronos.retention set weeks_from = '-infinity'")
    superuser.execute(
        "set session_replication_role = replica"
    )  # as they would be there with their partition: no trigger sees them come
    superuser.execute(
        """
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, status, scheduled_at,
                                           run_at, created_at, max_attempts, input)
        select kronos.uuid7(), workspace_id, job_id, endpoint_id, 1, 'MANUAL', 'SUCCESS', now(), now(), now(), 1, '{}'
          from kronos.jobs where job_id = %s
        """,
        [job_id],
    )
    superuser.execute("set session_replication_role = origin")
    found = examine()
    assert failing(found) == {"partition notes"}
    assert found["partition notes"].detail.startswith("not noted: execution_done_2")
    assert failing(examine(fix=True)) == set()


def test_a_partition_that_somebody_else_owns_is_found_and_the_fix_mends_it(
    examine: Examine, superuser: psycopg.Connection
) -> None:
    partition = value(
        superuser, "select partition from kronos.partitions() where parent = 'attempt' order by 1 limit 1"
    )
    superuser.execute(f"alter table kronos.{partition} owner to current_user")
    found = examine()
    assert failing(found) == {"partition owners"}
    superuser.execute(str(found["partition owners"].fix).encode())
    assert failing(examine()) == set()


def test_fix_runs_the_reaper_and_looks_again(examine: Examine, superuser: psycopg.Connection, job_id: Any) -> None:
    superuser.execute("delete from cron.job where jobname = %s", [f"kronos:{job_id}"])
    # Not next week's, which would be made from the present day on where the week changes meanwhile.
    week = value(
        superuser, "select to_char(date_trunc('week', now() at time zone 'UTC') + interval '2 weeks', 'YYYYMMDD')"
    )
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


@pytest.mark.parametrize(
    ("harm", "check", "detail"),
    [
        (
            "alter table kronos.jobs disable row level security",
            "objects",
            "row level security is off on table kronos.jobs",
        ),
        (
            "alter table kronos.jobs no force row level security",
            "objects",
            "row level security is not forced on table kronos.jobs",
        ),
        ("drop policy of_workspace on kronos.jobs", "objects", "policy of_workspace on kronos.jobs is gone"),
        (
            "create policy mine on kronos.jobs to kronos_api using (true)",
            "objects",
            "policy mine on kronos.jobs is not this release's",
        ),
        ("grant select on kronos.api_keys to kronos_worker", "objects", "table kronos.api_keys has other rights"),
        ("alter table kronos.jobs disable trigger user", "objects", "on kronos.jobs is switched off"),
        ("drop function kronos.fire", "objects", "function kronos.fire(uuid) is gone"),
        ("drop function kronos.check_ledgers", "ledger", "function kronos.check_ledgers"),
        ("drop function kronos.pg_cron_drift cascade", "drift", "function kronos.pg_cron_drift() does not exist"),
        (
            "revoke execute on function kronos.fire from kronos_cron",
            "privileges",
            "kronos_cron cannot execute kronos.fire",
        ),
        ("drop view kronos.job_details", "objects", "view kronos.job_details is gone"),
        (
            """create or replace function kronos.clock() returns timestamptz language sql volatile parallel safe
               return pg_catalog.clock_timestamp() - interval '1 hour'""",
            "objects",
            "function kronos.clock() has other text",
        ),
        (
            """create or replace function kronos.now() returns timestamptz language sql stable parallel safe
               return pg_catalog.now() - interval '1 hour'""",
            "objects",
            "function kronos.now() has other text",
        ),
        ("alter function kronos.now() immutable", "objects", "function kronos.now() has other text"),
        ("delete from kronos.heartbeats", "internal jobs", "0 of 0 internal jobs"),
    ],
    ids=lambda each: " ".join(each.split()) if " " in each and "kronos." in each else "",
)
def test_what_was_changed_by_hand_is_named_and_its_fix_puts_it_right(
    examine: Examine, superuser: psycopg.Connection, database_url: str, job_id: Any, harm: str, check: str, detail: str
) -> None:
    superuser.execute(harm.encode())
    found = examine()
    assert (found[check].ok, detail in found[check].detail) == (False, True), found[check]
    assert [found[each] for each in failing(found) if not (found[each].fix or "").startswith(findings.MIGRATE)] == []
    migrations.migrate(database_url)
    assert failing(examine()) == set()


@pytest.mark.parametrize(
    ("harm", "detail"),
    [
        ("alter role kronos_cron nologin", "kronos_cron cannot log in"),
        (
            "alter role kronos_api nologin",
            "kronos_api cannot log in and connect to this database, nor can any role that may become it",
        ),
        ("alter role kronos_worker nologin", "kronos_worker cannot log in and connect"),
        (
            "revoke connect on database {0} from public",
            "kronos_cron cannot connect to this database, kronos_api cannot log in and connect",
        ),
        ("alter role kronos_api bypassrls", "kronos_api is past row level security, as a role with bypassrls"),
        ("alter role kronos_worker superuser", "kronos_worker is past row level security, as a superuser"),
    ],
)
def test_a_role_that_is_not_as_it_was_made_is_found_and_migrate_puts_it_right(
    examine: Examine, superuser: psycopg.Connection, database_url: str, job_id: Any, harm: str, detail: str
) -> None:
    try:
        superuser.execute(harm.format(superuser.info.dbname).encode())
        found = examine()
        assert failing(found) == {"privileges"}
        assert detail in found["privileges"].detail
        migrations.migrate(database_url)
        assert failing(examine()) == set()
    finally:  # a role is the server's, and other tests' too
        superuser.execute("alter role kronos_cron login")
        superuser.execute("alter role kronos_api login nobypassrls")
        superuser.execute("alter role kronos_worker login nosuperuser")


def test_a_login_of_ones_own_stands_in_for_a_role_that_may_not_log_in(
    examine: Examine, superuser: psycopg.Connection, database_url: str, job_id: Any
) -> None:
    name = f"login_of_{superuser.info.dbname}"
    try:
        superuser.execute(f"create role {name} login in role kronos_api".encode())
        superuser.execute("alter role kronos_api nologin")
        assert failing(examine()) == set()
        migrations.migrate(database_url)
        assert (
            value(superuser, "select rolcanlogin from pg_roles where rolname = 'kronos_api'") is False
        )  # as its administrator wants it
    finally:
        superuser.execute("alter role kronos_api login")
        superuser.execute(f"drop role {name}".encode())


@pytest.mark.parametrize(
    ("harm", "mended", "why"),
    [
        ("alter role kronos_cron nologin", "alter role kronos_cron login", "has no right to log in"),
        (
            "alter role kronos_cron connection limit 0",
            "alter role kronos_cron connection limit -1",
            "may have no connection",
        ),
        (
            "revoke connect on database {0} from public",
            "grant connect on database {0} to public",
            "may not connect to this database",
        ),
    ],
)
def test_why_pg_cron_is_let_in_nowhere_is_said_and_what_lets_it_in(
    superuser: psycopg.Connection, harm: str, mended: str, why: str
) -> None:
    database = superuser.info.dbname
    try:
        superuser.execute(harm.format(database).encode())
        setup, login = ringing.setup(superuser)
        assert login is not None
        assert (login.verdict, login.why) == ("refused", f"kronos_cron {why}")
        superuser.execute(ringing.what_to_write(setup, login).partition("; pg_cron then rings")[0].encode())
        assert ringing.setup(superuser)[0].shut_out is None
    finally:
        superuser.execute(mended.format(database).encode())


def test_a_fix_that_cannot_be_made_is_a_finding_and_hides_no_other(
    examine: Examine, superuser: psycopg.Connection, job_id: Any
) -> None:
    superuser.execute("drop function kronos.reap")
    found = examine(fix=True)
    assert (found["fix"].ok, "function kronos.reap() does not exist" in found["fix"].detail) == (False, True)
    assert found["fix"].fix == findings.MIGRATE
    assert set(found) == CHECKS | {"fix"}
    assert failing(found) == {"fix", "objects"}


def test_a_table_that_is_gone_is_no_migrations_to_bring_back(
    examine: Examine, superuser: psycopg.Connection, database_url: str, job_id: Any
) -> None:
    superuser.execute("drop table kronos.attempt_late")
    found = examine()["objects"]
    assert (
        found.ok,
        "table kronos.attempt_late is gone" in found.detail,
        "restore the backup" in (found.fix or ""),
    ) == (False, True, True)
    with pytest.raises(errors.MigrationFailed, match=r"attempt_late.*restore the backup"):
        migrations.migrate(database_url)


@pytest.mark.parametrize(
    ("harm", "name"),
    [
        ("drop index kronos.jobs_name_taken", "jobs_name_taken"),
        ("drop index kronos.execution_done_newest", "execution_done_newest"),
        (
            "update pg_index set indisvalid = false where indexrelid = 'kronos.jobs_one_live_version'::regclass",
            "jobs_one_live_version",
        ),
        ("alter table kronos.attempt_late drop constraint attempt_late_pkey", "attempt_late_pkey"),
        ("alter table kronos.backfills drop constraint backfills_end_is_told", "backfills_end_is_told"),
        ("update pg_constraint set convalidated = false where conname = 'backfills_job_fkey'", "backfills_job_fkey"),
    ],
)
def test_an_index_or_a_constraint_that_is_not_there_or_does_not_hold_is_found(
    examine: Examine, superuser: psycopg.Connection, database_url: str, harm: str, name: str
) -> None:
    superuser.execute(harm.encode())
    migrations.migrate(database_url)  # which neither makes it again nor forgets it
    found = examine()
    assert failing(found) == {"tables"}
    assert found["tables"].detail == f"missing, or not valid: {name}"
    assert name in (found["tables"].fix or "")
    if harm.startswith("drop index"):
        superuser.execute((found["tables"].fix or "").partition(": ")[2].encode())
        assert failing(examine()) == set()


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("drop trigger jobs_stay_sound on kronos.jobs", "trigger jobs_stay_sound on kronos.jobs is gone"),
        ("alter table kronos.jobs disable trigger jobs_stay_sound", "jobs_stay_sound on kronos.jobs is switched off"),
        ("alter table kronos.jobs enable trigger jobs_stay_sound", "jobs_stay_sound on kronos.jobs is switched off"),
    ],
)
def test_a_jobs_rules_that_nobody_keeps_are_found_and_migrate_puts_them_right(
    examine: Examine, superuser: psycopg.Connection, database_url: str, job_id: Any, harm: str, told: str
) -> None:
    """They are a trigger's, for replication too (decision 0036), where they were constraints."""
    superuser.execute(harm.encode())
    found = examine()
    assert failing(found) == {"objects"}
    assert told in found["objects"].detail
    migrations.migrate(database_url)
    assert failing(examine()) == set()
    with pytest.raises(psycopg.errors.CheckViolation, match="jobs_retired_is_told"):
        superuser.execute("update kronos.jobs set retired_at = now() where job_id = %s", [job_id])


def test_no_worker_and_a_queue_that_grows_are_found(
    examine: Examine, superuser: psycopg.Connection, database_url: str
) -> None:
    endpoints = [add_endpoint(superuser, max_in_flight=limit) for limit in (None, 1, None)]
    for endpoint in endpoints:
        add_executions(superuser, endpoint, due_in_seconds=-100)
    superuser.execute(
        "update kronos.endpoint_gate set in_flight = 1 where endpoint_id = %s", [endpoints[1].endpoint_id]
    )
    superuser.execute(
        "update kronos.endpoint_gate set paused_until = now() + interval '1 hour' where endpoint_id = %s",
        [endpoints[2].endpoint_id],
    )
    found = examine()
    assert (found["workers"].ok, found["queue"].ok) == (False, False)
    assert "due executions of 1 endpoints wait for a worker: " in found["queue"].detail
    assert "its 1 deliveries at once are under way" in found["queue"].detail
    assert "deliveries to it are paused" in found["queue"].detail
    with psycopg.connect(database_url, application_name="kronos-worker-test"):
        superuser.execute("delete from kronos.execution_live where endpoint_id = %s", [endpoints[0].endpoint_id])
        found = examine()
    assert (found["workers"].ok, found["queue"].ok) == (True, True)


def test_zones_that_postgresql_reads_otherwise_are_found(examine: Examine, superuser: psycopg.Connection) -> None:
    """Its distances are asked for now, at instants that the reaper noted; as if its files were other ones than
    Python's."""
    superuser.execute("select kronos.reap()")
    superuser.execute(
        "create or replace function kronos.zone_distances(p_timezone text, p_at timestamptz[]) returns integer[] "
        "language sql stable"
        " as $$ select array(select 1 from unnest(p_at)) $$"
    )
    found = examine()["time zone data"]
    assert (found.ok, "UTC" in found.detail) == (False, True)


def test_fix_goes_on_until_nothing_is_left(examine: Examine, superuser: psycopg.Connection) -> None:
    fill_cron_jobs(superuser, 250)
    superuser.execute(
        "update tests.jobs set ends_at = now() - interval '1 minute', next_tick_at = null where name is null"
    )
    superuser.execute("alter function kronos.reap(interval) rename to reap_within")
    superuser.execute(
        "create function kronos.reap() returns jsonb language sql security definer as $$ select kronos.reap_within('0 "
        "seconds') $$"
    )
    assert "'ended': 250" in examine(fix=True)["fix"].detail
