"""`kronos migrate --to` and `--dry-run` do what they promise, or say why not."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from psycopg.conninfo import make_conninfo

from kronos import errors, migrations, plans
from kronos.__main__ import main
from migrations.releases import next_release
from sql_factory import Connection, value, values

_WRITTEN = """
  select 'function ' || oid::regprocedure || xmin::text from pg_proc where pronamespace = 'kronos'::regnamespace
   union all
  select 'relation ' || relname || xmin::text from pg_class where relnamespace = 'kronos'::regnamespace
   union all
  select 'job ' || job_id || xmin::text from kronos.jobs
   union all
  select 'entry ' || jobid || xmin::text from cron.job
   order by 1
"""


def migrate(url: str, *options: str, **environment: str) -> Result:
    told = {"KRONOS_DATABASE_URL": url, **environment}
    return CliRunner().invoke(main, ["migrate", *options], env=told, catch_exceptions=False)


@pytest.fixture
def bare(superuser: Connection, database_url: str) -> str:
    """A database that has pg_cron, in which Kronos was never installed."""
    superuser.execute("drop schema kronos cascade")
    return database_url


def test_a_dry_run_of_what_is_as_it_should_be_has_no_step(superuser: Connection, database_url: str) -> None:
    before = values(superuser, _WRITTEN)
    assert plans.plan(database_url) == []
    told = migrate(database_url, "--dry-run", KRONOS_API_PASSWORD="not shown")
    assert told.exit_code == 0
    assert told.output.splitlines() == [
        f"at {migrations.head()}, would migrate to {migrations.head()}:",
        "  store the settings of catch-up and retention",
        "  set the password of kronos_api to KRONOS_API_PASSWORD",
    ]
    assert values(superuser, _WRITTEN) == before


def test_a_dry_run_in_an_empty_database_names_each_step_and_takes_none(superuser: Connection, bare: str) -> None:
    steps = plans.plan(bare)
    assert steps[:2] == ["create schema kronos", "apply revision 0001: The first schema."]
    assert [step.split(":")[0] for step in steps[1:-1]] == [
        f"apply revision {revision}" for revision, _ in migrations.steps(None)
    ]
    assert steps[-1] == "create all functions, views, policies and grants, and the internal jobs with their entries"
    assert value(superuser, "select to_regnamespace('kronos')") is None


def test_a_dry_run_names_what_a_release_replaces_and_what_was_changed_by_hand(
    superuser: Connection, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = next_release(tmp_path, monkeypatch)
    release.edit("functions/ground/iso.sql", "iso: an instant", "iso: changed")
    superuser.execute("revoke execute on function kronos.fire from kronos_cron")
    superuser.execute("drop policy of_workspace on kronos.jobs")
    before = values(superuser, _WRITTEN)
    assert plans.plan(database_url) == [
        "replace 1 function: iso",
        "repair: function kronos.fire(uuid) (rights)",
        "repair: policy of_workspace on kronos.jobs (gone)",
        "apply policies and grants where they differ",
    ]
    assert values(superuser, _WRITTEN) == before
    migrations.migrate(database_url)
    assert plans.plan(database_url) == []


def test_a_dry_run_locks_nothing_that_others_need(superuser: Connection, database_url: str) -> None:
    """The locks of a concurrent migration do not stop a dry run, except those that block readers: for these it waits
    only briefly."""
    with superuser.transaction():
        superuser.execute("lock table kronos.jobs, kronos.execution_live in share row exclusive mode")
        assert plans.plan(database_url) == []
    with superuser.transaction():
        superuser.execute("lock table kronos.jobs in access exclusive mode")
        with pytest.raises(errors.DatabaseUnavailable, match="lock timeout"):
            plans.plan(database_url)


@pytest.fixture
def nobody(superuser: Connection, database_url: str) -> Iterator[str]:
    """The URL of a user without rights."""
    user = f"nobody_{uuid.uuid4().hex[:8]}"
    superuser.execute(f"create role {user} login password 'test-only'")
    yield make_conninfo(database_url, user=user, password="test-only")
    superuser.execute(f"drop role {user}")


def test_a_dry_run_by_a_user_who_may_not_says_what_a_superuser_must_run(
    superuser: Connection, database_url: str, nobody: str
) -> None:
    told = migrate(nobody, "--dry-run")
    assert (told.exit_code, "Traceback" in told.output) == (1, False)
    assert "permission denied for schema kronos" in told.output
    superuser.execute(f"grant kronos_api to {nobody.split('user=')[1].split()[0]}")
    told = migrate(nobody, "--dry-run")
    assert told.exit_code == 1
    assert "Let a superuser run once" in told.output or "use the KRONOS_DATABASE_URL" in told.output
    assert "grant usage on schema cron to" in told.output or "of the earlier runs of" in told.output


@pytest.mark.parametrize("option", [(), ("--dry-run",)])
def test_a_revision_that_this_release_does_not_go_to_is_a_sentence(
    superuser: Connection, database_url: str, option: tuple[str, ...]
) -> None:
    before = values(superuser, _WRITTEN)
    unknown = migrate(database_url, "--to", "zzz", *option)
    assert (unknown.exit_code, "there is no revision 'zzz'; this release has 0001, " in unknown.output) == (1, True)
    older = migrate(database_url, "--to", "0001", *option)
    assert older.exit_code == 1
    assert f"cannot be downgraded from {migrations.head()}: restore the backup that was made at 0001" in older.output
    assert "migrated" not in older.output
    assert values(superuser, _WRITTEN) == before


def test_an_earlier_revision_on_an_empty_database_is_its_own_releases(superuser: Connection, bare: str) -> None:
    told = migrate(bare, "--to", "0001")
    assert told.exit_code == 1
    assert "run the `kronos migrate` of the release whose newest revision is 0001. Nothing was changed" in told.output
    assert value(superuser, "select to_regnamespace('kronos')") is None


def test_a_database_of_a_newer_release_is_left_alone(superuser: Connection, database_url: str) -> None:
    superuser.execute("update kronos.schema_version set version_num = '9999'")
    before = values(superuser, _WRITTEN)
    with pytest.raises(
        errors.MigrationFailed, match="at revision 9999, which this release does not know: a newer release created it"
    ):
        migrations.migrate(database_url)
    told = migrate(database_url, "--dry-run")
    assert (told.exit_code, "at revision 9999" in told.output) == (1, True)
    assert values(superuser, _WRITTEN) == before
