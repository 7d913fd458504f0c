"""Exit codes: each class of them, reached as a user reaches it."""

import json
import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator

import httpx
import pytest
from click.testing import CliRunner

from cli.commands import Kronos
from cli.stranger import Stranger
from conftest import Api
from kronos.__main__ import main
from kronos.cli import client
from kronos.cli.exits import Ended, Exit

KNOWN = {"KRONOS_API_KEY": "k", "KRONOS_WORKSPACE": "w"}


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_what_is_done_is_0(kronos: Kronos) -> None:
    assert kronos("config", "put", "team", "{}").exit_code == Exit.DONE


def test_what_went_wrong_is_1(kronos: Kronos) -> None:
    kronos("endpoint", "create", "hook", "--to", "http://127.0.0.1:1/", "--timeout-ms", "100")  # for which it waits
    assert kronos("endpoint", "test", "hook").exit_code == Exit.FAILED


@pytest.mark.parametrize(
    "typed",
    [
        ("job", "ls", "--limit", "0"),
        ("job", "ls", "--json", "--plain"),
        ("job", "create", "report", "--endpoint", "hook", "--cron", "99 * * * *"),
        ("job", "rm", "report"),
        ("context", "use"),
        ("job", "ls", "--context", "../../etc/passwd"),
    ],
    ids=" ".join,
)
def test_what_was_typed_wrong_is_2(kronos: Kronos, typed: tuple[str, ...]) -> None:
    assert kronos(*typed).exit_code == Exit.USAGE


def test_a_name_that_nothing_has_is_3(kronos: Kronos) -> None:
    made = ("job", "create", "report", "--endpoint", "nobody", "--now")
    for typed in (("job", "get", "nobody"), ("endpoint", "get", "nobody"), ("job", "ls", "-w", "nowhere"), made):
        assert kronos(*typed).exit_code == Exit.NOT_FOUND


def test_a_key_that_may_not_is_4(kronos: Kronos, shared_api: Api, workspace: str) -> None:
    viewer = json.loads(kronos("key", "create", "--role", "viewer", "--json").stdout)["key"]
    env = {"KRONOS_URL": str(shared_api.client.base_url), "KRONOS_WORKSPACE": workspace}
    for key in (viewer, "kr_live_none_" + "x" * 43):
        refused = CliRunner().invoke(main, ["config", "put", "team", "{}"], env=env | {"KRONOS_API_KEY": key})
        assert refused.exit_code == Exit.REFUSED
        assert key not in refused.output


def test_what_stands_against_it_is_5(kronos: Kronos) -> None:
    kronos("config", "create", "team", "{}")
    assert kronos("config", "create", "team", "{}").exit_code == Exit.CONFLICT
    kronos("endpoint", "create", "hook", "--to", "http://127.0.0.1:1/", "--config", "team")
    assert kronos("config", "rm", "team", "--yes").exit_code == Exit.CONFLICT


def test_who_cannot_be_reached_or_has_no_room_is_6(stranger: Stranger) -> None:
    nobody = CliRunner().invoke(main, ["job", "ls"], env=KNOWN | {"KRONOS_URL": "http://127.0.0.1:1"})
    assert nobody.exit_code == Exit.UNAVAILABLE
    for status, body in ((503, b'{"code": "database_unavailable", "detail": "x"}'), (502, b"<html>"), (429, b"{}")):
        stranger.answers(status, body)
        found = CliRunner().invoke(main, ["job", "ls"], env=KNOWN | {"KRONOS_URL": stranger.url})
        assert found.exit_code == Exit.UNAVAILABLE, status


def test_who_does_not_answer_in_time_is_7(silent: str) -> None:
    impatient = client.Client(url=silent, key="k", timeout_seconds=0.05)
    with pytest.raises(client.LostError, match=r"no response within 0\.05 s") as lost:
        impatient.call("GET", ("v1", "workspaces"))
    assert lost.value.exit_code == Exit.TIMED_OUT


@pytest.mark.parametrize("raised", [KeyboardInterrupt, EOFError])
def test_what_is_left_by_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch, raised: type[BaseException]) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(client.Client, "call", interrupted)
    left = CliRunner().invoke(main, ["job", "ls"], env=KNOWN | {"KRONOS_URL": "http://127.0.0.1:1"})
    assert (left.exit_code, left.stderr.splitlines()[-1]) == (Exit.CANCELLED, "Cancelled.")


def test_another_servers_404_does_not_say_that_there_is_none(stranger: Stranger) -> None:
    for body in (b"<html>", b"{}", b'{"detail": "Not Found"}'):
        stranger.answers(404, body)
        found = CliRunner().invoke(main, ["job", "get", "report"], env=KNOWN | {"KRONOS_URL": stranger.url})
        assert found.exit_code == Exit.FAILED


def test_a_shell_sees_the_number(shared_api: Api, workspace: str) -> None:
    known = {**os.environ, "KRONOS_URL": str(shared_api.client.base_url), "KRONOS_API_KEY": shared_api.key}
    asked = [sys.executable, "-m", "kronos", "job", "get", f"no-{uuid.uuid4().hex}", "-w", workspace]
    assert subprocess.run(asked, env=known, stderr=subprocess.DEVNULL, check=False).returncode == Exit.NOT_FOUND


def test_the_hint_of_the_api_is_shown_for_a_name_that_is_none(kronos: Kronos, shared_api: Api, workspace: str) -> None:
    answer = httpx.get(
        f"{shared_api.client.base_url}/v1/workspaces/{workspace}/jobs/nobody",
        headers={"Authorization": f"Bearer {shared_api.key}"},
        timeout=60,
    )
    assert answer.json()["detail"] in kronos("job", "get", "nobody").stderr


@pytest.mark.parametrize(
    "typed",
    [
        ("job", "ls", "--key-file", "{key}"),
        ("context", "add", "staging", "--url", "https://k.example.com", "--key-file", "{key}"),
        ("job", "create", "report", "--endpoint", "hook", "--now", "--input", '{"key": "{key}"}'),
        ("key", "get", "{key}"),
        ("psql", "-c", "select '{key}'"),
    ],
    ids=lambda typed: " ".join(typed[:2]),
)
def test_a_key_on_the_command_line_is_refused_and_not_shown(typed: tuple[str, ...]) -> None:
    secret = "s" * 43
    words = [each.replace("{key}", f"kr_live_0123456789ab_{secret}") for each in typed]
    refused = CliRunner().invoke(main, words, env=KNOWN | {"KRONOS_URL": "http://127.0.0.1:1"})
    assert refused.exit_code == Exit.USAGE
    assert "kr_live_0123456789ab_***" in refused.stderr
    assert secret not in refused.output


def test_no_error_shows_a_key() -> None:
    assert Ended("no file kr_live_ab_" + "s" * 43).message == "no file kr_live_ab_***"
