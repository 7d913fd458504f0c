"""kronos workspace grant-sql, ls-sql and revoke-sql: which database roles may create jobs with SQL."""

from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from factory import add_workspace
from kronos.__main__ import main
from kronos.cli.exits import Exit
from sql_factory import Connection, value

Run = Callable[..., Result]


@pytest.fixture
def run(database_url: str) -> Run:
    def invoke(verb: str, *arguments: str) -> Result:
        env = {"KRONOS_DATABASE_URL": database_url}
        return CliRunner().invoke(main, ["workspace", verb, *arguments], env=env, catch_exceptions=False)

    return invoke


@pytest.fixture
def slug(superuser: Connection) -> str:
    return str(
        value(superuser, "select slug from kronos.workspaces where workspace_id = %s", [add_workspace(superuser)])
    )


@pytest.fixture
def clerk(superuser: Connection, slug: str) -> Iterator[str]:
    """A database role, whose grants end with the test."""
    name = f"clerk_{slug.replace('-', '_')}"
    superuser.execute(f"create role {name} login")
    yield name
    superuser.execute("delete from kronos.sql_grants where role_name = %s", [name])
    superuser.execute(f"drop owned by {name}; drop role if exists {name}")


def test_a_role_is_granted_listed_and_revoked(run: Run, slug: str, clerk: str) -> None:
    granted = run("grant-sql", slug, clerk)
    assert granted.exit_code == 0, granted.output
    assert (
        granted.stdout
        == f"role {clerk} can create jobs in workspace {slug}: select kronos.enqueue('ENDPOINT', '{{}}')\n"
    )
    assert run("ls-sql").stdout == f"{clerk}  {slug}\n"
    assert run("revoke-sql", slug, clerk).stdout == f"role {clerk} can no longer create jobs\n"
    listed = run("ls-sql")
    assert (listed.stdout, "no role can create jobs with SQL yet" in listed.stderr) == ("", True)


def test_what_was_not_granted_is_revoked_without_harm(run: Run, slug: str, clerk: str) -> None:
    again = run("revoke-sql", slug, clerk)
    assert (again.exit_code, again.stdout) == (0, f"role {clerk} had no grant: nothing was changed\n")


def test_a_role_that_was_dropped_is_told_among_the_others(
    run: Run, slug: str, clerk: str, superuser: Connection
) -> None:
    run("grant-sql", slug, clerk)
    superuser.execute(f"drop owned by {clerk}; drop role {clerk}")
    listed = run("ls-sql").stdout
    superuser.execute(f"create role {clerk}")
    assert listed == f"{clerk}  {slug}  (the role does not exist)\n"


def test_a_role_that_cannot_log_in_is_refused_with_what_to_name(
    run: Run, slug: str, clerk: str, superuser: Connection
) -> None:
    superuser.execute(f"alter role {clerk} nologin")
    refused = run("grant-sql", slug, clerk)
    assert (refused.exit_code, f"role {clerk} cannot log in" in refused.stderr) == (1, True)
    assert f"hint: Name the members of {clerk} that can log in" in refused.stderr


@pytest.mark.parametrize(("of", "told"), [("no-such-workspace", "no-such-workspace"), (None, "no_such_role")])
def test_what_is_not_there_is_named(run: Run, slug: str, clerk: str, of: str | None, told: str) -> None:
    refused = run("grant-sql", of or slug, clerk if of else "no_such_role")
    assert refused.exit_code != 0
    assert told in refused.stderr
    assert run("ls-sql").stdout == ""


def test_without_a_database_it_says_where_it_would_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.delenv("KRONOS_DATABASE_URL", raising=False)
    ended = CliRunner().invoke(main, ["workspace", "ls-sql", "--home", f"{tmp_path}/none"])
    assert (ended.exit_code, "no `kronos up` is running in" in ended.output) == (Exit.USAGE, True)
