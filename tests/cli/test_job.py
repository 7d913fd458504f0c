"""kronos job explain: the API's answer for people and for scripts, and where the command finds the API and its key."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from cli.commands import Kronos
from cli.stranger import Stranger
from conftest import Api
from kronos.__main__ import main
from kronos.embedded.home import Home, HomeLock

Explain = Callable[..., Result]


@contextmanager
def running_home(home: Path, url: str, key_file: Path) -> Iterator[None]:
    """A home in which this process is the running `kronos up`."""
    home.mkdir()
    told = {"url": url, "admin_key_file": str(key_file), "database_url": "postgresql://", "pid": os.getpid()}
    (home / "run.json").write_text(json.dumps(told))
    with HomeLock(Home(home), url):
        yield


@pytest.fixture
def explain(shared_api: Api, tmp_path: Path) -> Explain:
    """Run the command without a running `kronos up`; `env` replaces the API's address and key."""

    def run(*arguments: str, env: dict[str, str] | None = None) -> Result:
        known = {"KRONOS_URL": str(shared_api.client.base_url), "KRONOS_API_KEY": shared_api.key}
        given = {
            "KRONOS_URL": None,
            "KRONOS_API_KEY": None,
            "XDG_DATA_HOME": str(tmp_path),
            **(known if env is None else env),
        }
        return CliRunner().invoke(main, ["job", "explain", *arguments], env=given, catch_exceptions=False)

    return run


@pytest.fixture
def job_id(api: httpx.Client, workspace: str) -> str:
    body = {
        "endpoint": "sink",
        "trigger": "CRON",
        "cron": "0 9 * * 1",
        "name": "report",
        "title": "Weekly report, Mondays",
    }
    found: str = api.post(f"/v1/workspaces/{workspace}/jobs", json=body).json()["job_id"]
    return found


def test_the_decision_comes_first_and_then_each_step(explain: Explain, workspace: str, job_id: str) -> None:
    told = explain("report", "--workspace", workspace, "--at", "2099-01-06T09:00:00Z")
    assert told.exit_code == 0
    lines = told.stdout.splitlines()
    assert lines[0].startswith(
        "NOT_DUE  No tick at 2099-01-06T09:00:00+00:00 (UTC, a Tuesday): weekday Tuesday does not match '1'."
    )
    assert lines[1] == "code no_tick_at_this_minute, at 2099-01-06T09:00:00Z"
    assert lines[2] == "job Weekly report, Mondays (report)"
    assert any(line.startswith("  - schedule") for line in lines)
    assert any(line.startswith("  + version") for line in lines)


def test_json_is_the_answer_of_the_api(explain: Explain, api: httpx.Client, workspace: str, job_id: str) -> None:
    told = explain(job_id, "-w", workspace, "--at", "2099-01-05T09:00:00Z", "--json")
    answer = json.loads(told.stdout)
    assert (answer["decision"], answer["code"], answer["tick"]) == ("WILL_RUN", "in_the_future", "2099-01-05T09:00:00Z")
    over_http = api.get(
        f"/v1/workspaces/{workspace}/jobs/{job_id}/explain", params={"at": "2099-01-05T09:00:00Z"}
    ).json()
    assert set(answer) == set(over_http)


def test_what_is_not_there_or_wrong_is_said_in_the_apis_words(explain: Explain, workspace: str, job_id: str) -> None:
    absent = explain("nothing", "-w", workspace)
    assert (absent.exit_code, "no job 'nothing'" in absent.stderr) == (3, True)
    wrong = explain(job_id, "-w", workspace, "--at", "yesterday")
    assert (wrong.exit_code, "hint: Write 2026-12-01T09:00:00Z, or" in wrong.stderr) == (2, True)
    refused = explain(job_id, "-w", workspace, "--key-file", __file__)
    assert (refused.exit_code, "is not a key: a key is one word" in refused.stderr) == (2, True)


def test_it_finds_the_api_that_runs_here(
    explain: Explain, shared_api: Api, tmp_path: Path, workspace: str, job_id: str
) -> None:
    key_file = tmp_path / "admin.key"
    key_file.write_text(shared_api.key + "\n")
    with running_home(tmp_path / "kronos", str(shared_api.client.base_url), key_file):
        assert explain("report", "-w", workspace, env={}).exit_code == 0
    by_options = explain(
        "report", "-w", workspace, "--url", str(shared_api.client.base_url), "--key-file", str(key_file), env={}
    )
    assert by_options.exit_code == 0


def test_the_key_goes_to_nobody_who_took_the_port_of_one_that_was_killed(
    explain: Explain, tmp_path: Path, stranger: Stranger
) -> None:
    """run.json still exists, but the lock, if it is held at all, is held by another process."""
    key_file = tmp_path / "admin.key"
    key_file.write_text("kr_live_0123456789ab_" + "s" * 43 + "\n")
    home = tmp_path / "kronos"
    with running_home(home, stranger.url, key_file):
        assert "Bearer kr_live_" in stranger.asked_by(lambda: explain("j", "-w", "w", env={}))
    for _ in ("nobody holds the lock", "the next one is starting"):
        answer: list[Result] = []
        assert stranger.asked_by(lambda: answer.append(explain("j", "-w", "w", env={}))) == ""  # noqa: B023 - called at once
        assert (answer[0].exit_code, "no API is configured" in answer[0].stderr) == (2, True)
        run_json = json.loads((home / "run.json").read_text())
        (home / "run.json").write_text(json.dumps(run_json | {"pid": 1}))
        with HomeLock(Home(home), stranger.url):
            assert stranger.asked_by(lambda: explain("j", "-w", "w", env={})) == ""


@pytest.mark.parametrize(
    "answered",
    [b"{}", b"[]", b"null", b'"decision"', b"[" * 100_000, b"\xff", b"", b'{"decision": "RAN"}'],
    ids=lambda body: repr(body[:12]),
)
@pytest.mark.parametrize("status", [200, 302, 404])
def test_an_answer_that_is_not_kronos_is_a_sentence(
    explain: Explain, stranger: Stranger, answered: bytes, status: int
) -> None:
    stranger.answers(status, answered)
    result = explain("j", "-w", "w", env={"KRONOS_URL": stranger.url, "KRONOS_API_KEY": "k"})
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    if status != 404 or not answered.startswith(b"{"):
        assert "check that it is Kronos" in result.stderr


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({}, "no API is configured"),
        ({"KRONOS_URL": "http://127.0.0.1:1"}, "no API key is configured"),
        ({"KRONOS_URL": "http://127.0.0.1:1", "KRONOS_API_KEY": "k"}, "cannot be reached"),
        ({"KRONOS_URL": "127.0.0.1:8080", "KRONOS_API_KEY": "k"}, "is not an address of an API"),
        ({"KRONOS_URL": "http://127.0.0.1:notaport", "KRONOS_API_KEY": "k"}, "is not an address of an API"),
    ],
)
def test_without_an_api_it_says_what_is_missing(explain: Explain, env: dict[str, str], told: str) -> None:
    result = explain("report", "-w", "acme", env=env)
    assert (result.exit_code, told in result.stderr) == (6 if "reached" in told else 2, True)


def test_a_list_says_when_a_one_shot_runs_and_nothing_of_one_that_is_over(kronos: Kronos) -> None:
    for name in ("later", "over"):
        made = kronos("job", "create", name, "--endpoint", "sink", "--at", "2098-01-02T03:04:05Z")
        assert made.exit_code == 0, made.output
    assert kronos("job", "rm", "over", "--yes").exit_code == 0
    rows = [line.split("\t") for line in kronos("job", "ls", "--plain").stdout.splitlines()]
    assert {row[0]: row[5] for row in rows} == {"later": "2098-01-02T03:04:05Z", "over": ""}
    raw = json.loads(kronos("job", "ls", "--json").stdout)
    assert {row["run_at"] for row in raw} == {"2098-01-02T03:04:05Z"}
