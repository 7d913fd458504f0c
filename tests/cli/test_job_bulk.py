"""kronos job bulk: many jobs by name or by filter, counted, rejected one by one, and interruptible at any step."""

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest

from cli.commands import Kronos
from job_operations import work_off
from kronos.cli import job_bulk
from kronos.cli.client import Client, LostError
from kronos.model import JsonObject


@pytest.fixture(autouse=True)
def jobs(api: httpx.Client, workspace: str) -> list[str]:
    names = [f"report-{number}" for number in range(5)]
    for name in names:
        body = {"name": name, "endpoint": "sink", "trigger": "CRON", "cron": "0 9 * * 1", "tags": ["reports"]}
        assert api.post(f"/v1/workspaces/{workspace}/jobs", json=body).status_code == 201
    return names


def states(kronos: Kronos) -> set[str]:
    return {row["status"] for row in json.loads(kronos("job", "ls", "--json").stdout)}


Bulk = Callable[..., JsonObject]


@pytest.fixture
def bulk(kronos: Kronos, shared_superuser: psycopg.Connection) -> Bulk:
    """Run a bulk operation over a filter to its end, and return it."""

    def run(*arguments: str) -> JsonObject:
        begun = kronos("job", "bulk", *arguments, "--json")
        assert begun.exit_code == 0, begun.output
        operation_id = json.loads(begun.stdout)["operation_id"]

        def look() -> JsonObject:
            found: JsonObject = json.loads(kronos("operation", "get", operation_id, "--json").stdout)
            return found

        work_off(shared_superuser, lambda: look()["status"] != "RUNNING")
        return look()

    return run


def test_a_filter_is_counted_and_then_done_with_its_note(kronos: Kronos, bulk: Bulk) -> None:
    counted = kronos("job", "bulk", "pause", "--tag", "reports", "--dry-run")
    assert (counted.exit_code, counted.stdout) == (0, "5 jobs would be paused\n")
    assert states(kronos) == {"ACTIVE"}
    done = bulk("pause", "--tag", "reports", "--note", "audit", "--until", "2099-01-01T00:00:00Z")
    assert (done["kind"], done["status"], done["done"], done["total"]) == ("PAUSE", "COMPLETED", 5, 5)
    (one,) = json.loads(kronos("job", "ls", "--search", "report-3", "--json").stdout)
    assert (one["status_reason"]["note"], one["resume_at"]) == ("audit", "2099-01-01T00:00:00Z")
    assert kronos("job", "bulk", "resume", "--all", "--search", "x").exit_code == 2
    assert bulk("resume", "--all", "--per-second", "1000")["per_second"] == 1000
    assert states(kronos) == {"ACTIVE"}


def test_a_filters_operation_is_watched_or_left(kronos: Kronos, shared_superuser: psycopg.Connection) -> None:
    left = kronos("job", "bulk", "pause", "--tag", "reports", "--no-watch", "--json")
    operation_id = json.loads(left.stdout)["operation_id"]
    assert f"kronos operation watch {operation_id}" in left.stderr
    watched = kronos("job", "bulk", "pause", "--tag", "none", "--no-watch", "--idempotency-key", "a key")
    again = kronos("job", "bulk", "pause", "--tag", "none", "--no-watch", "--idempotency-key", "a key")
    assert watched.stdout == again.stdout
    assert kronos("job", "bulk", "pause", "report-0", "--watch").exit_code == 2
    cancelled = kronos("operation", "cancel", operation_id, "--json")
    assert json.loads(cancelled.stdout)["status"] == "CANCELLED"
    assert kronos("operation", "watch", operation_id).exit_code == 1
    assert states(kronos) == {"ACTIVE"}


def test_what_one_job_is_refused_stops_no_other(kronos: Kronos) -> None:
    ended = kronos("job", "bulk", "pause", "report-0", "nothing", "report-1")
    assert ended.exit_code == 1
    assert ended.stdout.splitlines()[0] == "2 jobs are paused"
    assert "no job 'nothing'" in ended.stdout
    assert "1 job was refused" in ended.stderr
    document: Any = json.loads(kronos("job", "bulk", "resume", "report-0", "nothing", "--json").stdout)
    assert (document["done"], [each["code"] for each in document["refused"]]) == (1, ["job_not_found"])


def test_to_cancel_the_number_is_named(kronos: Kronos, bulk: Bulk) -> None:
    for more in ((), ("--confirm", "4")):
        refused = kronos("job", "bulk", "cancel", "--tag", "reports", *more)
        assert (refused.exit_code, "cancel the jobs, a total of 5" in refused.stderr) == (2, True)
    assert states(kronos) == {"ACTIVE"}
    assert kronos("job", "bulk", "cancel", "report-0", "--yes").stdout == "1 job is cancelled\n"
    assert bulk("cancel", "--tag", "reports", "--confirm", "4")["done"] == 4
    assert states(kronos) == {"RETIRED"}


def test_names_come_from_standard_input_and_in_as_many_calls_as_they_need(
    kronos: Kronos, jobs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_bulk, "_MOST", 2)
    ended = kronos("job", "bulk", "pause", "-", stdin="\n".join(jobs))
    assert (ended.exit_code, ended.stdout) == (0, "5 jobs are paused\n")
    assert (
        kronos("job", "bulk", "resume", "-", "--dry-run", stdin="\n".join(jobs)).stdout == "5 jobs would be resumed\n"
    )
    assert "names no job" in kronos("job", "bulk", "pause", "-", stdin="").stderr


def test_a_trigger_runs_no_job_twice(kronos: Kronos, jobs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    call, sent = Client.call, []

    def lossy(client: Client, method: str, *arguments: Any, **named: Any) -> Any:
        answer = call(client, method, *arguments, **named)
        if method == "POST" and not named["body"].get("validate_only"):
            sent.append(named["body"])
            if len(sent) == 1:
                raise LostError("the connection was cut")
        return answer

    monkeypatch.setattr(Client, "call", lossy)
    ended = kronos("job", "bulk", "trigger", *jobs)
    assert ended.exit_code == 0, ended.output
    assert sent[0] == sent[1]
    assert len(json.loads(kronos("execution", "ls", "--json").stdout)) == 5
    assert kronos("job", "bulk", "trigger", *jobs, "--idempotency-key", sent[0]["idempotency_key"]).exit_code == 0
    assert len(json.loads(kronos("execution", "ls", "--json").stdout)) == 5
    assert kronos("job", "bulk", "pause", "report-0", "--idempotency-key", "a").exit_code == 2


def test_ctrl_c_between_steps_says_how_to_go_on(
    kronos: Kronos, jobs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_bulk, "_MOST", 2)
    call, sent = Client.call, []

    def interrupted(client: Client, method: str, *arguments: Any, **named: Any) -> Any:
        sent.append(named["body"])
        if len(sent) == 3:
            raise KeyboardInterrupt
        return call(client, method, *arguments, **named)

    monkeypatch.setattr(Client, "call", interrupted)
    left = kronos("job", "bulk", "trigger", *jobs)
    monkeypatch.undo()
    assert left.exit_code == 130
    found = re.search(
        r"4 jobs are triggered. To continue, run the same command with (--idempotency-key \S+):", left.stderr
    )
    assert found is not None
    assert kronos("job", "bulk", "trigger", *jobs, *found[1].split()).exit_code == 0
    assert len(json.loads(kronos("execution", "ls", "--json").stdout)) == 5


def test_which_jobs_has_to_be_said(kronos: Kronos) -> None:
    for which in ((), ("report-0", "--tag", "reports"), ("report-0", "--all")):
        refused = kronos("job", "bulk", "pause", *which)
        assert (refused.exit_code, "which jobs?" in refused.stderr) == (2, True)
