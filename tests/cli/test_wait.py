"""kronos wait and kronos job run --wait: the exit code is the executions' result, and nothing runs twice."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import click
import pytest

from cli.delivering import Instance, interrupt
from conftest import await_condition
from kronos.cli import following, wait
from kronos.cli.client import Client, LostError, Told


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch, instance: Instance) -> None:
    monkeypatch.setattr(wait, "_FIRST_LOOK_SECONDS", 0.05)
    instance.release.clear()
    instance.asked.clear()


@pytest.fixture
def held(instance: Instance) -> str:
    """An execution that is being delivered."""
    execution_id = instance.triggered("held")
    await_condition(lambda: instance.status(execution_id) == "RUNNING", "the execution to run")
    return execution_id


def test_a_success_is_0(instance: Instance) -> None:
    ended = instance.run("job", "run", "ok", "--wait")
    assert ended.exit_code == 0, ended.output
    (line,) = ended.stdout.splitlines()
    assert line.startswith("SUCCESS  ")
    assert "is SUCCESS" in ended.stderr


def test_a_failure_is_1_and_says_why_and_what_was_answered(instance: Instance) -> None:
    ended = instance.run("job", "run", "bad", "--wait")
    assert ended.exit_code == 1
    head, why, answer = ended.stdout.splitlines()
    assert head.startswith("FAILED  ")
    assert head.endswith(", 2 attempts")
    assert why == "  the endpoint answered 500, expected 200 to 299 (attempts_exhausted)"
    assert answer == "  attempt 2 got response 500: the disk is full"


def test_an_error_while_waiting_names_the_run_that_was_started(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only this command knows it."""
    called = Client.call

    def lost(self: Client, method: str, path: Any, **more: Any) -> Any:
        if method == "GET" and "executions" in path:
            raise LostError("the API went away")
        return called(self, method, path, **more)

    monkeypatch.setattr(following, "_FIRST_PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(Client, "call", lost)
    stopped = instance.run("job", "run", "ok", "--wait")
    assert stopped.exit_code == 6
    execution_id = re.search(r"To continue waiting: kronos wait (\S+) -w acme", stopped.stderr)
    assert execution_id is not None, stopped.output
    assert "To continue" not in instance.run("wait", execution_id[1]).stderr, "nothing is known of it yet"
    monkeypatch.undo()
    assert instance.run("wait", execution_id[1]).exit_code == 0
    none = instance.run("wait", str(UUID(int=7)))
    assert (none.exit_code, "To continue" in none.stderr) == (3, False)


def test_json_is_the_execution_with_its_last_attempt(instance: Instance) -> None:
    one: Any = json.loads(instance.run("job", "run", "bad", "--wait", "--json").stdout)
    assert (one["status"], one["last_attempt"]["attempt_number"]) == ("FAILED", 2)
    (same,) = json.loads(instance.run("wait", one["execution_id"], "--json").stdout)
    assert same == one


def test_of_several_one_failure_is_1(instance: Instance) -> None:
    good, bad = instance.triggered("ok"), instance.triggered("bad")
    ended = instance.run("wait", good, bad, good)
    assert ended.exit_code == 1
    assert [line.split()[0] for line in ended.stdout.splitlines() if line[0] != " "] == ["SUCCESS", "FAILED"]
    assert instance.run("wait", good).exit_code == 0


def test_time_that_is_over_is_7_and_the_execution_goes_on(instance: Instance, held: str) -> None:
    ended = instance.run("wait", held, "--timeout", "0.1")
    assert ended.exit_code == 7
    assert f"To continue waiting: kronos wait {held} -w acme" in ended.stderr
    instance.release.set()
    assert instance.run("wait", held, "--timeout", "60").exit_code == 0


def test_its_end_is_heard(instance: Instance, held: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No poll happens during the test: an event ends the wait."""
    monkeypatch.setattr(wait, "_FIRST_LOOK_SECONDS", 3_600.0)
    listen = Client.listen

    def released(client: Client, *arguments: Any, **named: Any) -> Iterator[Told]:
        heard = listen(client, *arguments, **named)
        yield next(heard)
        instance.release.set()
        yield from heard

    monkeypatch.setattr(Client, "listen", released)
    assert instance.run("wait", held).exit_code == 0


@pytest.mark.parametrize("error", [click.ClickException("no stream"), LostError("too many listen")])
def test_without_a_stream_it_is_looked_up(
    instance: Instance, held: str, monkeypatch: pytest.MonkeyPatch, error: click.ClickException
) -> None:
    def refused(client: Client, *arguments: Any, **named: Any) -> Iterator[Told]:
        instance.release.set()
        raise error
        yield

    monkeypatch.setattr(Client, "listen", refused)
    assert instance.run("wait", held).exit_code == 0


def test_a_lost_answer_is_asked_for_again_and_runs_nothing_twice(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, keys = Client.call, []

    def lossy(client: Client, method: str, *arguments: Any, **named: Any) -> Any:
        answer = call(client, method, *arguments, **named)
        if method == "POST":
            keys.append(named["headers"]["Idempotency-Key"])
            if len(keys) == 1:
                raise LostError("the connection was cut")
        return answer

    monkeypatch.setattr(Client, "call", lossy)
    ended = instance.run("job", "run", "ok", "--wait")
    assert ended.exit_code == 0, ended.output
    assert "the connection was cut: retrying" in ended.stderr
    assert (len(keys), len(set(keys)), instance.asked) == (2, 1, ["/ok"])


def test_one_key_is_one_run(instance: Instance) -> None:
    said = [instance.run("job", "run", "ok", "--idempotency-key", "deploy 17", "--json").stdout for _ in range(2)]
    assert len({json.loads(each)["execution_id"] for each in said}) == 1
    assert json.loads(instance.run("job", "run", "ok", "--json").stdout)["execution_id"] not in said[0]


def test_what_the_run_is_given_is_sent(instance: Instance) -> None:
    ended = instance.run(
        "job", "run", "ok", "--input", '{"day": 7}', "--priority", "5", "--deadline-seconds", "600", "--json"
    )
    assert json.loads(ended.stdout)["input"] == {"day": 7}
    assert instance.run("job", "run", "ok", "--timeout", "5").exit_code == 2


def test_no_such_execution_and_no_api_are_sentences(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = instance.run("wait", "019a3c1e-7c1b-7c52-9a51-3f0f2f1e9a10")
    assert (missing.exit_code != 0, "no execution" in missing.stderr) == (True, True)
    monkeypatch.setattr(following, "_FIRST_PATIENCE_SECONDS", 0.0)
    away = instance.run("wait", "019a3c1e-7c1b-7c52-9a51-3f0f2f1e9a10", "--url", "http://127.0.0.1:1")
    assert (away.exit_code != 0, "cannot be reached" in away.stderr) == (True, True)


def test_ctrl_c_leaves_it_running(instance: Instance, held: str) -> None:
    environment = {**os.environ, **instance.known}
    with subprocess.Popen(
        [sys.executable, "-m", "kronos", "wait", held], env=environment, stderr=subprocess.PIPE, text=True
    ) as waiting:
        assert waiting.stderr is not None
        assert waiting.stderr.readline() == f"{held} is RUNNING\n"
        waiting.send_signal(signal.SIGINT)
        said = waiting.stderr.read()
    assert (waiting.returncode, f"kronos wait {held} -w acme" in said) == (130, True)
    assert instance.status(held) == "RUNNING"
    instance.release.set()
    assert instance.run("wait", held).exit_code == 0


def test_ctrl_c_before_it_is_known_that_it_runs(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    execution_id = instance.triggered("ok")
    monkeypatch.setattr(wait._Awaited, "look", interrupt)
    ended = instance.run("wait", execution_id)
    assert (ended.exit_code, f"kronos wait {execution_id}" in ended.stderr) == (130, True)


def test_rows_for_programs(instance: Instance) -> None:
    good, bad = instance.triggered("ok"), instance.triggered("bad")
    rows = [line.split("\t") for line in instance.run("wait", good, bad, "--plain").stdout.splitlines()]
    assert [row[:2] for row in rows] == [[good, "SUCCESS"], [bad, "FAILED"]]


def test_an_api_that_says_nothing_is_not_waited_for_longer_than_that(instance: Instance) -> None:
    """The first request would take 30 s, and a retry another minute."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        ended = instance.run("wait", "019a3c1e-7c1b-7c52-9a51-3f0f2f1e9a10", "--timeout", "0.1", "--url", url)
    assert (ended.exit_code, "within 3 s" in ended.stderr) == (7, True)


def test_a_time_that_is_no_number_is_refused(instance: Instance) -> None:
    assert instance.run("wait", "019a3c1e-7c1b-7c52-9a51-3f0f2f1e9a10", "--timeout", "nan").exit_code == 2
