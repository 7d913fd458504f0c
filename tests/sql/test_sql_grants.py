"""Which roles may make jobs by SQL, in which workspace, and that such a role reaches nothing else."""

import uuid

import psycopg
import pytest
from click.testing import CliRunner, Result

from enqueueing import App, an_app, count, done_with, job
from kronos import errors, sql, sql_grants
from kronos.__main__ import main
from sql_factory import Connection, value, values


def test_a_role_without_a_workspace_cannot_call_and_one_that_lost_it_neither(
    shared: Connection, app: App, module_database_url: str
) -> None:
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        stranger = an_app(shared, connection, is_granted=False)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            stranger.enqueue(app.endpoint)
        done_with(shared, stranger)
    app.enqueue(app.endpoint)
    shared.execute("delete from kronos.sql_grants where role_name = %s", [app.role])
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="has no workspace") as caught:
        app.enqueue(app.endpoint)
    assert caught.value.diag.message_hint == f"Run `kronos workspace grant-sql WORKSPACE {app.role}`."
    assert sql_grants.grant(module_database_url, app.slug, app.role)
    assert sql_grants.revoke(module_database_url, app.slug, app.role)
    assert not sql_grants.revoke(module_database_url, app.slug, app.role)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.enqueue(app.endpoint)
    assert value(shared, "select has_schema_privilege(%s, 'kronos', 'usage')", [app.role]) is False


@pytest.mark.parametrize(
    "trick",
    [
        "set kronos.workspace_id = '{theirs}'",
        "set role {role}",
        "set search_path = pg_temp; create temporary table workspaces (); set search_path = pg_temp, kronos",
        "set row_security = off",
        "set kronos.instance_admin = 'on'",
        "set standard_conforming_strings = off; set array_nulls = off; set extra_float_digits = -15",
    ],
)
def test_nothing_that_a_caller_sets_leads_to_another_workspace(
    shared: Connection, app: App, other_app: App, trick: str
) -> None:
    app.connection.execute(trick.format(theirs=other_app.workspace_id, role=app.role))
    job_id = app.enqueue(app.endpoint)
    with pytest.raises(psycopg.Error, match="no endpoint"):
        app.enqueue(other_app.endpoint)
    with pytest.raises(psycopg.Error, match=r"^title: "):
        app.enqueue(app.endpoint, title=" \n")
    assert job(shared, job_id)["workspace_id"] == app.workspace_id
    assert count(shared, other_app) == 0


def test_a_call_leaves_no_setting_behind(app: App) -> None:
    with app.connection.transaction():
        app.connection.execute("set local timezone = 'Asia/Kolkata'")
        app.enqueue(app.endpoint)
        assert value(app.connection, "select coalesce(current_setting('kronos.workspace_id', true), '')") == ""
        assert value(app.connection, "show timezone") == "Asia/Kolkata"


def test_the_role_reaches_nothing_else(shared: Connection, app: App) -> None:
    """Of all tables, views and security definer functions, it reaches only the two."""
    reachable = values(
        shared,
        "select relname from pg_class where relnamespace = 'kronos'::regnamespace and relkind in ('r', 'p', 'v')"
        " and (has_table_privilege(%(role)s, oid, 'select') or has_table_privilege(%(role)s, oid, 'insert')"
        " or has_table_privilege(%(role)s, oid, 'update') or has_table_privilege(%(role)s, oid, 'delete'))"
        " union all"
        " select proname from pg_proc where pronamespace = 'kronos'::regnamespace and prosecdef"
        " and has_function_privilege(%(role)s, oid, 'execute') order by 1",
        {"role": app.role},
    )
    assert reachable == ["enqueue", "enqueue_many"]
    for inner in (
        "enqueue_odd_jobs('[{}]', true)",
        "enter_granted_workspace()",
        "grant_sql('x', 'y')",
        "make_one_shot_jobs('[]')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.connection.execute(f"select kronos.{inner}")


def test_who_cannot_be_granted_and_why(shared: Connection, app: App, other_app: App, module_database_url: str) -> None:
    group = f"group_{uuid.uuid4().hex[:12]}"
    shared.execute(f"create role {group}")
    for workspace, role, why in (
        ("nobody", app.role, "no workspace nobody"),
        (app.slug, "nobody", "role nobody does not exist"),
        (app.slug, "postgres", "a superuser"),
        (app.slug, "kronos_api", "belongs to Kronos"),
        (app.slug, group, "cannot log in"),
        (other_app.slug, app.role, f"creates jobs in workspace {app.slug}"),
    ):
        with pytest.raises(errors.SqlGrantRefused, match=why):
            sql_grants.grant(module_database_url, workspace, role)
    with pytest.raises(errors.SqlGrantRefused, match=f"in workspace {app.slug}, not in {other_app.slug}"):
        sql_grants.revoke(module_database_url, other_app.slug, app.role)
    shared.execute(f"drop role {group}")
    told = [each for each in sql_grants.listed(module_database_url) if each.role_name in (app.role, other_app.role)]
    assert {(each.role_name, each.workspace, each.is_there) for each in told} == {
        (app.role, app.slug, True),
        (other_app.role, other_app.slug, True),
    }
    assert sql_grants.grant(module_database_url, str(app.workspace_id), app.role) == app.slug


def test_the_command_line_grants_lists_and_revokes(
    shared: Connection, app: App, module_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRONOS_DATABASE_URL", module_database_url)

    def kronos(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["workspace", *arguments], catch_exceptions=False)

    assert kronos("revoke-sql", app.slug, app.role).stdout == f"role {app.role} can no longer create jobs\n"
    assert "had no grant" in kronos("revoke-sql", app.slug, app.role).stdout
    monkeypatch.setattr("kronos.sql_grants.listed", lambda url: [])
    assert "no role can create jobs with SQL yet" in kronos("ls-sql").stderr
    monkeypatch.undo()
    monkeypatch.setenv("KRONOS_DATABASE_URL", module_database_url)
    assert kronos("grant-sql", app.slug, app.role).stdout.startswith(
        f"role {app.role} can create jobs in workspace {app.slug}"
    )
    assert f"{app.role}  {app.slug}\n" in kronos("ls-sql").stdout
    refused = kronos("grant-sql", app.slug, "nobody_here")
    assert (refused.exit_code, "role nobody_here does not exist\nhint: Create it first" in refused.stderr) == (1, True)
    app.enqueue(app.endpoint)


def test_an_upgrade_grants_again_what_a_new_function_has_lost(shared: Connection, app: App) -> None:
    shared.execute(f"revoke execute on function kronos.enqueue_many(jsonb) from {app.role}")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.enqueue_many()
    shared.execute((sql.root() / "grants.sql").read_text(encoding="utf-8"))
    assert app.enqueue_many() == []


def test_an_upgrade_grants_nothing_to_a_role_that_got_an_old_name(shared: Connection, app: App) -> None:
    """The grant is stored under the role's name, which outlives the role."""
    shared.execute(f"drop owned by {app.role}; drop role {app.role}; create role {app.role} login")
    shared.execute((sql.root() / "grants.sql").read_text(encoding="utf-8"))
    with psycopg.connect(shared.info.dsn, password=shared.info.password) as connection:
        connection.execute(f"set session authorization {app.role}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
            connection.execute("select kronos.enqueue_many('[]')")


def test_a_role_may_have_any_name(app: App, shared: Connection) -> None:
    role = f'app "{uuid.uuid4().hex[:8]}'
    shared.execute(psycopg.sql.SQL("create role {} login").format(psycopg.sql.Identifier(role)))
    try:
        granted = value(shared, "select kronos.grant_sql(%s, %s)", [app.slug, role])
        assert granted == app.slug
        assert value(shared, "select kronos.revoke_sql(%s, %s)", [app.slug, role])
    finally:
        shared.execute(psycopg.sql.SQL("drop role {}").format(psycopg.sql.Identifier(role)))
