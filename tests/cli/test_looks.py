"""Read commands of the API: a job's ticks and changes, overviews of a workspace and an instance, and the caller's
identity."""

import json
from typing import Any

import httpx
import psycopg
import pytest

from api.test_overview import Scene
from cli.commands import Kronos, shown


@pytest.fixture
def scene(api: httpx.Client, shared_superuser: psycopg.Connection, workspace: str) -> Scene:
    return Scene(api, shared_superuser, workspace)


def answered(kronos: Kronos, *arguments: str) -> Any:
    ended = kronos(*arguments, "--json")
    assert ended.exit_code == 0, ended.output
    return json.loads(ended.stdout)


def test_a_diff_says_what_an_edit_would_do_and_does_nothing(kronos: Kronos, scene: Scene) -> None:
    scene.job("report", cron="0 9 * * *")
    looked = shown(kronos("job", "diff", "report", "--cron", "0 10 * * *"))
    assert (looked["before"], looked["after"]) == ("7", "7")
    assert looked["moved"] in ("6", "7")  # between nine and ten, today's run is additional
    assert answered(kronos, "job", "diff", "report", "--tz", "Asia/Kolkata")["moved"] > 0
    assert answered(kronos, "job", "get", "report")["version"] == 1
    nothing = kronos("job", "diff", "report")
    assert (nothing.exit_code, "which change?" in nothing.stderr) == (2, True)


def test_ticks_are_listed_one_by_one_and_by_day(kronos: Kronos, scene: Scene) -> None:
    scene.job("report", cron="0 9 * * *")
    window = ("--from", "2099-01-05T00:00:00Z", "--to", "2099-01-08T00:00:00Z")
    assert [each["tick"][:10] for each in answered(kronos, "job", "ticks", "report", *window)] == [
        "2099-01-05", "2099-01-06", "2099-01-07",
    ]  # fmt: skip
    first = kronos("job", "ticks", "report", *window, "--limit", "1")
    assert "UPCOMING" in first.stdout
    assert "more ticks follow: --from 2099-01-06T09:00:00Z" in first.stderr
    empty = kronos("job", "ticks", "report", *window, "--by-day", "--tz", "Europe/Berlin")
    assert (empty.exit_code, empty.stderr) == (0, "report has no tick in this window\n")
    assert kronos("job", "ticks", "report", "--tz", "UTC").exit_code == 2


def test_a_glance_shows_the_last_runs_of_each_job(kronos: Kronos, scene: Scene) -> None:
    report, other = scene.job("report"), scene.job("other")
    for minutes_ago, status in ((3, "SUCCESS"), (2, "FAILED"), (1, "SUCCESS")):
        scene.ended(report, status, minutes_ago)
    lines = kronos("job", "glance", "report", other).stdout.splitlines()
    assert lines[1].split()[:2] == ["report", "67%"]
    assert lines[1].split()[-1] == "+x+"
    assert {line.split()[0] for line in kronos("job", "glance").stdout.splitlines()[1:]} == {"report", "other"}
    assert len(answered(kronos, "job", "glance", report)) == 1
    assert kronos("job", "glance", *["report"] * 51).exit_code == 2


def test_a_workspace_without_jobs_has_no_glance(kronos: Kronos) -> None:
    ended = kronos("job", "glance")
    assert (ended.exit_code, ended.stdout, "kronos job create" in ended.stderr) == (0, "", True)


def test_executions_of_a_job(kronos: Kronos, scene: Scene) -> None:
    job = scene.job("report")
    execution_id, _ = scene.ended(job, "FAILED", 2)
    scene.ended(job, "SUCCESS", 1)
    assert [row["execution_id"] for row in answered(kronos, "job", "executions", "report", "--status", "FAILED")] == [
        execution_id
    ]
    assert len(answered(kronos, "job", "executions", "report")) == 2


def test_the_overview_for_people_and_for_scripts(kronos: Kronos, scene: Scene) -> None:
    scene.ended(scene.job("report"), "FAILED", 5)
    ended = kronos("overview")
    assert ended.exit_code == 0, ended.output
    assert "0 delivered, 1 failed" in ended.stdout
    assert "it said 500" in ended.stdout
    assert answered(kronos, "overview")["failed"] == 1


def test_the_load_its_busiest_minute_and_what_would_spread_it(kronos: Kronos, scene: Scene) -> None:
    for number in range(4):
        scene.job(f"nightly-{number}", cron="0 3 * * *")
    told = kronos("load")
    assert told.exit_code == 0, told.output
    assert told.stdout.startswith("4 jobs, 4 runs from ")
    (busiest,) = {line.split()[0] for line in told.stdout.splitlines() if line.endswith("  4") and line[:2] == "  "}
    minute = kronos("load", "--at", busiest)
    assert "nightly-3" in minute.stdout
    assert "the busiest minute would have" in minute.stdout
    assert answered(kronos, "load", "--at", busiest)["number"] == 4
    assert len(answered(kronos, "load", "--window", "7d")["runs"]) == 7 * 24 * 60
    assert kronos("system", "load").exit_code == 0


def test_a_plan_of_the_load_is_shown_and_then_applied(kronos: Kronos, scene: Scene) -> None:
    for number in range(4):
        scene.job(f"nightly-{number}", cron="0 3 * * *", spread="2m" if number else None)
    plan = answered(kronos, "load", "--plan")
    assert (plan["before"], plan["after"], len(plan["moves"])) == (4, 2, 2)
    told = kronos("load", "--plan")
    assert "the busiest minute has 4 deliveries, and would have 2" in told.stdout
    assert "WOULD RUN AT" in told.stdout
    assert "pass only one of the two" in kronos("load", "--plan", "--at", "2026-12-01T09:00:00Z").stderr
    applied = kronos("load", "--apply")
    assert (applied.exit_code, applied.stdout.strip()) == (0, "moved 2 jobs")
    again = kronos("load", "--plan")
    assert "no move lowers the busiest minute" in again.output
    names = [f"nightly-{number}" for number in range(4)]
    moved = {name: answered(kronos, "job", "get", name)["offset_seconds"] for name in names}
    assert moved == dict.fromkeys(names, 0) | {move["name"]: move["offset_seconds"] for move in plan["moves"]}
    assert answered(kronos, "job", "edit", "nightly-3", "--offset-seconds", "0")["offset_seconds"] == 0


def test_the_instance_for_its_administrator(kronos: Kronos) -> None:
    status = shown(kronos("system", "status"))
    assert status["internal_jobs"] == "5"
    assert "warnings" in answered(kronos, "system", "status")
    assert kronos("system", "workers").exit_code == 0
    assert "execution_done_" in kronos("system", "history").stdout
    assert answered(kronos, "system", "history")["partitions"]
    assert kronos("system", "drift").exit_code == 0
    assert isinstance(answered(kronos, "system", "drift"), list)
    ready = kronos("system", "ready")
    assert ready.exit_code == 0 or "pg_cron" in ready.stderr  # pg_cron is silent in a copy


def test_who_asks_and_what_it_sees(kronos: Kronos, workspace: str) -> None:
    assert shown(kronos("me"))["kind"] == "key"
    assert workspace in {row["workspace"] for row in answered(kronos, "workspace", "mine")}


def test_groups_have_roles(kronos: Kronos) -> None:
    assert "no group has a role" in kronos("role-mapping", "ls").stderr
    made = answered(kronos, "role-mapping", "create", "reporters", "--role", "viewer", "--sees-payloads")
    assert (made["role"], made["sees_payloads"]) == ("viewer", True)
    kronos("role-mapping", "create", "others", "--role", "operator")
    assert "reporters" in kronos("role-mapping", "ls").stdout
    assert kronos("role-mapping", "rm", "reporters").stdout == "group reporters no longer has a role here\n"
    assert kronos("role-mapping", "rm", made["mapping_id"]).exit_code != 0
    assert [row["group"] for row in answered(kronos, "role-mapping", "ls")] == ["others"]


def test_how_long_history_is_kept(kronos: Kronos) -> None:
    edited = answered(kronos, "retention", "edit", "--success-days", "5")
    assert (edited["success_days"], edited["override"]) == (5, {"success_days": 5, "failure_days": None})
    kept = answered(kronos, "retention", "edit", "--failure-days", "50")
    assert kept["override"] == {"success_days": 5, "failure_days": 50}
    cleared = answered(kronos, "retention", "edit", "--clear", "success-days")
    assert cleared["override"] == {"success_days": None, "failure_days": 50}
    assert shown(kronos("retention", "get"))["failure_days"] == "50"
    for wrong in ((), ("--success-days", "5", "--clear", "success-days")):
        assert kronos("retention", "edit", *wrong).exit_code == 2


def test_a_secret_that_must_be_new_and_one_key_alone(kronos: Kronos) -> None:
    assert shown(kronos("secret", "create", "token", stdin="open sesame\n"))["version"] == "1"
    assert kronos("secret", "create", "token", stdin="open sesame\n").exit_code != 0
    assert shown(kronos("secret", "edit", "token", stdin="shut sesame\n"))["version"] == "2"
    made = answered(kronos, "key", "create", "--role", "viewer", "--name", "board")
    looked = answered(kronos, "key", "get", made["public_id"])
    assert (looked["name"], "key" in looked) == ("board", False)
    assert kronos("key", "get", "nothing").exit_code != 0
    assert kronos("key", "get", "--instance", "x").exit_code == 2
    assert "no longer works" in kronos("key", "rm", made["public_id"], "--yes").stdout


def test_the_head_of_a_chain_and_the_keys_that_sign(kronos: Kronos, workspace: str) -> None:
    head = answered(kronos, "audit", "head")
    assert (head["workspace"], "hash" in head) == (workspace, True)
    assert "deliveries are not signed" in kronos("endpoint", "signing-keys", "sink").stderr
    kronos("secret", "set", "signer", "--generate", "v1a")
    kronos("endpoint", "edit", "sink", "--signing-secret", "signer")
    assert "whpk_" in kronos("endpoint", "signing-keys", "sink").stdout


def test_dead_letters_in_groups(kronos: Kronos) -> None:
    ended = kronos("dead-letter", "groups")
    assert (ended.exit_code, "nothing to retry or discard" in ended.stderr) == (0, True)
    assert answered(kronos, "dead-letter", "groups", "--endpoint", "sink") == []
