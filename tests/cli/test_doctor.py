"""kronos doctor: each fault is found by its own check, with its remedy, and no other check fails for it."""

import json
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from cli.examined import CHECKS, NOT_HERE, Examine, failing, healthy_job, run
from conftest import ROOT
from factory import add_endpoint, add_executions
from kronos import doctor
from kronos.__main__ import main
from kronos.cli.doctor import _shown
from kronos.doctor import checks, finding, reference
from kronos.doctor.finding import Finding
from scale import fill_cron_jobs
from sql_factory import value


def test_where_all_is_well_all_holds(examine: Examine, superuser: psycopg.Connection, job_id: Any) -> None:
    """Before the internal jobs have run, and after."""
    assert failing(examine()) == set()
    superuser.execute(
        "select kronos.fire(job_id) from kronos.jobs join kronos.endpoints using (endpoint_id) where type = 'INTERNAL'"
    )
    found = examine()
    assert set(found) == CHECKS
    assert failing(found) == set()


_WITHOUT_POINTER = "delete from kronos.pointers where job_id = %(job_id)s"
_OF_ONE_CHECK = {
    "drift": [
        "delete from cron.job where jobname = 'kronos:' || %(job_id)s",
        "update cron.job set schedule = '0 0 1 1 *' where jobname = 'kronos:' || %(job_id)s",
        "update cron.job set command = 'select 1' where jobname = 'kronos:' || %(job_id)s",
        "update cron.job set active = false where jobname = 'kronos:' || %(job_id)s",
        "update cron.job set jobname = 'kronos:' || gen_random_uuid() where jobname = 'kronos:' || %(job_id)s",
    ],
    "ledger": [
        "delete from kronos.execution_live where job_id = %(job_id)s",
        "update kronos.execution_done set tick_count = tick_count + 1 where job_id = %(job_id)s",
        "update kronos.jobs set schedule.months = 1 << 20 where job_id = %(job_id)s",
    ],
    "malformed jobs": [
        """insert into kronos.job_faults (job_id, workspace_id, next_tick_at, sqlstate, message)
           select job_id, workspace_id, next_tick_at, '22008', 'out of range' from tests.jobs
            where job_id = %(job_id)s""",
        _WITHOUT_POINTER,
    ],
}
"""What breaks a job, by the only check that fails for it."""


@pytest.mark.parametrize("check", _OF_ONE_CHECK)
def test_each_job_that_is_broken_is_found(
    examine: Examine, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, check: str
) -> None:
    monkeypatch.setattr(finding, "SHOWN", 100)
    broken = {harm: str(healthy_job(superuser)) for harm in _OF_ONE_CHECK[check]}
    healthy = str(healthy_job(superuser))
    for harm, job_id in broken.items():
        superuser.execute(harm.replace("%(job_id)s", f"'{job_id}'").encode())
    found = examine()
    # without its pointer, a job's tick of a minute that begins meanwhile is never accounted for
    meanwhile = {"ledger"} if check == "malformed jobs" else set()
    assert failing(found) - meanwhile == {check}
    pointerless = broken.get(_WITHOUT_POINTER)
    others = {each for each in broken.values() if each != pointerless}
    assert check == "ledger" or not [each for each in others if each in found["ledger"].detail], found["ledger"]
    assert [harm for harm, job_id in broken.items() if job_id not in found[check].detail] == [], found[check]
    assert healthy not in found[check].detail


@pytest.mark.parametrize(
    ("harm", "check"),
    [
        ("update cron.job set username = 'gone' where jobname = 'kronos:' || %(job_id)s", "entry owners drift"),
        ("update tests.jobs set next_tick_at = now() - interval '5 minutes' where job_id = "
         "%(job_id)s", "overdue jobs ledger"),
        ("""update kronos.endpoints set deleted_at = now()
             where endpoint_id = (select endpoint_id from kronos.jobs where job_id = %(job_id)s)""", "deletions"),
        ("""update kronos.workspaces set status = 'DELETED', deleted_at = now()
             where workspace_id = (select workspace_id from kronos.jobs where job_id = %(job_id)s)""",
            "deletions drift"),
        ("revoke execute on function kronos.fire(uuid) from kronos_cron", "privileges objects"),
        ("revoke insert on kronos.execution_done from kronos_worker", "privileges objects"),
        ("""update kronos.jobs set timezone = 'Europe/Berlin', created_at = now() - interval '9 days'
             where job_id = %(job_id)s""", "time zones"),
        ("insert into kronos.cancelled_jobs (job_id, workspace_id, first_version_id, reason, cancelled_at) select "
         "job_id, workspace_id, job_id, '{}', now() - interval '1 hour' from kronos.jobs where job_id = %(job_id)s",
         "steps"),
        ("update kronos.retention set ran_at = now() - interval '4 hours'", "retention"),
        ("update kronos.retention set done_at = now() - interval '4 days'", "retention"),
        ("update kronos.audit_pending set at = now() - interval '11 minutes'", "audit"),
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
    assert found["default partitions"].detail.startswith("1 row that belongs")
    assert failing(examine(fix=True)) == {"default partitions"}  # from the next day on


def test_a_partition_that_was_attached_is_found_and_noted(
    examine: Examine, superuser: psycopg.Connection, job_id: Any
) -> None:
    superuser.execute("update kronos.retention set weeks_from = '-infinity'")
    superuser.execute(
        "set session_replication_role = replica"
    )  # as a partition would have received them: no trigger runs
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
    # Not next week's: if the week changes meanwhile, that partition would be created from the present day on.
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
    assert f"of {jobs} jobs" in next(each.detail for each in found if each.check == "ledger")


def test_a_connection_that_may_not_see_everything_says_so(examine: Examine, database_url: str) -> None:
    found = examine(f"{database_url}{'&' if '?' in database_url else '?'}options=-c%20role%3Dkronos_api")
    assert failing(found) == {"connection"}
    assert "ledger" not in found


def test_the_command_ends_with_1_where_something_fails_and_tells_it_as_json(
    database_url: str, superuser: psycopg.Connection, job_id: Any
) -> None:
    superuser.execute("delete from cron.job where jobname = %s", [f"kronos:{job_id}"])
    told = run(database_url, "--json")
    document = json.loads(told.stdout)
    assert (told.exit_code, document["ok"]) == (1, False)
    (drift,) = (each for each in document["findings"] if each["check"] == "drift")
    assert set(drift) == {"check", "severity", "ok", "detail", "meaning", "fix"}
    text = run(database_url)
    assert text.exit_code == 1
    assert f"kronos:{job_id}: an ACTIVE job has no entry" in text.stdout
    assert "fix: run `kronos doctor --fix`" in text.stdout


def test_a_database_that_cannot_be_reached_is_a_finding() -> None:
    told = run("postgresql://nobody@127.0.0.1:1/nothing")
    assert told.exit_code == 1
    assert "FAIL  database" in told.stdout


@pytest.mark.parametrize("check", [*checks.CHECKS, "database"])
def test_a_check_and_what_it_says_are_two_words(check: str, capsys: pytest.CaptureFixture[str]) -> None:
    each = Finding(check=check, ok=True, detail="all is well", meaning="", fix=None)
    assert list(_shown(iter([each]))) == [each]
    assert capsys.readouterr().out.split("  ", 1)[1].strip().startswith(f"{check} ")


def test_without_a_database_url_it_says_which_setting_is_missing() -> None:
    told = run(None)
    assert (told.exit_code, "KRONOS_DATABASE_URL" in told.output) == (2, True)


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
    assert "due executions of 1 endpoint wait for a worker: " in found["queue"].detail
    assert "its limit of 1 delivery at once is reached" in found["queue"].detail
    assert "deliveries to it are paused" in found["queue"].detail
    with psycopg.connect(database_url, application_name="kronos-worker-test"):
        superuser.execute("delete from kronos.execution_live where endpoint_id = %s", [endpoints[0].endpoint_id])
        found = examine()
    assert (found["workers"].ok, found["queue"].ok) == (True, True)


def test_zones_that_postgresql_reads_otherwise_are_found(examine: Examine, superuser: psycopg.Connection) -> None:
    """The function that returns PostgreSQL's offsets, at instants that the reaper recorded, is replaced: its time zone
    files then seem to differ from Python's."""
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


def test_a_dry_run_says_what_the_fix_does_and_does_nothing(
    superuser: psycopg.Connection, database_url: str, job_id: Any
) -> None:
    superuser.execute("delete from cron.job where jobname = %s", [f"kronos:{job_id}"])
    superuser.execute("alter table kronos.jobs set (autovacuum_enabled = false)")
    told = json.loads(run(database_url, "--fix", "--dry-run", "--json").stdout)
    found = {each["check"]: each for each in told["findings"]}
    assert "it would run the reaper, for 1 differences" in found["fix"]["detail"]
    assert 'alter table "kronos"."jobs" reset (autovacuum_enabled)' in found["fix"]["detail"]
    assert (found["drift"]["ok"], found["autovacuum"]["ok"]) == (False, False)
    done = {each["check"]: each for each in json.loads(run(database_url, "--fix", "--json").stdout)["findings"]}
    assert (done["drift"]["ok"], done["autovacuum"]["ok"]) == (True, True)
    assert "'registered': 1" in done["fix"]["detail"]
    again = {each["check"]: each for each in json.loads(run(database_url, "--fix", "--json").stdout)["findings"]}
    assert ("'registered': 0" in again["fix"]["detail"], "'tables': []" in again["fix"]["detail"]) == (True, True)
    alone = run(database_url, "--dry-run")
    assert (alone.exit_code, "pass both" in alone.output) == (2, True)


def test_what_a_migration_met_switched_off_is_no_change_by_hand_once_it_is_mended(
    superuser: psycopg.Connection, database_url: str
) -> None:
    """The remedies in the order in which they are printed: `kronos migrate`, then --fix."""
    superuser.execute("alter table kronos.execution_live set (autovacuum_enabled = false)")
    migrated = CliRunner().invoke(main, ["migrate"], env={"KRONOS_DATABASE_URL": database_url})
    assert "migrated from" in migrated.output
    found = {each["check"]: each for each in json.loads(run(database_url, "--fix", "--json").stdout)["findings"]}
    assert (found["autovacuum"]["ok"], found["objects"]["ok"]) == (True, True), found["objects"]


def test_who_holds_a_table_keeps_no_other_check_from_being_made(
    examine: Examine, superuser: psycopg.Connection, database_url: str, job_id: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_LOCK_TIMEOUT", "20ms")
    with psycopg.connect(database_url) as holder:
        holder.execute("lock table kronos.jobs in access exclusive mode")
        found = examine()
    blocked = {name for name, each in found.items() if "lock timeout" in each.detail}
    assert {"ledger", "drift", "overdue jobs"} <= blocked - NOT_HERE == failing(found)
    assert "pg_locks" in (found["ledger"].fix or "")
    assert {"unlogged", "partitions", "wraparound", "roles"} <= {name for name, each in found.items() if each.ok}
    assert failing(examine()) == set()


def test_how_bad_it_must_be_to_fail_is_the_callers_to_say(
    superuser: psycopg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for check, severity in (("drift", "warning"), ("metrics", "notice")):
        broken = Finding(check=check, ok=False, detail="broken", meaning="m", fix="f")
        assert broken.severity == severity
        monkeypatch.setattr(doctor, "examine", lambda *_, found=broken, **__: iter([found]))
        ends = [run(database_url, "--fail-on", each).exit_code for each in ("critical", "warning", "notice")]
        assert ends == ([0, 1, 1] if severity == "warning" else [0, 0, 1])


def test_the_documentation_lists_each_check_as_it_is() -> None:
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    assert reference.markdown(page) == page, "run bin/docs"
    assert [name for name in checks.CHECKS if f"| `{name}` |" not in page] == []
