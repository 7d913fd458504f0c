"""Fixtures: commands against the session's API, a server that answers in its place, and `kronos doctor`'s findings."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from cli.answering import Answering, answering
from cli.commands import Kronos
from cli.delivering import Instance, delivering
from cli.examined import Examine, healthy_job
from cli.stranger import Stranger
from conftest import Api, await_condition, cloned
from kronos import doctor
from kronos.__main__ import main
from kronos.doctor.finding import Finding
from servers import Server
from sql_factory import value


@pytest.fixture(autouse=True)
def no_contexts(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's settings folder, without contexts."""
    folder = tmp_path_factory.mktemp("config")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    return folder


@pytest.fixture
def examine(superuser: psycopg.Connection, database_url: str) -> Examine:
    """Return the findings by check, once pg_cron's launcher has reconnected after databases were copied.

    The audit is sealed: the internal job that does it does not run, as pg_cron does not ring in a copy, and rows that
    are ten minutes old when the session is are a finding. Letting all internal jobs run would take ten times as long.
    """
    superuser.execute("select kronos.seal_audit(1000)")
    launcher = (
        "select count(*) from pg_stat_activity where backend_type = 'pg_cron launcher' or application_name = 'pg_cron "
        "scheduler'"
    )
    await_condition(lambda: value(superuser, launcher) > 0, "pg_cron's launcher")

    def found(url: str = database_url, *, fix: bool = False) -> dict[str, Finding]:
        return {
            finding.check: finding for finding in doctor.examine(url, fix=fix, progress=lambda checked, total: None)
        }

    return found


@pytest.fixture
def job_id(superuser: psycopg.Connection) -> Any:
    return healthy_job(superuser)


@pytest.fixture
def kronos(shared_api: Api, workspace: str) -> Kronos:
    """Run a command against the session's API, in the test's workspace."""
    return _commands(str(shared_api.client.base_url), shared_api.key, workspace)


def _commands(url: str, key: str, workspace: str) -> Kronos:
    known = {"KRONOS_URL": url, "KRONOS_API_KEY": key, "KRONOS_WORKSPACE": workspace}

    def run(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(main, list(arguments), env=known, input=stdin, catch_exceptions=False)

    return run


@pytest.fixture(scope="module")
def stranger() -> Iterator[Stranger]:
    """A server that answers where an API should be."""
    made = Stranger()
    yield made
    made.close()


@pytest.fixture(scope="session")
def any_answers() -> Iterator[Answering]:
    with answering() as made:
        yield made


@pytest.fixture
def told(any_answers: Answering) -> Answering:
    """A server that answers as the test says, without an API behind it."""
    any_answers.sent.clear()
    any_answers.answers.clear()
    return any_answers


@pytest.fixture
def tell(told: Answering) -> Kronos:
    """Run a command against that server, in the workspace acme."""
    return _commands(told.url, "kr_live_x", "acme")


@pytest.fixture(scope="module")
def instance(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An API, a worker and a receiver for this file only."""
    with cloned(server, template) as url, delivering(url, tmp_path_factory.mktemp("instance")) as made:
        yield made
