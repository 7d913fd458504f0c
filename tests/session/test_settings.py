"""Whatever a database or a role sets for its sessions, ours behave as they must and give the same answers, or are not
used."""

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

import forked
from clock import Clock
from conftest import cloned, make_workspace, running_api, url_of
from factory import add_endpoint, add_executions
from kronos import database, errors, migrations, session
from kronos.cli.exits import Exit
from kronos.pool import Pool, api_session
from kronos.worker import claims
from kronos.worker.link import Link, Outage, worker_session
from servers import Server
from sql_factory import Connection, make_cron_job, records, value

# Settings that a DBA may choose for a database because of another application.
_ODD = {
    "client_encoding": "'LATIN1'",
    "DateStyle": "'SQL, DMY'",
    "IntervalStyle": "'sql_standard'",
    "TimeZone": "'Asia/Kolkata'",
    "timezone_abbreviations": "'India'",
    "standard_conforming_strings": "off",
    "backslash_quote": "off",
    "bytea_output": "'escape'",
    "xmlbinary": "'hex'",
    "extra_float_digits": "-15",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "search_path": "nowhere",
    "row_security": "off",
    "default_transaction_isolation": "'serializable'",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "exit_on_error": "on",
    "idle_session_timeout": "'1s'",
    "jit": "on",
    "lock_timeout": "'1ms'",
    "statement_timeout": "'3s'",
    "idle_in_transaction_session_timeout": "'1s'",
    "enable_hashjoin": "on",
}


def make_odd(url: str) -> None:
    name = conninfo_to_dict(url)["dbname"]
    with psycopg.connect(url, autocommit=True) as connection:
        for setting, odd in _ODD.items():
            connection.execute(f"alter database {name} set {setting} = {odd}")


@pytest.fixture(scope="module")
def odd_url(server: Server, template: str) -> Iterator[str]:
    """A migrated database with every setting changed, and migrated again with them."""
    with cloned(server, template) as url:
        make_odd(url)
        migrations.migrate(url)
        yield url


@pytest.fixture(scope="module")
def plain_url(server: Server, template: str) -> Iterator[str]:
    with cloned(server, template) as url:
        yield url


def patient(url: str) -> Connection:
    """The test's own connection to a database with changed settings."""
    return session.connect(url, session.wanted(None))


@pytest.mark.parametrize(
    "asked",
    [api_session(), worker_session(timedelta(seconds=30)), session.wanted(None)],
    ids=["api", "worker", "administrator"],
)
def test_a_session_is_as_it_was_asked_for_whatever_its_database_says(odd_url: str, asked: session.SessionTerms) -> None:
    with psycopg.connect(odd_url) as untouched:
        before = {name: value(untouched, "select current_setting(%s)", [name]) for name in _ODD}
    assert before["DateStyle"] == "SQL, DMY"
    with session.connect(odd_url, asked) as connection:
        assert value(connection, "select current_user::text") == (asked.role or "postgres")
        found = {name: value(connection, "select current_setting(%s, true)", [name]) for name in asked.settings}
    assert {name for name, shown in found.items() if shown is None} <= {"transaction_timeout"}, (
        "which PostgreSQL knows from 17 on"
    )
    assert {name: shown for name, shown in found.items() if shown is not None and shown != asked.settings[name]} == {}
    assert [name for name in _ODD if name in asked.settings and before[name] == found[name]] == [
        name for name in ("jit",) if before[name] == "off"
    ]


_PREVIEWS: list[dict[str, Any]] = [
    {"cron": "30 2 * * *", "timezone": "Europe/Berlin", "after": "2026-03-28T00:00:00Z", "count": 5},
    {"cron": "0 9-17/2 * * mon#2,fri", "timezone": "America/New_York", "after": "2026-10-30T00:00:00Z", "count": 8},
    {"cron": "15 0 L * *", "timezone": "Asia/Kolkata", "after": "2026-02-01T00:00:00Z", "count": 3},
    {"cron": "*/7 1-3 29 2 *", "timezone": "UTC", "after": "2026-02-01T00:00:00Z", "count": 3},
    {
        "every": "90m",
        "anchor": "2026-01-01T00:10:00Z",
        "timezone": "Australia/Lord_Howe",
        "after": "2026-04-04T00:00:00Z",
        "count": 4,
    },
    {"cron": "61 * * * *", "timezone": "UTC"},
    {"cron": "0 0 * * *", "timezone": "IST"},
    {"every": "90s", "timezone": "UTC"},
    {"every": "5m", "anchor": "2026-01-01T00:00:30Z", "timezone": "UTC"},
]


def api_answers(url: str, directory: Path) -> list[str]:
    with running_api(url, directory) as api:
        answers: list[object] = []
        for body in _PREVIEWS:
            told = api.client.post("/v1/schedules/preview", json=body)
            answers.append(
                (told.status_code, {name: each for name, each in told.json().items() if name != "request_id"})
            )
        workspace = make_workspace(api.client)
        base = f"/v1/workspaces/{workspace}"
        cron = api.client.post(
            f"{base}/jobs",
            json={
                "endpoint": "sink",
                "trigger": "CRON",
                "cron": "30 2 * * *",
                "timezone": "Europe/Berlin",
                "input": {"ü": [None, 1.5, "\\d"]},
            },
        )
        delayed = api.client.post(
            f"{base}/jobs",
            json={"endpoint": "sink", "trigger": "DELAYED", "run_at": "2030-01-02T03:04:05.678901Z", "input": {}},
        )
        assert (cron.status_code, delayed.status_code) == (201, 201), (cron.text, delayed.text)
        job = f"{base}/jobs/{cron.json()['job_id']}"
        answers += [cron.json(), delayed.json()]
        answers.append(api.client.get(job).json())
        answers.append(api.client.get(f"{job}/explain", params={"at": "2026-10-25T01:30:00Z"}).json())
        answers.append(api.client.get(f"{job}/status").json())
        patched = api.client.patch(job, json={"ends_at": "2031-01-01T00:00:00Z"})
        answers.append(patched.json())
        paused = api.client.post(
            f"{base}/jobs/{patched.json()['job_id']}/pause", json={"note": "x", "until": "2031-01-01T00:00:00Z"}
        )
        assert (patched.status_code, paused.status_code) == (200, 200), (patched.text, paused.text)
        answers.append(paused.json())
    return [shape_of(answer) for answer in answers]


def shape_of(answer: object) -> str:
    """The answer without the parts that differ between any two instances: ids, the current time, entry numbers."""
    text = re.sub(
        r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{32}\b|\b(w-)?[0-9a-f]{12}\b", "ID", repr(answer)
    )
    text = re.sub(r"'(jobid|duration_ms|silent_seconds|pg_cron_silent_seconds)': [0-9.]+|(?<=entry )\d+", r"\1 N", text)
    return re.sub(r"20(26-1[12]|27-0[1-3])-\d\dT[0-9:.]+(Z|\+00:00)", r"NOW\2", text)


def test_the_api_answers_the_same(odd_url: str, plain_url: str, tmp_path: Path) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "plain").mkdir()
    for odd, plain in zip(
        api_answers(odd_url, tmp_path / "odd"), api_answers(plain_url, tmp_path / "plain"), strict=True
    ):
        assert re.split(r"(?<=[,}])", odd) == re.split(r"(?<=[,}])", plain)


async def test_a_worker_claims_and_reads_the_same(odd_url: str, plain_url: str) -> None:
    taken = []
    for url in (odd_url, plain_url):
        with patient(url) as superuser:
            endpoint = add_endpoint(superuser, spec={"body_template": "ü \\d {{input}}"})
            (execution_id,) = add_executions(superuser, endpoint, input={"at": None, "ü": "\\x00"})
        link = Link(url, "test", Outage())
        try:
            connection = await link.connected()
            cursor = await connection.execute(
                "select input::text, timeout_ms, (visible_at = run_at)::text, visible_at::text ~ '^20[0-9-]+ "
                "[0-9:.]+\\+00$'"
                "  from kronos.execution_live where execution_id = %s",
                [execution_id],
            )
            taken.append(await cursor.fetchone())
            (rung,) = await link.rows(claims._UPKEEP, {"limit": 10, "all_leases": True})
            assert rung.requeued == 0
        finally:
            await link.close()
    assert taken[0] == taken[1]


def fired(server: Server, url: str) -> list[object]:
    """The result of firing a job that was not rung for a while, rung as pg_cron's own role by a login of its own."""
    with patient(url) as superuser:
        endpoint = add_endpoint(superuser)
        since = datetime(2026, 1, 1, 12, tzinfo=UTC)
        Clock(superuser).stand(since + timedelta(minutes=10, seconds=20))  # lateness depends on the second
        job_id = make_cron_job(
            superuser,
            endpoint,
            next_tick_at=since,
            ticks_from=since - timedelta(minutes=1),
            skip_next=1,
            catch_up_policy="LATEST",
        )
        ended = make_cron_job(
            superuser,
            endpoint,
            next_tick_at=since,
            ticks_from=since - timedelta(minutes=1),
            ends_at=since + timedelta(minutes=5),
        )
        superuser.execute("alter role kronos_cron password 'test-only'")
        try:
            with psycopg.connect(
                make_conninfo(url, user="kronos_cron", password="test-only"), autocommit=True
            ) as ringing:
                for each in (job_id, ended):
                    value(ringing, "select kronos.fire(%s)", [each])
        finally:
            superuser.execute("alter role kronos_cron password null")
        rows = records(
            superuser,
            "select status, cause, tick_count, status_reason::text as reason, scheduled_at - %s as after from "
            "kronos.executions"
            " where job_id = any (%s) order by scheduled_at, status, cause, tick_count",
            [since, [job_id, ended]],
        )
        superuser.execute("select kronos.end_jobs(kronos.clock())")
        rows += records(
            superuser,
            "select status, status_reason ->> 'code' as code from kronos.jobs where job_id = any (%s) order by 1",
            [[job_id, ended]],
        )
        reason = "".join(str(row.get("reason")) for row in rows)
    assert "+00:00" in reason or "Z" in reason
    assert "+05:30" not in reason
    return [re.sub(r"20\d\d-\d\d-\d\dT[0-9:.]+", "AT", repr(row)) for row in rows]


def test_firing_as_pg_crons_role_makes_the_same(server: Server, odd_url: str, plain_url: str) -> None:
    assert fired(server, odd_url) == fired(server, plain_url)


def test_functions_do_not_depend_on_their_callers_zone_and_styles(odd_url: str) -> None:
    """By hand, in psql: with settings that a driver of ours would have changed."""
    berlin = "kronos.read_schedule('30 2 * * *', null, null, 'Europe/Berlin', 'SHIFT', 'FIRST')"
    kolkata = "kronos.read_schedule(null, '90m', '2026-01-01T00:10:00Z', 'Asia/Kolkata', 'SHIFT', 'FIRST')"
    asked = f"""
        select kronos.iso('2026-01-02 03:04:05.5Z'), kronos.uuid7_floor('2026-01-02T00:00:00Z'),
               kronos.iso(kronos.next_tick({berlin}, '2026-03-28T12:00:00Z')),
               (kronos.upcoming_runs({berlin}, '2026-03-28T12:00:00Z', null, 0, 2)).next_runs,
               kronos.lint_schedule('30 2 * * *', {berlin}, '2026-03-28T00:00:00Z', null),
               kronos.describe_schedule({kolkata}),
               kronos.read_instant({berlin}, '30 2 * * *', '2026-03-29T01:00:00Z'),
               kronos.iso(kronos.tick_near({berlin}, '2026-03-29T01:00:00Z'))
    """
    answers = []
    for settings in (
        {},
        {"TimeZone": "Africa/Monrovia", "DateStyle": "SQL, DMY", "IntervalStyle": "iso_8601"},
        {"TimeZone": "Asia/Kolkata", "DateStyle": "German"},
    ):
        with session.connect(odd_url, session.wanted(None)) as connection:
            for name, odd in settings.items():
                connection.execute("select set_config(%s, %s, false)", [name, odd])
            answers.append(connection.execute(asked).fetchall())
    assert answers[1] == answers[0]
    assert answers[2] == answers[0]


# ── refused
# ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def login(superuser: Connection, database_url: str) -> Iterator[str]:
    """The URL of a login for this test that is a member of no role."""
    name = f"login_{uuid.uuid4().hex[:8]}"
    superuser.execute(f"create role {name} login password 'test-only'")
    yield make_conninfo(database_url, user=name, password="test-only")
    superuser.execute(f"drop owned by {name}")
    superuser.execute(f"drop role {name}")


def test_a_login_that_may_not_become_the_role_is_named_with_what_to_grant(login: str) -> None:
    name = conninfo_to_dict(login)["user"]
    with pytest.raises(
        errors.SessionRefused, match=f"user {name} may not act as kronos_api: .* grant kronos_api to {name}"
    ):
        session.connect(login, api_session())


def test_a_member_acts_as_the_role(superuser: Connection, login: str) -> None:
    superuser.execute(f"grant kronos_worker to {conninfo_to_dict(login)['user']}")
    with session.connect(login, worker_session(timedelta(seconds=5))) as connection:
        assert value(connection, "select current_user::text") == "kronos_worker"


def test_a_database_in_which_no_trigger_holds_is_refused(superuser: Connection, database_url: str) -> None:
    name = conninfo_to_dict(database_url)["dbname"]
    superuser.execute(f"alter database {name} set session_replication_role = replica")
    with pytest.raises(
        errors.SessionRefused,
        match=r"session_replication_role is replica .* alter database .* reset session_replication_role",
    ):
        session.connect(database_url, api_session())
    with pytest.raises(errors.SessionRefused, match="session_replication_role"):
        migrations.migrate(database_url)


def test_a_database_of_another_encoding_is_refused(server: Server) -> None:
    name = f"latin_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server.superuser_url, autocommit=True) as connection:
        connection.execute(f"create database {name} encoding 'LATIN1' locale 'C' template template0")
        try:
            with pytest.raises(errors.SessionRefused, match="is encoded in LATIN1"):
                session.connect(url_of(server.superuser_url, name), session.wanted(None))
        finally:
            connection.execute(f"drop database {name} with (force)")


def test_a_role_past_row_level_security_is_refused(superuser: Connection, database_url: str) -> None:
    superuser.execute("alter role kronos_worker bypassrls")
    try:
        with pytest.raises(
            errors.SessionRefused,
            match=r"^kronos_worker bypasses row level security.*: alter role kronos_worker nosuperuser nobypassrls$",
        ):
            session.connect(database_url, worker_session(timedelta(seconds=5)))
    finally:
        superuser.execute("alter role kronos_worker nobypassrls")


async def test_a_request_is_answered_with_why_there_is_no_connection(login: str) -> None:
    async with Pool(login, size=1) as pool:
        with pytest.raises(errors.DatabaseUnavailable, match="may not act as kronos_api"):
            await database.WorkspaceView(pool, "any").enter()


async def test_a_request_hears_that_no_connection_can_be_made_and_not_that_none_is_free(login: str) -> None:
    async with Pool(make_conninfo(login, password="of yesterday"), size=1) as pool:
        with pytest.raises(
            errors.DatabaseUnavailable, match=r"does not accept the password of Kronos.s login"
        ) as caught:
            await database.WorkspaceView(pool, "any").enter()
    assert str(conninfo_to_dict(login)["user"]) not in str(caught.value)


async def test_a_request_hears_that_none_is_free(superuser: Connection, login: str) -> None:
    superuser.execute(f"grant kronos_api to {conninfo_to_dict(login)['user']}")
    async with Pool(login, size=1) as pool, pool.connection():
        with pytest.raises(errors.DatabaseUnavailable, match="became free in time"):
            await database.WorkspaceView(pool, "any").enter()


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_process_does_not_start_as_somebody_else(login: str, command: str) -> None:
    ended = forked.run(command, {"KRONOS_DATABASE_URL": login, "KRONOS_PORT": "0", "PATH": "/usr/bin:/bin"})
    assert ended.returncode == Exit.REFUSED
    assert re.search(r"Error: user login_\w+ may not act as kronos_", ended.stderr), ended.stderr


def test_no_statement_of_ours_leaves_the_role() -> None:
    """A superuser's login keeps the role: text from a caller is never part of a statement, and no statement resets
    it."""
    from kronos import sql

    text = "\n".join(sql.texts().values()).lower()
    assert re.findall(r"\breset\b|set\s+role|session authorization", text) == []
