"""kronos.enqueue beside other sessions that take the same name at the same time."""

import threading
import uuid
from collections.abc import Callable

import psycopg
import pytest

from conftest import await_condition
from enqueueing import App, count
from sql_factory import Connection, values


def rival_of(app: App, url: str) -> psycopg.Connection:
    rival = psycopg.connect(url)
    rival.execute(f"set session authorization {app.role}")
    rival.execute("select kronos.enqueue(%s, name => 'nightly')", [app.endpoint])
    return rival


def behind(shared: Connection, rival: psycopg.Connection, call: Callable[[], object]) -> Callable[[], object]:
    """Start the call in a thread. Return a function that gives its result, once the caller has let the rival go."""
    results: list[object] = []

    def run() -> None:
        try:
            results.append(call())
        except psycopg.Error as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    await_condition(
        lambda: values(
            shared,
            "select 1 from pg_stat_activity where %s = any (pg_blocking_pids(pid))",
            [rival.info.backend_pid],
        ),
        "the second to wait for the first",
    )

    def result() -> object:
        thread.join(60)
        return results[0]

    return result


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
def test_a_name_that_another_session_commits_meanwhile_is_taken(
    shared: Connection, app: App, module_database_url: str, isolation: str
) -> None:
    app.connection.execute(f"set default_transaction_isolation = '{isolation}'")
    try:
        with rival_of(app, module_database_url) as rival:
            result = behind(shared, rival, lambda: app.enqueue(app.endpoint, name="nightly", tags=["x"]))
            rival.commit()
            error = result()
    finally:
        app.connection.execute("reset default_transaction_isolation")
    assert isinstance(error, psycopg.Error)
    assert (error.sqlstate, error.diag.column_name) == ("KR022", "name")
    assert str(error).startswith("name: another live job of this workspace has the name nightly")
    assert count(shared, app) == 2  # the rival's job and its execution


def test_a_name_that_another_session_gives_back_is_free(shared: Connection, app: App, module_database_url: str) -> None:
    with rival_of(app, module_database_url) as rival:
        result = behind(shared, rival, lambda: app.enqueue(app.endpoint, name="nightly"))
        rival.rollback()
        made = result()
    assert isinstance(made, uuid.UUID)
    assert values(shared, "select job_id from kronos.jobs where workspace_id = %s", [app.workspace_id]) == [made]


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
def test_one_of_many_names_that_is_taken_meanwhile_is_named(
    shared: Connection, app: App, module_database_url: str, isolation: str
) -> None:
    jobs = [{"endpoint": app.endpoint, "name": name} for name in ("a", "night", "nightly")]
    app.connection.execute(f"set default_transaction_isolation = '{isolation}'")
    try:
        with rival_of(app, module_database_url) as rival:
            result = behind(shared, rival, lambda: app.enqueue_many(*jobs))
            rival.commit()
            error = result()
    finally:
        app.connection.execute("reset default_transaction_isolation")
    assert isinstance(error, psycopg.Error)
    assert error.sqlstate == "KR022"
    assert str(error).startswith("jobs[2].name: another live job of this workspace has the name nightly")
    assert count(shared, app) == 2  # the rival's job and its execution
