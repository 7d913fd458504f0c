"""Logins: which roles each can take, and that a member of several roles acts as none of them until it sets one."""

import re
import uuid
from collections.abc import Iterator

import psycopg
import pytest
from click.testing import CliRunner
from psycopg.conninfo import make_conninfo

from factory import add_endpoint, add_executions
from kronos import errors, instance_settings, migrations, session, timelines
from kronos.__main__ import main
from sql_factory import Connection, acting_as, make_cron_job, value, values

_REFUSED = (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue)


@pytest.fixture
def filled(superuser: Connection) -> tuple[uuid.UUID, uuid.UUID]:
    """Two workspaces with a job, a waiting and a finished execution each; and a late result, a key, a heartbeat."""
    found = []
    for _ in range(2):
        endpoint = add_endpoint(superuser)
        make_cron_job(superuser, endpoint, is_registered=True)
        add_executions(superuser, endpoint, 2)
        superuser.execute(
            "insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, "
            "cause, status,"
            "                                   scheduled_at, run_at, created_at, max_attempts, input)"
            " select kronos.uuid7(), workspace_id, job_id, endpoint_id, 1, 'API', 'SUCCESS', now(), now(), now(), 5, "
            "'{}'"
            "   from kronos.execution_live where endpoint_id = %s limit 1",
            [endpoint.endpoint_id],
        )
        found.append(endpoint.workspace_id)
    superuser.execute(
        "insert into kronos.attempt_late (execution_id, claim_token, status, worker_id)"
        " values (kronos.uuid7(), gen_random_uuid(), 'SUCCESS', 'w')"
    )
    superuser.execute(
        "insert into kronos.api_keys (public_id, secret_sha256, role) values ('k', sha256('x'), 'instance_admin')"
    )
    return found[0], found[1]


@pytest.fixture
def both(superuser: Connection) -> Iterator[str]:
    """A login that is a member of both kronos_api and kronos_worker and inherits their rights, as the documentation
    used to recommend.
    """
    name = f"both_{uuid.uuid4().hex[:8]}"
    superuser.execute(f"create role {name} login inherit in role kronos_api, kronos_worker")
    yield name
    superuser.execute(f"drop role {name}")


def tables_of(connection: Connection) -> list[str]:
    return values(
        connection,
        "select relname from pg_class where relnamespace = 'kronos'::regnamespace and relkind in ('r', 'p', 'v') and "
        "not relispartition"
        " and relname <> 'schema_version' order by 1",
    )


def test_a_member_of_both_roles_that_became_neither_sees_no_workspace(
    superuser: Connection, both: str, filled: tuple[uuid.UUID, uuid.UUID]
) -> None:
    tables = tables_of(superuser)
    seen = {}
    with acting_as(superuser, both):
        for table in tables:
            try:
                seen[table] = value(superuser, f"select count(*) from kronos.{table}")
            except psycopg.errors.InsufficientPrivilege:
                continue
    assert len(seen) > 12
    seen.pop("zones")  # zones belong to no workspace
    assert {table: rows for table, rows in seen.items() if rows} == {}


def test_a_member_of_both_roles_sees_the_workspace_that_it_entered_and_changes_no_other(
    superuser: Connection, both: str, filled: tuple[uuid.UUID, uuid.UUID]
) -> None:
    ours, theirs = filled
    with acting_as(superuser, both), superuser.transaction():
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(ours)])
        for table in ("jobs", "execution_live", "execution_done", "endpoints", "executions", "job_details"):
            assert set(values(superuser, f"select distinct workspace_id from kronos.{table}")) == {ours}, table
        assert superuser.execute("delete from kronos.execution_live where workspace_id = %s", [theirs]).rowcount == 0
        assert superuser.execute("update kronos.jobs set name = 'x' where workspace_id = %s", [theirs]).rowcount == 0


def test_one_who_becomes_the_worker_serves_all(
    superuser: Connection, both: str, filled: tuple[uuid.UUID, uuid.UUID]
) -> None:
    with acting_as(superuser, both):
        superuser.execute("set role kronos_worker")
        assert set(filled) <= set(values(superuser, "select distinct workspace_id from kronos.execution_live"))
        superuser.execute("reset role")


@pytest.fixture(scope="module")
def logins(module_database_url: str) -> Iterator[dict[session.Role, str]]:
    """The URLs of the two roles' own logins, as `kronos up` and `kronos migrate` create them."""
    passwords: dict[session.Role, str] = {"kronos_api": "it's-a 'test", "kronos_worker": "test-only"}
    instance_settings.set_passwords(module_database_url, passwords)
    yield {
        role: make_conninfo(module_database_url, user=role, password=password) for role, password in passwords.items()
    }
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        connection.execute("alter role kronos_api password null")
        connection.execute("alter role kronos_worker password null")


@pytest.mark.parametrize(("login", "process"), [("kronos_api", "kronos_worker"), ("kronos_worker", "kronos_api")])
def test_a_login_of_ours_in_another_process_is_pointed_to_the_right_one_and_not_to_be_both(
    logins: dict[session.Role, str], login: session.Role, process: session.Role
) -> None:
    with pytest.raises(
        errors.SessionRefused, match=f"user {login} may not act as {process}: use the login of {process} in"
    ):
        session.connect(logins[login], session.wanted(process))


@pytest.mark.parametrize(
    "command", [["retention", "run"], ["retention", "run", "--dry-run"], ["migrate"], ["migrate", "--dry-run"]]
)
def test_an_administrators_command_with_a_login_of_ours_says_whose_it_takes(
    logins: dict[session.Role, str], command: list[str]
) -> None:
    found = CliRunner().invoke(main, command, env={"KRONOS_DATABASE_URL": logins["kronos_api"]}, catch_exceptions=False)
    assert (found.exit_code, found.stdout) == (1 if command[0] == "migrate" else 4, "")
    assert re.search(
        r"Error: .*use the (same )?KRONOS_DATABASE_URL (as for|of the earlier runs of) `kronos migrate`", found.stderr
    ), found.stderr


@pytest.mark.parametrize("role", ["kronos_api", "kronos_worker"])
@pytest.mark.parametrize(
    "attempt",
    [
        "set role kronos_owner",
        "set role kronos_cron",
        "set role postgres",
        "set role kronos_other",
        "set session authorization postgres",
        "set session authorization kronos_owner",
        "select pg_read_file('/etc/passwd')",
        "copy (select 1) to program 'true'",
        "create table kronos.mine (n integer)",
        "create function kronos.mine() returns integer language sql as 'select 1'",
        "create schema mine",
        "create extension dblink",
        "alter role kronos_worker superuser",
        "alter table kronos.jobs disable row level security",
        "alter table kronos.jobs disable trigger all",
        "drop policy of_workspace on kronos.jobs",
        "grant kronos_owner to kronos_api",
        "select * from kronos.api_keys",
        "insert into kronos.api_keys (public_id, secret_sha256, role) values ('x', sha256('x'), 'instance_admin')",
        "truncate kronos.execution_live",
        "select kronos.fire(gen_random_uuid())",
        "select kronos.reap()",
        "select kronos.alarm_of(gen_random_uuid())",
        "select cron.schedule('mine', '* * * * *', 'select 1')",
        "insert into cron.job (schedule, command) values ('* * * * *', 'select 1')",
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postgres'",
        "set session_replication_role = replica",
        "alter system set log_statement = 'all'",
    ],
)
def test_a_login_of_ours_can_be_and_do_nothing_else(
    logins: dict[session.Role, str], role: session.Role, attempt: str
) -> None:
    other = "kronos_worker" if role == "kronos_api" else "kronos_api"
    with session.connect(logins[role], session.wanted(role)) as connection:
        with pytest.raises(_REFUSED):
            connection.execute(attempt.replace("kronos_other", other).encode()).fetchall()
        connection.execute("reset role")
        connection.execute("reset session authorization")
        assert connection.execute("select current_user::text, session_user::text").fetchone() == (role, role)


def test_a_login_of_ours_may_see_by_what_an_old_primary_is_told(logins: dict[session.Role, str]) -> None:
    for role, url in logins.items():
        with session.connect(url, session.wanted(role)) as connection:
            found = connection.execute(timelines.READ).fetchone()
            assert found is not None
            assert (found[0] != 0, found[1]) == (True, 1)


def test_whatever_the_api_stores_pg_cron_runs_nothing_but_fire(
    superuser: Connection, logins: dict[session.Role, str], filled: tuple[uuid.UUID, uuid.UUID]
) -> None:
    login = make_conninfo(logins["kronos_api"], dbname=superuser.info.dbname)
    with session.connect(login, session.wanted("kronos_api")) as api, api.transaction():
        api.execute("select set_config('kronos.workspace_id', %s, true)", [str(filled[0])])
        (job_id,) = values(
            api,
            "update kronos.jobs set alarm = '*/2 * * * *', cron = $$'); drop table kronos.jobs; --$$, description = "
            "$$'; select 1; --$$"
            " where trigger = 'CRON' returning job_id",
        )
        api.execute("select kronos.register_pg_cron(%s)", [job_id])
    entries = superuser.execute(
        "select jobname, command, username from cron.job where schedule = '*/2 * * * *'"
    ).fetchall()
    assert entries == [(f"kronos:{job_id}", f"select kronos.fire('{job_id}')", "kronos_cron")]


def test_what_the_migrator_owns_is_not_the_logins(superuser: Connection, database_url: str) -> None:
    """None of Kronos's roles is a member of another, so none inherits another's privileges."""
    migrations.migrate(database_url)
    assert (
        values(
            superuser,
            "select roleid::regrole || ' to ' || member::regrole from pg_auth_members where member::regrole::text "
            "like 'kronos\\_%'"
            " and roleid::regrole::text not in ('pg_read_all_settings', 'pg_read_all_stats')",
        )
        == []
    )


def test_where_a_role_of_ours_sees_all_rows_the_api_is_confined(superuser: Connection) -> None:
    """Every table that the API or a worker may read has a restrictive policy for the API, except zones, which belong to
    no workspace.
    """
    roles = "array['kronos_api', 'kronos_worker']::regrole[]::oid[]"
    open_to = f"select distinct polrelid::regclass::text from pg_policy where polroles && {roles}"
    confined = (
        "select distinct polrelid::regclass::text from pg_policy where not polpermissive and polroles = "
        "array['kronos_api'::regrole::oid]"
    )
    assert set(values(superuser, open_to)) - set(values(superuser, confined)) == {"kronos.zones"}
    assert len(values(superuser, confined)) >= 12
