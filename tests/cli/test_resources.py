"""kronos workspace, endpoint, job, execution: the API's operations for people, and for scripts with --json."""

import json
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import Result

from cli.commands import Kronos, shown

PAST = ("--from", "2020-01-06T00:00:00Z", "--to", "2020-01-07T00:00:00Z")


def answered(result: Result) -> object:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_workspace_from_its_making_to_its_end(kronos: Kronos) -> None:
    slug = f"c-{uuid.uuid4().hex[:12]}"
    assert shown(kronos("workspace", "create", slug, "--name", "Acme & Co"))["slug"] == slug
    assert shown(kronos("workspace", "get", slug))["name"] == "Acme & Co"
    assert shown(kronos("workspace", "edit", slug, "--status", "suspended"))["status"] == "SUSPENDED"
    assert slug in kronos("workspace", "ls").stdout
    assert shown(kronos("workspace", "quotas", slug, "--max-cron-jobs", "5"))["max_cron_jobs"] == "5"
    assert shown(kronos("workspace", "quotas", slug, "--max-input-bytes", "99"))["max_cron_jobs"] == "5"
    assert "max_cron_jobs" not in shown(kronos("workspace", "quotas", slug, "--none", "max_cron_jobs"))
    assert '"limit":99' in shown(kronos("workspace", "usage", slug))["input_bytes"]
    kronos("workspace", "edit", slug, "--status", "active")
    shown(kronos("config", "put", "team", "{}", "-w", slug))
    looked = shown(kronos("workspace", "delete", slug, "--validate-only"))
    assert (looked["is_empty"], '"configs":1' in looked["contents"]) == ("false", True)
    assert "confirm" in kronos("workspace", "delete", slug).stderr
    begun = shown(kronos("workspace", "delete", slug, "--confirm", slug))
    assert (begun["kind"], begun["status"]) == ("DELETION", "RUNNING")
    shown(kronos("operation", "get", begun["operation_id"], "-w", slug))
    assert "no workspace" in kronos("workspace", "get", slug).stderr
    shown(kronos("workspace", "create", slug))
    assert kronos("workspace", "rm", slug, "--yes").stdout == f"workspace {slug} is deleted\n"
    assert "no workspace" in kronos("workspace", "get", slug).stderr


@pytest.mark.parametrize(
    ("words", "edit", "shown_as"),
    [
        (
            ("--type", "REDIS_STREAM", "--to", "redis://redis.example.com:6379/0", "--stream", "orders"),
            ("--spec", '{"max_len": 7}'),
            "redis://redis.example.com:6379/0 orders",
        ),
        (
            ("--type", "KAFKA", "--to", "a.example.com:9092, b.example.com:9092", "--topic", "orders"),
            ("--spec", '{"key_template": "{{input.id}}"}'),
            "a.example.com:9092,b.example.com:9092 orders",
        ),
    ],
    ids=["redis", "kafka"],
)
def test_an_endpoint_of_a_broker_is_made_and_edited(
    kronos: Kronos, words: tuple[str, ...], edit: tuple[str, str], shown_as: str
) -> None:
    made: Any = answered(kronos("endpoint", "create", "orders", *words, "--json"))
    edited: Any = answered(kronos("endpoint", "edit", "orders", *edit, "--timeout-ms", "5000", "--json"))
    assert edited["spec"] == {**made["spec"], **json.loads(edit[1]), "timeout_ms": 5000}
    assert shown_as in " ".join(kronos("endpoint", "ls").stdout.split())
    refused = kronos("endpoint", "edit", "orders", "--spec", "[1]")
    assert (refused.exit_code, "must be a JSON object" in refused.output) == (2, True)


def test_an_endpoint_is_disabled_and_enabled_and_its_policy_is_edited(kronos: Kronos) -> None:
    policy = '{"jitter": "full", "delays_ms": [1000]}'
    kronos("endpoint", "create", "hook", "--to", "https://example.com/a", "--retry", policy, "--on-disabled", "SKIP")
    disabled: Any = answered(kronos("endpoint", "disable", "hook", "--note", "moving", "--json"))
    assert (disabled["health"]["state"], disabled["health"]["reason"]["note"]) == ("DISABLED", "moving")
    assert (disabled["on_disabled"], disabled["retry_policy"]["delays_ms"]) == ("SKIP", [1000])
    assert "DISABLED" in kronos("endpoint", "ls").stdout
    enabled: Any = answered(kronos("endpoint", "enable", "hook", "--json"))
    assert enabled["health"]["state"] == "HEALTHY"
    edited: Any = answered(kronos("endpoint", "edit", "hook", "--retry", '{"jitter": "none"}', "--json"))
    assert (edited["retry_policy"]["jitter"], edited["retry_policy"]["delays_ms"]) == ("none", [1000])
    refused = kronos("endpoint", "edit", "hook", "--retry", "[1]")
    assert (refused.exit_code, "must be a JSON object" in refused.output) == (2, True)


def test_an_endpoints_limits_are_set_edited_and_taken_away(kronos: Kronos) -> None:
    kronos("endpoint", "create", "hook", "--to", "https://example.com/a", "--rate", "100/60/10", "--max-in-flight", "5")
    slower: Any = answered(kronos("endpoint", "edit", "hook", "--rate", "50/60", "--json"))
    no_key = {"concurrency_key": None, "max_concurrency_per_key": None}
    assert slower["limits"] == {"max_in_flight": 5, "rate": {"count": 50, "per_seconds": 60, "burst": 1}} | no_key
    free: Any = answered(kronos("endpoint", "edit", "hook", "--max-in-flight", "0", "--rate", "", "--json"))
    assert (free["limits"], free["usage"]) == ({"max_in_flight": None, "rate": None} | no_key, None)


def test_what_a_job_need_not_have_is_taken_away(kronos: Kronos) -> None:
    kronos("endpoint", "create", "hook", "--to", "https://example.com/a")
    limits = ("--ends-at", "2099-01-01T00:00:00Z", "--max-runs", "7", "--deadline-seconds", "60", "--title", "A")
    made: Any = answered(
        kronos("job", "create", "report", "--endpoint", "hook", "--cron", "0 9 * * 1", *limits, "--json")
    )
    assert (made["max_runs"], made["deadline_seconds"], made["title"]) == (7, 60, "A")
    clear = [part for name in ("ends-at", "max-runs", "deadline-seconds", "title") for part in ("--clear", name)]
    edited: Any = answered(kronos("job", "edit", "report", "--cron", "0 8 * * 1", *clear, "--json"))
    assert edited["cron"] == "0 8 * * 1"
    assert [edited[name] for name in ("ends_at", "max_runs", "deadline_seconds", "title")] == [None] * 4
    both = kronos("job", "edit", "report", "--title", "B", "--clear", "title")
    assert (both.exit_code, "--title is both set and cleared" in both.output) == (2, True)
    run: Any = answered(kronos("job", "trigger", "report", "--deadline-seconds", "60", "--json"))
    assert run["status"] == "QUEUED"
    assert "no execution matches" in kronos("execution", "ls", "--caused-by", run["execution_id"]).output


def test_a_jobs_status_warns_of_what_keeps_it_waiting(kronos: Kronos) -> None:
    kronos("endpoint", "create", "hook", "--to", "https://example.com/a")
    kronos("job", "create", "report", "--endpoint", "hook", "--cron", "0 9 * * 1")
    kronos("endpoint", "disable", "hook")
    assert "the endpoint hook has been DISABLED since" in kronos("job", "status", "report").stdout


def test_an_endpoints_limit_per_key_is_edited(kronos: Kronos) -> None:
    kronos("endpoint", "create", "keyed", "--to", "http://127.0.0.1:1/", "--rate", "5")
    edit = ("endpoint", "edit", "keyed")
    one: Any = answered(kronos(*edit, "--concurrency-key", "{{input.customer}}", "--json"))
    assert one["limits"]["max_concurrency_per_key"] == 1
    two: Any = answered(kronos(*edit, "--max-per-key", "2", "--json"))
    assert two["limits"] == {
        "max_in_flight": None, "rate": {"count": 5, "per_seconds": 1, "burst": 1},
        "concurrency_key": "{{input.customer}}", "max_concurrency_per_key": 2,
    }  # fmt: skip
    none: Any = answered(kronos(*edit, "--concurrency-key", "", "--json"))
    assert none["limits"] == two["limits"] | {"concurrency_key": None, "max_concurrency_per_key": None}


def test_an_endpoint_keeps_what_an_edit_does_not_name(kronos: Kronos) -> None:
    made = kronos("endpoint", "create", "hook", "--to", "https://example.com/a", "--header", "X-Team: sales", "--body",
                  '{"id": "{{input.id}}"}', "--max-attempts", "3", "--max-retry-after-seconds", "60", "--title",
                  "A hook",
                  "--json")  # fmt: skip
    before = answered(made)
    after = answered(
        kronos(
            "endpoint",
            "edit",
            "hook",
            "--to",
            "https://example.com/b",
            "--timeout-ms",
            "5000",
            "--connect-timeout-ms",
            "700",
            "--idle-timeout-ms",
            "900",
            "--json",
        )
    )
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert (before["version"], after["version"]) == (1, 2)
    assert after["spec"] == {**before["spec"], "url": "https://example.com/b", "timeout_ms": 5000,
                             "connect_timeout_ms": 700, "idle_timeout_ms": 900}  # fmt: skip
    assert after["retry_policy"] == before["retry_policy"]
    assert after["retry_policy"]["max_retry_after_seconds"] == 60
    assert {name for name in before if before[name] != after[name]} == {"spec", "version", "updated_at"}
    assert after["title"] == "A hook"
    assert '"body_template":null' in shown(kronos("endpoint", "edit", "hook", "--body", "null"))["spec"]
    assert "https://example.com/b" in kronos("endpoint", "ls").stdout
    assert kronos("endpoint", "rm", "hook", "--yes").stdout == "endpoint hook is deleted\n"


def test_a_header_without_a_colon_is_refused_before_anything_is_sent(kronos: Kronos) -> None:
    refused = kronos("endpoint", "create", "hook", "--to", "https://example.com/a", "--header", "X-Team")
    assert (refused.exit_code, "write it like X-Team:reports" in refused.stderr) == (2, True)


def test_a_cron_job_through_all_that_can_be_done_to_it(kronos: Kronos) -> None:
    made = kronos("job", "create", "report", "--endpoint", "sink", "--cron", "0 9 * * 1", "--tz", "Asia/Kolkata",
    "--input", '{"a": 1}',
                  "--tag", "x", "--catch-up", "all", "--overlap", "skip", "--deadline-seconds", "90",
                  "--json")  # fmt: skip
    job = answered(made)
    assert isinstance(job, dict)
    assert (job["trigger"], job["catch_up"]["policy"], job["overlap"], job["tags"]) == ("CRON", "ALL", "SKIP", ["x"])
    assert job["deadline_seconds"] == 90
    assert shown(kronos("job", "edit", "report", "--deadline-seconds", "60"))["deadline_seconds"] == "60"
    assert shown(kronos("job", "edit", "report", "--cron", "30 9 * * 1"))["description"] == "At 09:30 on Monday"
    assert shown(kronos("job", "pause", "report", "--note", "audit"))["status"] == "PAUSED"
    assert shown(kronos("job", "resume", "report"))["status"] == "ACTIVE"
    assert shown(kronos("job", "skip-next", "report", "2"))["skip_next"] == "2"
    assert shown(kronos("job", "skip-next", "report", "0"))["skip_next"] == "0"
    assert "T09:30:00+05:30" in kronos("job", "next-runs", "report", "-n", "2").stdout
    assert len(kronos("job", "versions", "report").stdout.splitlines()) == 4
    assert shown(kronos("job", "status", "report"))["health"] == "IDLE"
    assert shown(kronos("job", "backfill", "report", *PAST, "--dry-run"))["ticks"] == "1"
    assert "report" in kronos("job", "ls", "--trigger", "cron", "--search", "rep").stdout
    assert kronos("job", "rm", "report", "--yes").stdout == "job report is RETIRED\n"


def test_a_job_shows_calendars_and_offset_where_it_has_them(kronos: Kronos) -> None:
    """In the output for people; a script's lines are always the same."""
    cron = ("--endpoint", "sink", "--cron", "0 9 * * 6")
    plain = kronos("job", "create", "plain", *cron)
    assert {"on_blackout", "offset_seconds", "calendars"} & shown(plain).keys() == set()
    assert kronos("job", "next-runs", "plain").stdout.splitlines()[0].split("  ")[-1].strip() == "CLOCK CHANGE"
    assert {"on_blackout", "offset_seconds"} < {
        line.partition("\t")[0] for line in kronos("job", "get", "plain", "--plain").stdout.splitlines()
    }
    assert kronos("job", "next-runs", "plain", "-n", "1", "--plain").stdout.count("\t") == 3
    kronos("calendar", "create", "bank", "--week", "mon-fri")
    assert "jobs_left" in shown(kronos("calendar", "get", "bank"))
    moved = kronos("job", "create", "moved", *cron, "--calendar", "bank", "--on-blackout", "next")
    assert (shown(moved)["on_blackout"], "offset_seconds" in shown(moved)) == ("NEXT", False)
    assert "IN PLACE OF" in kronos("job", "next-runs", "moved").stdout.splitlines()[0]


def test_many_jobs_are_made_in_one_call(kronos: Kronos, tmp_path: Path) -> None:
    now, bad = {"endpoint": "sink", "trigger": "IMMEDIATE", "name": "first"}, {"endpoint": "nobody"}
    sent = tmp_path / "jobs.json"
    sent.write_text(json.dumps([now, now | {"name": "second"}]))
    all_made = kronos("job", "create-many", "--jobs", f"@{sent}")
    assert [line.split()[1] for line in all_made.stdout.splitlines()] == ["NAME", "first", "second"]
    none = kronos("job", "create-many", "--jobs", "-", stdin=json.dumps([now | {"name": "third"}, bad]))
    assert (none.exit_code, none.stdout) == (2, "")
    assert "no job was created: field /jobs/1/trigger: this field is required" in none.stderr
    some = kronos("job", "create-many", "--jobs", json.dumps([now | {"name": "third"}, bad]), "--each")
    assert (some.exit_code, "1 of 2 jobs was not created" in some.stderr) == (1, True)
    assert [line.split()[0] for line in some.stdout.splitlines()][2] == "input_validation_failed"
    assert "third" in kronos("job", "ls").stdout


def test_a_backfill_is_listed_shown_and_stopped(kronos: Kronos) -> None:
    kronos("job", "create", "report", "--endpoint", "sink", "--cron", "0 9 * * 1")
    assert "kronos job backfill JOB" in kronos("backfill", "ls", "report").stderr
    made = answered(kronos("job", "backfill", "report", *PAST, "--json"))
    assert isinstance(made, dict)
    backfill = made["backfill_id"]
    listed = kronos("backfill", "ls", "report").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["BACKFILL", backfill]
    fields = shown(kronos("backfill", "get", backfill))
    assert (fields["status"], fields["from"]) == ("RUNNING", "2020-01-06T00:00:00Z")
    assert '"waiting":1' in fields["progress"]
    stopped = shown(kronos("backfill", "cancel", backfill))
    assert (stopped["status"], '"cancelled":1' in stopped["progress"]) == ("CANCELLED", True)
    assert answered(kronos("backfill", "ls", "report", "--json")) == [
        answered(kronos("backfill", "get", backfill, "--json"))
    ]
    assert kronos("backfill", "ls", "none").exit_code == 3
    assert "backfill" in kronos("backfill", "get", str(uuid.uuid4())).stderr


def test_one_shots_are_made_by_when_they_run(kronos: Kronos) -> None:
    later = answered(kronos("job", "create", "--endpoint", "sink", "--at", "2099-01-01T00:00:00Z", "--json"))
    at_once = answered(
        kronos("job", "create", "--endpoint", "sink", "--now", "--input", "-", "--json", stdin='{"n": 7}')
    )
    assert isinstance(later, dict)
    assert isinstance(at_once, dict)
    assert (later["trigger"], at_once["trigger"], at_once["input"]) == ("DELAYED", "IMMEDIATE", {"n": 7})
    for when in ((), ("--now", "--cron", "* * * * *"), ("--at", "2099-01-01T00:00:00Z", "--every", "90m")):
        refused = kronos("job", "create", "--endpoint", "sink", *when)
        assert (refused.exit_code, "say when the job runs" in refused.stderr) == (2, True)


def test_an_execution_from_its_trigger_on(kronos: Kronos, api: httpx.Client, workspace: str) -> None:
    kronos("job", "create", "report", "--endpoint", "sink", "--cron", "0 9 * * 1")
    made = answered(kronos("job", "trigger", "report", "--input", '{"a": 2}', "--json"))
    assert isinstance(made, dict)
    run = made["execution_id"]
    assert run in kronos("execution", "ls", "--job", "report").stdout
    assert shown(kronos("execution", "get", run))["input"] == '{"a":2}'
    assert "created, cause MANUAL" in kronos("execution", "logs", run).stdout
    assert kronos("execution", "attempts", run).stderr == "there was no attempt yet\n"  # no worker runs here
    assert shown(kronos("execution", "cancel", run))["status"] == "CANCELLED"
    again = ("execution", "retry", run, "--endpoint-version", "same", "--idempotency-key", "a key")
    assert shown(kronos(*again))["status"] == "QUEUED"
    assert shown(kronos(*again))["status"] == "QUEUED"  # the same retry: without its key it would be rejected
    assert kronos("execution", "retry", run).exit_code == 5
    assert api.get(f"/v1/workspaces/{workspace}/executions/{run}").json()["status"] == "QUEUED"


def test_a_run_goes_again_to_the_endpoint_as_it_is_or_was(kronos: Kronos, api: httpx.Client, workspace: str) -> None:
    kronos("job", "create", "report", "--endpoint", "sink", "--cron", "0 9 * * 1")
    made = answered(kronos("job", "trigger", "report", "--json"))
    assert isinstance(made, dict)
    run, sink = made["execution_id"], f"/v1/workspaces/{workspace}/endpoints/sink"
    before = api.get(sink).json()
    changed = {"type": "HTTP", "spec": before["spec"], "retry_policy": {**before["retry_policy"], "max_attempts": 9}}
    assert api.put(sink, json=changed).status_code == 200
    for chosen, most in (("same", before["retry_policy"]["max_attempts"]), ("latest", 9)):
        kronos("execution", "cancel", run)
        assert kronos("execution", "retry", run, "--endpoint-version", chosen).exit_code == 0
        assert api.get(f"/v1/workspaces/{workspace}/executions/{run}").json()["max_attempts"] == most


def test_the_same_idempotency_key_makes_the_same_thing(kronos: Kronos) -> None:
    kronos("job", "create", "report", "--endpoint", "sink", "--cron", "0 9 * * 1")
    for make, made in (
        (("job", "trigger", "report"), "execution_id"),
        (("job", "backfill", "report", *PAST, "--include", "failed", "--include", "MISSED"), "backfill_id"),
        (("endpoint", "create", "other", "--to", "https://example.com/a"), "endpoint_id"),
    ):
        first, second = (answered(kronos(*make, "--idempotency-key", 'one "and" \\ only', "--json")) for _ in range(2))
        assert isinstance(first, dict)
        assert isinstance(second, dict)
        assert first[made] == second[made]
        last = first
    assert last["name"] == "other"


def test_a_backfill_takes_the_ticks_that_are_named(kronos: Kronos) -> None:
    kronos("job", "create", "report", "--endpoint", "sink", "--cron", "0 9 * * 1")
    assert shown(kronos("job", "backfill", "report", *PAST, "--dry-run", "--include", "failed"))["to_run"] == "0"
    assert (
        shown(kronos("job", "backfill", "report", *PAST, "--dry-run", "--include", "FAILED", "--include", "missed"))[
            "to_run"
        ]
        == "1"
    )


def test_lists_go_over_their_pages(kronos: Kronos) -> None:
    for _ in range(3):
        kronos("job", "create", "--endpoint", "sink", "--at", "2099-01-01T00:00:00Z")
    listed = answered(kronos("job", "ls", "--limit", "2", "--json"))
    assert isinstance(listed, list)
    assert len(listed) == 2
    assert "no job matches; create one: kronos job create" in kronos("job", "ls", "--status", "PAUSED").stderr


def test_json_comes_from_a_file_and_a_mistake_in_it_is_named(kronos: Kronos, tmp_path: Path) -> None:
    (tmp_path / "input.json").write_text('{"from": "file"}')
    made = answered(
        kronos("job", "create", "--endpoint", "sink", "--now", "--input", f"@{tmp_path / 'input.json'}", "--json")
    )
    assert isinstance(made, dict)
    assert made["input"] == {"from": "file"}
    refused = kronos("job", "create", "--endpoint", "sink", "--now", "--input", "{team: sales}")
    assert (refused.exit_code, "not valid JSON" in refused.stderr) == (2, True)


def test_each_fault_of_a_request_is_printed(kronos: Kronos) -> None:
    refused = kronos(
        "job", "create", "not a name", "--endpoint", "sink", "--cron", "* * * * *", "--jitter-seconds", "-1"
    )
    assert refused.exit_code == 2
    assert refused.stderr.startswith("Error: NAME: not a valid name, and 1 more\nNAME: not a valid name\n")
    assert "\n--jitter-seconds: " in refused.stderr


def test_dead_letters_are_counted_discarded_and_the_operation_shown(kronos: Kronos) -> None:
    assert "nothing to retry or discard" in kronos("dead-letter", "ls", "--endpoint", "sink").stderr
    assert "no operation yet; start one: kronos " in kronos("operation", "ls").stderr
    assert shown(kronos("dead-letter", "redrive", "--endpoint", "sink", "--dry-run"))["count"] == "0"
    begun = shown(kronos("dead-letter", "redrive", "--endpoint", "sink", "--per-second", "5"))
    assert (begun["kind"], begun["per_second"]) == ("REDRIVE", "5")
    stopped = shown(kronos("operation", "cancel", begun["operation_id"]))
    assert stopped["status"] == "CANCELLED"
    listed = kronos("operation", "ls").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["OPERATION", begun["operation_id"]]
    assert shown(kronos("operation", "get", begun["operation_id"])) == stopped
    assert kronos("dead-letter", "discard", "--job", "nobody").exit_code == 2
    assert shown(kronos("dead-letter", "discard", "--yes"))["kind"] == "DISCARD"
