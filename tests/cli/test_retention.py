"""`kronos retention run` deletes, or only counts, everything that is old enough. It reports what it did, and what
stopped it."""

from collections.abc import Callable

import psycopg
import pytest
from click.testing import CliRunner, Result

from factory import add_endpoint
from kronos import config, errors, instance_settings
from kronos import retention as history
from kronos.__main__ import main
from kronos.model import JsonObject
from retention_rows import finished, kept, one_shot, partition_of_days
from sql_factory import Connection, make_cron_job, records


def run(url: str | None, *options: str) -> Result:
    return CliRunner().invoke(
        main, ["retention", "run", *options], env={"KRONOS_DATABASE_URL": url}, catch_exceptions=False
    )


def told(result: Result) -> dict[str, int]:
    """Its report, by kind."""
    lines = [line.strip().split("  ", 1) for line in result.stdout.splitlines()]
    return {kind.removesuffix(" to delete"): int(count) for count, kind in lines}


def test_a_dry_run_counts_and_a_run_takes(superuser: Connection, database_url: str) -> None:
    endpoint = add_endpoint(superuser)
    job_id = make_cron_job(superuser, endpoint)
    finished(superuser, job_id, days=40)
    finished(superuser, job_id, "FAILED", days=41)
    one_shot(superuser, endpoint, days=40)
    dry = run(database_url, "--dry-run")
    assert (dry.exit_code, told(dry)["executions"], told(dry)["jobs and versions"]) == (0, 2, 1)
    assert len(kept(superuser, job_id)) == 2
    wet = run(database_url)
    assert (wet.exit_code, told(wet)) == (0, told(dry))
    assert kept(superuser, job_id) == ["FAILED"]
    assert told(run(database_url))["executions"] == 0


def test_what_keeps_it_from_its_work_is_reported(superuser: Connection, database_url: str) -> None:
    partition_of_days(superuser, first=119, days=2)
    with psycopg.connect(database_url) as dump:
        dump.execute("select count(*) from kronos.execution_done")
        result = run(database_url)
    assert result.exit_code == 1
    assert "an open transaction has locked them" in result.stderr
    assert run(database_url).exit_code == 0


def test_a_part_that_fails_is_reported(superuser: Connection, database_url: str) -> None:
    superuser.execute(
        "create function kronos.no() returns trigger language plpgsql as $$ begin raise 'not now'; end $$"
    )
    superuser.execute("create trigger no before delete on kronos.jobs for each statement execute function kronos.no()")
    one_shot(superuser, add_endpoint(superuser), days=40)
    result = run(database_url)
    assert (result.exit_code, "failed: jobs: not now" in result.stderr) == (1, True)


@pytest.mark.parametrize("stops", [errors.DatabaseUnavailable("the disk is full"), KeyboardInterrupt()])
def test_what_was_deleted_before_an_error_or_ctrl_c_is_said(
    database_url: str, monkeypatch: pytest.MonkeyPatch, stops: BaseException
) -> None:
    def cut_off(url: str, *, is_dry: bool, report: Callable[[JsonObject], None]) -> None:
        for _ in range(2):
            report({"executions": 1000, "attempts": 2000, "jobs": 0, "partitions_made": 3})
        raise stops

    monkeypatch.setattr(history, "age_out", cut_off)
    result = run(database_url)
    assert result.exit_code == (130 if isinstance(stops, KeyboardInterrupt) else 6)
    assert result.stderr.splitlines()[-1] == (
        "deleted before that: 2,000 executions, 4,000 attempts. To continue: kronos retention run"
    )
    assert "deleted before that" not in run(database_url, "--dry-run").stderr, "it deletes nothing"


@pytest.mark.parametrize(("url", "code"), [("postgresql://nobody@127.0.0.1:1/nothing", 6), (None, 2)])
def test_without_its_database_it_says_so(url: str | None, code: int) -> None:
    result = run(url)
    assert result.exit_code == code
    assert "PostgreSQL" in result.output or "KRONOS_DATABASE_URL" in result.output


def test_the_instances_ages_are_stored_by_the_session_that_migrates(superuser: Connection, database_url: str) -> None:
    ages = "select success_days, failure_days, run_details_days from kronos.retention"
    assert records(superuser, ages) == [{"success_days": 30, "failure_days": 90, "run_details_days": 7}]
    instance_settings.store(
        database_url,
        config.load(
            database_url=database_url, retention_success_days=3, retention_failure_days=4, retention_run_details_days=5
        ),
    )
    assert records(superuser, ages) == [{"success_days": 3, "failure_days": 4, "run_details_days": 5}]
