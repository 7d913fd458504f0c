"""kronos.enqueue and kronos.enqueue_many: jobs that an application makes in its own transaction, of its own workspace,
and nothing else."""

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg.types.json import Jsonb

from conftest import await_condition
from factory import add_endpoint, add_workspace
from kronos import errors, sql, sql_grants
from kronos.__main__ import main
from sql_factory import Connection, records, value, values

FUTURE = datetime(2098, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class App:
    """An application's login, its connection, and its workspace with one endpoint."""

    connection: Connection
    role: str
    workspace_id: uuid.UUID
    slug: str
    endpoint: str
    endpoint_id: uuid.UUID

    def enqueue(self, *arguments: Any, **named: Any) -> uuid.UUID:
        names = [f"{name} => %s" for name in named]
        call = ", ".join(["%s"] * len(arguments) + names)
        given = [*arguments, *named.values()]
        made: uuid.UUID = value(
            self.connection,
            f"select kronos.enqueue({call})",
            [Jsonb(each) if isinstance(each, dict) else each for each in given],
        )
        return made

    def enqueue_many(self, *jobs: Any) -> list[uuid.UUID]:
        made: list[uuid.UUID] = value(self.connection, "select kronos.enqueue_many(%s)", [Jsonb(list(jobs))])
        return made


def an_app(superuser: Connection, url: str, *, is_granted: bool = True) -> App:
    workspace_id = add_workspace(superuser)
    endpoint = add_endpoint(superuser, workspace_id)
    slug = value(superuser, "select slug from kronos.workspaces where workspace_id = %s", [workspace_id])
    name = value(superuser, "select name from kronos.endpoints where endpoint_id = %s", [endpoint.endpoint_id])
    role = f"app_{uuid.uuid4().hex[:12]}"
    superuser.execute(f"create role {role} login")
    if is_granted:
        assert sql_grants.grant(url, slug, role) == slug
    connection = psycopg.connect(url, autocommit=True)
    connection.execute(f"set session authorization {role}")
    return App(
        connection=connection,
        role=role,
        workspace_id=workspace_id,
        slug=slug,
        endpoint=name,
        endpoint_id=endpoint.endpoint_id,
    )


@pytest.fixture
def app(shared: Connection, module_database_url: str) -> Iterator[App]:
    made = an_app(shared, module_database_url)
    with made.connection:
        yield made
    done_with(shared, made)


@pytest.fixture
def other(shared: Connection, module_database_url: str) -> Iterator[App]:
    made = an_app(shared, module_database_url)
    with made.connection:
        yield made
    done_with(shared, made)


def done_with(superuser: Connection, app: App) -> None:
    """Roles are the cluster's, and stay when the database goes."""
    app.connection.close()
    superuser.execute("delete from kronos.sql_grants where role_name = %s", [app.role])
    superuser.execute(f"drop owned by {app.role}")
    superuser.execute(f"drop role {app.role}")


def job(superuser: Connection, job_id: uuid.UUID) -> dict[str, Any]:
    """As the API shows it."""
    (found,) = records(superuser, "select * from kronos.job_details where job_id = %s", [job_id])
    return found


def count(superuser: Connection, app: App) -> int:
    """Jobs of the workspace, executions and rows."""
    found: int = value(
        superuser,
        "select (select count(*) from kronos.execution_live where workspace_id = %(w)s)"
        " + (select count(*) from kronos.jobs where workspace_id = %(w)s)",
        {"w": app.workspace_id},
    )
    return found


def refused(app: App, *jobs: Any) -> psycopg.Error:
    with pytest.raises(psycopg.Error) as caught:
        app.enqueue_many(*jobs)
    return caught.value


def test_a_job_is_there_once_the_callers_transaction_commits(shared: Connection, app: App) -> None:
    with app.connection.transaction():
        job_id = app.enqueue(app.endpoint, {"order": 7})
        assert count(shared, app) == 0
    made = job(shared, job_id)
    assert (made["trigger"], made["status"], made["input"], made["workspace_id"]) == (
        "IMMEDIATE",
        "ACTIVE",
        {"order": 7},
        app.workspace_id,
    )
    assert made["execution"]["status"] == "QUEUED"
    assert count(shared, app) == 1


def test_what_the_caller_takes_back_was_never_there(shared: Connection, app: App) -> None:
    with app.connection.transaction(force_rollback=True):
        app.enqueue(app.endpoint, name="never")
        app.enqueue_many({"endpoint": app.endpoint}, {"endpoint": app.endpoint, "idempotency_key": "k"})
    with app.connection.transaction():
        with app.connection.transaction(force_rollback=True):
            app.enqueue(app.endpoint, idempotency_key="k")
        kept = app.enqueue(app.endpoint, idempotency_key="k")
    assert values(shared, "select job_id from kronos.jobs where workspace_id = %s", [app.workspace_id]) == [kept]


def test_workers_are_woken_when_it_commits_and_not_before(
    shared: Connection, app: App, module_database_url: str
) -> None:
    with psycopg.connect(module_database_url, autocommit=True) as worker:
        worker.execute("listen kronos_work")
        with app.connection.transaction():
            app.enqueue(app.endpoint)
            assert list(worker.notifies(timeout=0)) == []
        (told,) = worker.notifies(timeout=10, stop_after=1)
        assert told.payload == str(app.endpoint_id)
        app.enqueue_many({"endpoint": app.endpoint, "run_at": FUTURE.isoformat()})
        (told,) = worker.notifies(timeout=10, stop_after=1)
        assert told.payload == ""


def test_all_that_a_job_may_have_is_kept(shared: Connection, app: App) -> None:
    first = app.enqueue(
        app.endpoint, {"a": [1, None]}, FUTURE, name="n", title="T ü", tags=["x", "y"], idempotency_key="k"
    )
    (second,) = app.enqueue_many(
        {
            "endpoint": app.endpoint,
            "input": {"a": [1, None]},
            "run_at": "2098-01-02T08:34:05.000006+05:30",
            "name": "m",
            "title": "T ü",
            "tags": ["x", "y"],
        }
    )
    for job_id, name, key in ((first, "n", "k"), (second, "m", None)):
        made = job(shared, job_id)
        assert (made["trigger"], made["run_at"], made["input"]) == ("DELAYED", FUTURE, {"a": [1, None]})
        assert (made["name"], made["title"], made["tags"], made["idempotency_key"]) == (name, "T ü", ["x", "y"], key)
        assert made["execution"]["status"] == "PENDING"


def test_many_are_made_in_their_order_whatever_they_have(shared: Connection, app: App) -> None:
    kinds: list[dict[str, Any]] = [{}, {"name": "n"}, {"run_at": FUTURE.isoformat()}, {"tags": ["t"]}, {"name": None}]
    plain = [{"endpoint": app.endpoint, "input": {"n": n}} for n in range(40)]
    ids = app.enqueue_many(*plain) + app.enqueue_many(
        *({"endpoint": app.endpoint, "input": {"n": 40 + n}} | each for n, each in enumerate(kinds))
    )
    assert [job(shared, each)["input"] for each in ids] == [{"n": n} for n in range(45)]
    assert app.enqueue_many() == []


@pytest.mark.parametrize("is_many", [True, False])
def test_a_known_key_gives_the_job_that_it_made(shared: Connection, app: App, is_many: bool) -> None:
    first = app.enqueue(app.endpoint, {"a": 1}, idempotency_key="k")
    request = {"endpoint": app.endpoint, "input": {"a": 1}, "idempotency_key": "k"}
    if is_many:
        again = app.enqueue_many(request, {"endpoint": app.endpoint}, request)
        assert (again[0], again[2]) == (first, first)
        error = refused(app, {"endpoint": app.endpoint}, request | {"input": {}})
        assert str(error).startswith(
            f"jobs[1].idempotency_key: it was used for another request, which made job {first}"
        )
    else:
        assert app.enqueue(app.endpoint, {"a": 1}, idempotency_key="k") == first
        with pytest.raises(psycopg.Error, match="idempotency_key: it was used for another request") as caught:
            app.enqueue(app.endpoint, {"a": 2}, idempotency_key="k")
        error = caught.value
    assert (error.sqlstate, error.diag.column_name) == ("KR021", "idempotency_key")
    assert error.diag.message_hint


def test_a_key_that_two_transactions_have_makes_one(shared: Connection, app: App, module_database_url: str) -> None:
    with psycopg.connect(module_database_url) as rival:
        rival.execute(f"set session authorization {app.role}")
        call = "select kronos.enqueue(%s, idempotency_key => 'same')"
        (first,) = rival.execute(call, [app.endpoint]).fetchone() or (None,)
        waiting = app.connection.pgconn
        waiting.send_query_params(call.replace("%s", "$1").encode(), [app.endpoint.encode()])
        await_condition(
            lambda: values(
                shared,
                "select 1 from pg_stat_activity where %s = any (pg_blocking_pids(pid))",
                [rival.info.backend_pid],
            ),
            "the second to wait for the first",
        )
        rival.commit()
        result = waiting.get_result()
        assert result is not None
        assert waiting.get_result() is None
    assert result.get_value(0, 0) == str(first).encode()
    assert values(shared, "select job_id from kronos.jobs where workspace_id = %s", [app.workspace_id]) == [first]


def test_a_name_is_one_live_jobs(shared: Connection, app: App, other: App) -> None:
    app.enqueue(app.endpoint, name="taken")
    other.enqueue(other.endpoint, name="taken")
    twice = {"endpoint": app.endpoint, "name": "twice"}
    for jobs, place in (([{"endpoint": app.endpoint, "name": "taken"}], 0), ([twice, twice], 1)):
        error = refused(app, *jobs)
        assert str(error).startswith(f"jobs[{place}].name: another live job of this workspace is called ")
        assert (error.sqlstate, error.diag.column_name) == ("KR022", "name")
    assert count(shared, app) == 2


_WRONG: list[tuple[Any, str, str]] = [
    (7, "jobs", ": a job is an object, this is: number"),
    ({}, "endpoint", "endpoint: it is not the name of an endpoint"),
    ({"endpoint": 7}, "endpoint", "endpoint: it is not the name of an endpoint"),
    ({"endpoint": "nobody"}, "endpoint", "endpoint: no endpoint 'nobody' in workspace"),
    ({"triger": "x"}, "triger", "triger: there is no such field"),
    ({"input": [1]}, "input", "input: an input is an object"),
    ({"input": {"a": "x" * 262144}}, "input", "input: 262153 bytes as JSON: at most 262144 are stored"),
    ({"input": json.loads('{"a":' * 64 + "1" + "}" * 64)}, "input", "input: it is nested deeper than 64"),
    ({"input": {"a": 2**64 + 1}}, "input", "input: neither 64 bits nor a double hold the number 18446744073709551617"),
    ({"run_at": "tomorrow"}, "run_at", "run_at: not an RFC 3339 timestamp with an offset"),
    ({"run_at": "2098-01-02T03:04:05"}, "run_at", "run_at: not an RFC 3339 timestamp with an offset"),
    ({"run_at": "2098-02-30T03:04:05Z"}, "run_at", "run_at: there is no such time"),
    ({"run_at": "2001-01-02T03:04:05Z"}, "run_at", "run_at: 2001-01-02T03:04:05Z is in the past"),
    ({"run_at": "3001-01-02T03:04:05Z"}, "run_at", "run_at: the year is out of range"),
    ({"name": "-"}, "name", "name: the name is out of its pattern"),
    ({"name": str(uuid.UUID(int=7))}, "name", "name: the name is out of its pattern"),
    ({"title": "a\nb"}, "title", "title: a title is one line"),
    ({"title": " "}, "title", "title: a title is one line"),
    ({"tags": "x"}, "tags", "tags: tags are up to 20 texts"),
    ({"tags": ["x"] * 21}, "tags", "tags: tags are up to 20 texts"),
    ({"tags": [" "]}, "tags", "tags: tags are up to 20 texts"),
    ({"idempotency_key": ""}, "idempotency_key", "idempotency_key: a key is a text"),
    ({"idempotency_key": "x" * 256}, "idempotency_key", "idempotency_key: a key is a text"),
]


@pytest.mark.parametrize(
    ("wrong", "field", "message"), _WRONG, ids=[f"{field}-{n}" for n, (_, field, _) in enumerate(_WRONG)]
)
def test_what_is_wrong_is_said_of_the_job_and_the_field_and_nothing_is_made(
    shared: Connection, app: App, wrong: Any, field: str, message: str
) -> None:
    sound = {"endpoint": app.endpoint}
    bad = sound | wrong if isinstance(wrong, dict) and wrong else wrong
    error = refused(app, sound, bad, sound)
    told = f"jobs[1]{'' if message.startswith(':') else '.'}{message}"
    assert str(error).startswith(told), str(error)
    assert (error.diag.column_name, bool(error.diag.message_hint)) == (field, True)
    assert error.sqlstate in ("KR025", "KR012")
    assert count(shared, app) == 0


def test_the_api_takes_what_enqueue_takes(shared: Connection, app: App) -> None:
    """Bounds at which both say yes."""
    number = {"input": {"a": [2**63 - 1, -(2**63), 1.5e300, 5e-324, 0, -0.0, 10**300, "1" * 40]}}
    deep = {"input": json.loads('{"a":' * 63 + "1" + "}" * 63)}
    for each in (number, deep, {"tags": ["x" * 64] * 20}, {"name": "x" * 127}, {"title": "x" * 200}):
        app.enqueue_many({"endpoint": app.endpoint} | each)
    just_now = datetime.now(UTC) - timedelta(seconds=1)
    assert job(shared, app.enqueue(app.endpoint, run_at=just_now))["trigger"] == "DELAYED"


def test_infinite_instants_and_what_is_no_array_are_refused(app: App) -> None:
    for at in ("infinity", "-infinity", "4000-01-01 00:00:00 BC"):
        with pytest.raises(psycopg.Error, match=r"^run_at: ") as caught:
            app.enqueue(app.endpoint, {}, at)
        assert caught.value.sqlstate == "KR025"
    for jobs in ({"endpoint": app.endpoint}, None, [{"endpoint": app.endpoint}] * 10_001):
        with pytest.raises(psycopg.Error, match=r"^jobs: ") as caught:
            app.connection.execute("select kronos.enqueue_many(%s)", [None if jobs is None else Jsonb(jobs)])
        assert caught.value.sqlstate == "KR025"


def test_a_role_without_a_workspace_cannot_call_and_one_that_lost_it_neither(
    shared: Connection, app: App, module_database_url: str
) -> None:
    stranger = an_app(shared, module_database_url, is_granted=False)
    with stranger.connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        stranger.enqueue(app.endpoint)
    done_with(shared, stranger)
    app.enqueue(app.endpoint)
    shared.execute("delete from kronos.sql_grants where role_name = %s", [app.role])
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="has no workspace") as caught:
        app.enqueue(app.endpoint)
    assert caught.value.diag.message_hint == f"kronos workspace grant-sql WORKSPACE {app.role}"
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
    shared: Connection, app: App, other: App, trick: str
) -> None:
    app.connection.execute(trick.format(theirs=other.workspace_id, role=app.role))
    job_id = app.enqueue(app.endpoint)
    with pytest.raises(psycopg.Error, match="no endpoint"):
        app.enqueue(other.endpoint)
    with pytest.raises(psycopg.Error, match=r"^title: "):
        app.enqueue(app.endpoint, title=" \n")
    assert job(shared, job_id)["workspace_id"] == app.workspace_id
    assert count(shared, other) == 0


def test_a_call_leaves_no_setting_behind(app: App) -> None:
    with app.connection.transaction():
        app.connection.execute("set local timezone = 'Asia/Kolkata'")
        app.enqueue(app.endpoint)
        assert value(app.connection, "select coalesce(current_setting('kronos.workspace_id', true), '')") == ""
        assert value(app.connection, "show timezone") == "Asia/Kolkata"


def test_a_callers_own_time_zone_and_date_style_change_nothing(shared: Connection, app: App) -> None:
    app.connection.execute("set timezone = 'America/New_York'; set datestyle = 'SQL, DMY'")
    assert job(shared, app.enqueue(app.endpoint, run_at=FUTURE))["run_at"] == FUTURE
    (many,) = app.enqueue_many({"endpoint": app.endpoint, "run_at": FUTURE.isoformat()})
    assert job(shared, many)["run_at"] == FUTURE


def test_the_role_reaches_nothing_else(shared: Connection, app: App) -> None:
    """Of all tables, views and functions that lend rights: the two."""
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


def test_a_workspace_that_is_suspended_or_deleted_takes_nothing(shared: Connection, app: App) -> None:
    shared.execute(
        "update kronos.workspaces set status = 'SUSPENDED', suspended_at = now() where workspace_id = %s",
        [app.workspace_id],
    )
    with pytest.raises(psycopg.Error, match="is SUSPENDED: it takes no new jobs") as caught:
        app.enqueue(app.endpoint)
    assert caught.value.sqlstate == "KR023"
    shared.execute(
        "update kronos.workspaces set status = 'DELETED', deleted_at = now() where workspace_id = %s",
        [app.workspace_id],
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="has no workspace"):
        app.enqueue(app.endpoint)


def test_an_endpoint_is_not_deleted_under_a_transaction_that_has_made_a_job_for_it(
    shared: Connection, app: App, module_database_url: str
) -> None:
    with app.connection.transaction():
        app.enqueue(app.endpoint)
        with psycopg.connect(module_database_url) as deleting:
            deleting.execute("set lock_timeout = '50ms'")
            deleting.execute("select set_config('kronos.workspace_id', %s, true)", [str(app.workspace_id)])
            with pytest.raises(psycopg.errors.LockNotAvailable):
                deleting.execute("select kronos.delete_endpoint(%s)", [app.endpoint])
    assert count(shared, app) == 1


def test_who_cannot_be_granted_and_why(shared: Connection, app: App, other: App, module_database_url: str) -> None:
    group = f"group_{uuid.uuid4().hex[:12]}"
    shared.execute(f"create role {group}")
    for workspace, role, why in (
        ("nobody", app.role, "there is no workspace nobody"),
        (app.slug, "nobody", "there is no role nobody"),
        (app.slug, "postgres", "a superuser"),
        (app.slug, "kronos_api", "Kronos's own"),
        (app.slug, group, "cannot log in"),
        (other.slug, app.role, f"makes jobs of workspace {app.slug}"),
    ):
        with pytest.raises(errors.SqlGrantRefused, match=why):
            sql_grants.grant(module_database_url, workspace, role)
    with pytest.raises(errors.SqlGrantRefused, match=f"of workspace {app.slug}, not of {other.slug}"):
        sql_grants.revoke(module_database_url, other.slug, app.role)
    shared.execute(f"drop role {group}")
    told = [each for each in sql_grants.listed(module_database_url) if each.role_name in (app.role, other.role)]
    assert {(each.role_name, each.workspace, each.is_there) for each in told} == {
        (app.role, app.slug, True),
        (other.role, other.slug, True),
    }
    assert sql_grants.grant(module_database_url, str(app.workspace_id), app.role) == app.slug


def test_the_command_line_grants_lists_and_revokes(
    shared: Connection, app: App, module_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRONOS_DATABASE_URL", module_database_url)

    def kronos(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["workspace", *arguments], catch_exceptions=False)

    assert kronos("revoke-sql", app.slug, app.role).stdout == f"role {app.role} makes no more jobs\n"
    assert "could make none" in kronos("revoke-sql", app.slug, app.role).stdout
    monkeypatch.setattr("kronos.sql_grants.listed", lambda url: [])
    assert "no role makes jobs by SQL yet" in kronos("ls-sql").stderr
    monkeypatch.undo()
    monkeypatch.setenv("KRONOS_DATABASE_URL", module_database_url)
    assert kronos("grant-sql", app.slug, app.role).stdout.startswith(
        f"role {app.role} makes jobs of workspace {app.slug}"
    )
    assert f"{app.role}  {app.slug}\n" in kronos("ls-sql").stdout
    refused = kronos("grant-sql", app.slug, "nobody_here")
    assert (refused.exit_code, "there is no role nobody_here\nhint: create it first" in refused.stderr) == (1, True)
    app.enqueue(app.endpoint)


def test_an_upgrade_grants_again_what_a_new_function_has_lost(shared: Connection, app: App) -> None:
    shared.execute(f"revoke execute on function kronos.enqueue_many(jsonb) from {app.role}")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.enqueue_many()
    shared.execute((sql.root() / "grants.sql").read_text(encoding="utf-8"))
    assert app.enqueue_many() == []


def test_an_upgrade_grants_nothing_to_a_role_that_got_an_old_name(shared: Connection, app: App) -> None:
    """The workspace is noted by the role's name, which outlives the role."""
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


def test_an_endpoint_with_a_payload_spec_is_refused_whatever_the_caller_says_of_its_input(
    shared: Connection, app: App
) -> None:
    """SQL reads no JSON Schema, so nothing that it makes was validated."""
    bound = add_endpoint(shared, app.workspace_id)
    name = value(shared, "select name from kronos.endpoints where endpoint_id = %s", [bound.endpoint_id])
    spec = value(
        shared,
        "insert into kronos.documents (workspace_id, kind, name) values (%s, 'PAYLOAD_SPEC', 'orders')"
        " returning document_id",
        [app.workspace_id],
    )
    shared.execute("update kronos.endpoints set payload_spec_id = %s where endpoint_id = %s", [spec, bound.endpoint_id])
    sound = {"endpoint": app.endpoint}
    for more in ({}, {"name": "n"}, {"idempotency_key": "k"}, {"run_at": FUTURE.isoformat()}):
        for said in ("", f"{spec}:1", f",{bound.endpoint_id}/{spec}:1,"):
            app.connection.execute("select set_config('kronos.validated', %s, false)", [said])
            error = refused(app, sound, sound | more, {"endpoint": name} | more)
            assert str(error).startswith(
                f"jobs[2].endpoint: '{name}' names the payload spec 'orders', against which SQL cannot validate"
            )
            assert (error.sqlstate, error.diag.column_name) == ("KR016", "endpoint")
            assert error.diag.message_hint == (
                f"make the job by the API, which validates it: POST /v1/workspaces/{app.slug}/jobs:batch"
            )
    with pytest.raises(psycopg.Error, match=rf"^endpoint: '{name}' names the payload spec 'orders'"):
        app.enqueue(name, {"id": 7})
    assert count(shared, app) == 0
    assert app.enqueue(app.endpoint)


@pytest.mark.parametrize("more", [{}, {"name": "n"}, {"run_at": FUTURE.isoformat()}], ids=["plain", "named", "later"])
def test_an_endpoint_that_is_given_a_payload_spec_meanwhile_takes_nothing_from_sql(
    shared: Connection, app: App, module_database_url: str, more: dict[str, Any]
) -> None:
    spec = value(
        shared,
        "insert into kronos.documents (workspace_id, kind, name) values (%s, 'PAYLOAD_SPEC', 'orders')"
        " returning document_id",
        [app.workspace_id],
    )
    with psycopg.connect(module_database_url) as change, ThreadPoolExecutor(1) as thread:
        change.execute("select from kronos.endpoints where endpoint_id = %s for update", [app.endpoint_id])
        change.execute(
            "update kronos.endpoints set payload_spec_id = %s where endpoint_id = %s", [spec, app.endpoint_id]
        )
        waiting = thread.submit(app.enqueue_many, {"endpoint": app.endpoint} | more)
        await_condition(
            lambda: values(
                shared,
                "select 1 from pg_stat_activity where %s = any (pg_blocking_pids(pid))",
                [change.info.backend_pid],
            ),
            "the call to wait for the endpoint",
        )
        change.commit()
        error = waiting.exception()
    assert isinstance(error, psycopg.Error)
    assert (error.sqlstate, error.diag.column_name, "payload spec" in str(error)) == ("KR016", "endpoint", True)
    assert error.diag.message_hint
    assert count(shared, app) == 0


@pytest.mark.parametrize("more", [{}, {"name": "first"}])
def test_a_job_has_the_priority_that_it_is_enqueued_with(shared: Connection, app: App, more: dict[str, str]) -> None:
    ids = [app.enqueue(app.endpoint, **more, priority=7)]
    other = {"name": "second"} if more else {}
    ids += app.enqueue_many({"endpoint": app.endpoint, "priority": -7} | other, {"endpoint": app.endpoint})
    found = [values(shared, "select priority from kronos.execution_live where job_id = %s", [each]) for each in ids]
    assert found == [[7], [-7], [None]]


@pytest.mark.parametrize("wrong", [11, -11, 1.5, "5"])
def test_a_priority_that_is_none_is_refused(app: App, wrong: object) -> None:
    with pytest.raises(psycopg.Error, match="a priority is a whole number from -10 to 10") as refused:
        app.enqueue_many({"endpoint": app.endpoint, "priority": wrong})
    assert (refused.value.sqlstate, refused.value.diag.column_name) == ("KR025", "priority")
