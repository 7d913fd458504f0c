"""Entries of a real pg_cron are taken over by jobs without losing or doubling a tick, or are left with the reason."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import click
import httpx
import psycopg
import pytest

from clock import Clock
from conftest import url_of
from imports.conftest import Import
from kronos.cli import import_pg_cron
from kronos.cli.client import Client, LostError
from kronos.cli.command import Api
from kronos.cli.import_pg_cron import way_back
from kronos.imports.pg_cron import Entry
from servers import Server
from sql_factory import value, values

OPTIONS = ("--endpoint", "sql", "--to", "https://sql.example.com/run")
_TAKEN = ("import", "pg_cron", *OPTIONS, "--create", "--yes", "--unschedule")
NOON = datetime(2090, 6, 1, 12, 0, 20, tzinfo=UTC)


@pytest.fixture
def other(superuser: psycopg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A database of pg_cron's with other users' entries, where nothing rings, in the middle of a minute."""
    for name in ("_NOW", "_SLEEP"):
        query = getattr(import_pg_cron, name).replace("clock_timestamp()", "kronos.clock()")
        monkeypatch.setattr(import_pg_cron, name, query)
    Clock(superuser).stand(NOON)
    superuser.execute("select cron.schedule('nightly', '0 3 * * *', $$delete from orders where at < now()$$)")
    superuser.execute("select cron.schedule('off', '0 4 * * *', 'select 1')")
    superuser.execute("update cron.job set active = false where jobname = 'off'")
    return {"KRONOS_DATABASE_URL": database_url}


def test_it_waits_for_the_midst_of_a_minute(superuser: psycopg.Connection, other: dict[str, str]) -> None:
    clock = Clock(superuser)
    minute = NOON.replace(second=0)
    assert import_pg_cron._midst(superuser, after_the_present=False) == minute
    clock.stand(minute + timedelta(seconds=9, milliseconds=999))
    assert import_pg_cron._midst(superuser, after_the_present=False) == minute
    clock.set(minute + timedelta(minutes=1, seconds=9, milliseconds=900))
    assert import_pg_cron._midst(superuser, after_the_present=False) == minute + timedelta(minutes=1)


def names(superuser: psycopg.Connection) -> set[Any]:
    return set(values(superuser, "select jobname from cron.job where jobname not like 'kronos:%%'"))


def live(api: httpx.Client, workspace: str) -> set[str]:
    return {row["name"] for row in api.get(f"/v1/workspaces/{workspace}/jobs?status=LIVE").json()["data"]}


def test_entries_are_left_and_not_touched_unless_asked(
    run: Import, superuser: psycopg.Connection, other: dict[str, str]
) -> None:
    before = names(superuser)
    shown = run("import", "pg_cron", env=other)
    assert shown.exit_code == 0, shown.output
    assert "stays in pg_cron" in shown.stdout
    made = run("import", "pg_cron", *OPTIONS, "--create", "--yes", env=other)
    assert "created 2 jobs and 1 endpoint" in made.stderr, made.output
    assert names(superuser) == before


def test_an_entry_goes_as_its_job_comes(
    run: Import, superuser: psycopg.Connection, other: dict[str, str], api: httpx.Client, workspace: str
) -> None:
    made = run(*_TAKEN, env=other)
    assert made.exit_code == 0, made.output
    assert names(superuser) == set()
    jobs = {row["name"]: row for row in api.get(f"/v1/workspaces/{workspace}/jobs?status=LIVE").json()["data"]}
    assert jobs["nightly"]["input"]["sql"] == "delete from orders where at < now()"
    assert jobs["off"]["status"] == "PAUSED"
    assert jobs["nightly"]["starts_at"] == jobs["off"]["starts_at"] == "2090-06-01T12:01:00Z"
    # the way back restores the original entry
    (line,) = (line for line in made.stderr.splitlines() if line.startswith("nightly replaces"))
    superuser.execute(line.partition("to undo: ")[2].encode())
    assert value(superuser, "select command from cron.job where jobname = 'nightly'") == (
        "delete from orders where at < now()"
    )


def test_a_run_that_is_under_way_is_not_cancelled(
    run: Import, superuser: psycopg.Connection, other: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """pg_cron ends the run of an entry that is unscheduled."""
    monkeypatch.setattr(import_pg_cron, "_MINUTES", 1)
    superuser.execute(
        "insert into cron.job_run_details (jobid, runid, status, command, start_time) select jobid, 1, 'running', "
        "command, clock_timestamp() from cron.job where jobname = 'nightly'"
    )
    refused = run(*_TAKEN, env=other)
    assert refused.exit_code == 1
    assert "nightly: a run of the entry is in progress, and would be cancelled" in refused.stderr
    assert names(superuser) == {"nightly"}


def test_a_tick_whose_run_has_not_begun_keeps_its_entry(
    run: Import, superuser: psycopg.Connection, other: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_pg_cron, "_MINUTES", 1)
    superuser.execute("update cron.job set schedule = '* * * * *' where jobname = 'nightly'")
    refused = run(*_TAKEN, env=other)
    assert "has not begun: check pg_cron" in refused.stderr
    assert names(superuser) == {"nightly"}


def test_a_job_that_came_too_late_is_taken_back(
    run: Import,
    superuser: psycopg.Connection,
    other: dict[str, str],
    api: httpx.Client,
    workspace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(import_pg_cron, "_MINUTES", 1)
    monkeypatch.setattr(import_pg_cron, "_LATE", timedelta(seconds=41))
    refused = run(*_TAKEN, env=other)
    assert "the minute was over before the job was created" in refused.stderr
    assert names(superuser) == {"nightly", "off"}
    assert live(api, workspace) == set()


def test_a_job_that_cannot_be_made_leaves_its_entry(
    run: Import, superuser: psycopg.Connection, other: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_pg_cron, "_MINUTES", 1)
    refused = run("import", "pg_cron", "--endpoint", "none", "--create", "--yes", "--unschedule", env=other)
    assert refused.exit_code == 1
    assert "no endpoint 'none'" in refused.stderr
    assert names(superuser) == {"nightly", "off"}


def test_an_entry_stays_where_its_job_would_not_run_as_it_does(
    run: Import,
    superuser: psycopg.Connection,
    other: dict[str, str],
    api: httpx.Client,
    workspace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(import_pg_cron, "_MINUTES", 1)
    run("import", "pg_cron", *OPTIONS, "--create", "--yes", env=other)
    job = f"/v1/workspaces/{workspace}/jobs/nightly"
    assert api.post(f"{job}/pause", json={}).is_success
    refused = run(*_TAKEN, env=other)
    assert "its job exists but is paused" in refused.stderr
    assert "nightly" in names(superuser)
    assert api.post(f"{job}/resume", json={}).is_success
    assert api.patch(job, json={"cron": "0 5 * * *"}).is_success
    refused = run(*_TAKEN, env=other)
    assert "its job exists with a different cron" in refused.stderr
    assert "nightly" in names(superuser)


def test_an_api_that_does_not_answer_leaves_the_entry_and_says_what_may_be(
    run: Import,
    superuser: psycopg.Connection,
    other: dict[str, str],
    api: httpx.Client,
    workspace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call, is_away = Client.call, False

    def answer(client: Client, method: str, path: Sequence[str], **more: Any) -> Any:
        nonlocal is_away
        if path[-1] == "jobs:batch" or is_away:
            if not is_away:
                call(client, method, path, **more)
            is_away = True
            raise LostError("the API went away")
        return call(client, method, path, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Client, "call", answer)
        lost = run(*_TAKEN, env=other)
    assert lost.exit_code != 0
    assert "nightly may exist in addition to jobid" in lost.stderr
    assert names(superuser) == {"nightly", "off"}
    again = run(*_TAKEN, env=other)
    assert again.exit_code == 0, again.output
    assert names(superuser) == set()


def test_an_error_says_how_many_were_replaced_before(
    run: Import,
    superuser: psycopg.Connection,
    other: dict[str, str],
    api: httpx.Client,
    workspace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the API refuses, and a session of pg_cron's database that ends."""
    call, made = Client.call, 0

    def answer(client: Client, method: str, path: Sequence[str], **more: Any) -> Any:
        nonlocal made
        made += path[-1] == "jobs:batch"
        if path[-1] == "jobs:batch" and made == 2:
            raise LostError("the API went away")
        return call(client, method, path, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Client, "call", answer)
        lost = run(*_TAKEN, env=other)
    assert lost.exit_code == 6
    assert (
        "the API went away\n1 of 2 entries was replaced before that. To continue, run the same command again"
    ) in lost.stderr
    assert (names(superuser), live(api, workspace)) == ({"off"}, {"nightly"})

    with monkeypatch.context() as patch:
        patch.setattr(import_pg_cron, "_LAST_RUN", "select pg_terminate_backend(pg_backend_pid())")
        patch.setattr(import_pg_cron, "_SLEEP", "select pg_terminate_backend(pg_backend_pid()), %(until)s")
        ended = run(*_TAKEN, env=other)
    assert ended.exit_code == 6
    assert "Error: pg_cron's database failed: terminating connection" in ended.stderr
    assert "before that" not in ended.stderr, "this command replaced none"
    assert run(*_TAKEN, env=other).exit_code == 0
    assert (names(superuser), live(api, workspace)) == (set(), {"nightly", "off"})


def test_ctrl_c_while_an_entry_is_replaced_leaves_the_entry_and_no_job(
    run: Import,
    superuser: psycopg.Connection,
    other: dict[str, str],
    api: httpx.Client,
    workspace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise both would run."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(import_pg_cron, "_require_early", interrupted)
        stopped = run(*_TAKEN, env=other)
    assert (stopped.exit_code, "0 of 2 entries were replaced" in stopped.stderr) == (130, True), stopped.output
    assert (names(superuser), live(api, workspace)) == ({"nightly", "off"}, set())


def test_a_commit_of_which_nothing_is_known_keeps_the_job_and_says_so(
    run: Import,
    superuser: psycopg.Connection,
    other: dict[str, str],
    api: httpx.Client,
    workspace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If the entry is gone, the job is all that is left of it."""

    def ends(connection: psycopg.Connection, _: datetime) -> None:
        superuser.execute("select pg_terminate_backend(%s, 60000)", [connection.info.backend_pid])

    with monkeypatch.context() as patch:
        patch.setattr(import_pg_cron, "_require_early", ends)
        stopped = run(*_TAKEN, env=other)
    assert stopped.exit_code == 1
    assert "the job nightly exists. Whether jobid" in stopped.stderr
    assert (names(superuser), live(api, workspace)) == ({"nightly", "off"}, {"nightly"})
    assert run(*_TAKEN, env=other).exit_code == 0
    assert (names(superuser), live(api, workspace)) == (set(), {"nightly", "off"})


def test_a_login_that_sees_its_own_entries_alone_is_told(superuser: psycopg.Connection) -> None:
    superuser.execute("create role imports_own in role pg_read_all_settings")
    superuser.execute("grant usage on schema cron to imports_own; grant select on cron.job to imports_own")
    superuser.execute("select cron.schedule('nightly', '0 3 * * *', 'select 1')")
    superuser.execute("set role imports_own")
    source = import_pg_cron.read(superuser, None)
    superuser.execute("reset role; drop owned by imports_own; drop role imports_own")
    assert source.entries == []
    assert "imports_own sees only its own entries" in source.remarks[0].text


def test_the_way_back_quotes_what_it_holds() -> None:
    entry = Entry(
        jobid=7, schedule="* * * * *", command="select 'a'", database="d", username="u", active=False, jobname=None
    )
    assert way_back(entry) == (
        "select cron.schedule_in_database('entry-7', '* * * * *', 'select ''a''', 'd', 'u', false)"
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"postgresql://\xff", "cannot be read: 'utf-8' codec can't decode"),
        (
            b"jdbc:postgresql://db.example/main",
            "the database URL is not valid: write postgresql://USER:PASSWORD@HOST/DATABASE",
        ),
        (b"postgresql://nobody@127.0.0.1:1/main", "nothing listens at 127.0.0.1:1"),
    ],
)
def test_a_database_that_cannot_be_read_is_said_to_be_none(
    run: Import, tmp_path: Path, content: bytes, told: str
) -> None:
    (tmp_path / "url").write_bytes(content)
    ended = run("import", "pg_cron", *OPTIONS, "--database", str(tmp_path / "url"))
    assert (ended.exit_code, told in ended.stderr) == (1, True), ended.stderr


def test_where_pg_cron_is_not_it_says_which_database_to_name(server: Server) -> None:
    with (
        psycopg.connect(url_of(server.superuser_url, "postgres"), autocommit=True) as elsewhere,
        pytest.raises(click.ClickException, match=r"pass the database that cron\.database_name names"),
    ):
        import_pg_cron.read(elsewhere, None)


def test_without_a_log_of_runs_nothing_is_taken_over(
    superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs in progress could not be detected. The connection answers like a PostgreSQL with cron.log_run = off."""
    superuser.execute("select cron.schedule('nightly', '0 3 * * *', 'select 1')")
    off = superuser.execute("select 'off'")
    monkeypatch.setattr(superuser, "execute", lambda _: off)
    with pytest.raises(click.ClickException, match=r"cron\.log_run is off, .* Nothing was changed"):
        import_pg_cron.take_over(cast(Api, None), superuser, [], [])
    monkeypatch.undo()
    assert "nightly" in names(superuser)
