"""How options become the fields of a job, an endpoint, an alert rule or a heartbeat: those that were given, and no
others."""

import json
import shlex
from typing import Any

import pytest

from cli.answering import ANYTHING, Answering
from cli.commands import Kronos

HEARTBEAT = {
    "name": "h", "cron": "0 3 * * *", "every": None, "anchor": None, "timezone": "UTC", "dst_gap": "SHIFT",
    "dst_overlap": "FIRST", "period_seconds": None, "grace_seconds": 300, "max_run_seconds": 60, "tags": ["a"],
    "version": 3, "state": "UP",
}  # fmt: skip
ENDPOINT = {
    "name": "e", "type": "HTTP", "version": 4, "title": "E", "spec": {"url": "http://a", "method": "POST"},
    "retry_policy": {"max_attempts": 5, "backoff": "fixed"}, "max_in_flight": 2,
    "limits": {"max_in_flight": 2, "rate": {"count": 1, "per_seconds": 1}, "concurrency_key": "{{input.a}}"},
}  # fmt: skip


def body_of(tell: Kronos, told: Answering, text: str) -> Any:
    ended = tell(*shlex.split(text))
    assert ended.exit_code == 0, ended.output
    return told.sent[-1].body


def usage(tell: Kronos, told: Answering, text: str) -> str:
    """Return why a command refuses its options, before anything is changed."""
    ended = tell(*shlex.split(text))
    assert ended.exit_code == 2, ended.output
    assert all(each.line.startswith("GET ") for each in told.sent)
    return ended.stderr.rpartition("Error: ")[2].strip()


@pytest.mark.parametrize(
    ("options", "terms"),
    [
        ("--now", {"trigger": "IMMEDIATE"}),
        ("--at 2026-12-01T09:00:00Z", {"trigger": "DELAYED", "run_at": "2026-12-01T09:00:00Z"}),
        ("--every 90m --anchor a", {"trigger": "CRON", "every": "90m", "anchor": "a"}),
        ("--now --idempotency-key k --input null", {"trigger": "IMMEDIATE", "idempotency_key": "k", "input": None}),
        (
            "--cron '0 9 * * 1' --tz UTC --title T --starts-at s --ends-at e --deadline-seconds 60 --max-runs 7 "
            "--spread 5m --jitter-seconds 3 --priority -1",
            {"trigger": "CRON", "cron": "0 9 * * 1", "timezone": "UTC", "title": "T", "starts_at": "s", "ends_at": "e",
             "deadline_seconds": 60, "max_runs": 7, "spread": "5m", "jitter_seconds": 3, "priority": -1},
        ),
        ("--now --tag a --tag b", {"trigger": "IMMEDIATE", "tags": ["a", "b"]}),
        ("--every 1h --calendar c --calendar d --on-blackout next",
         {"trigger": "CRON", "every": "1h", "calendars": ["c", "d"], "on_blackout": "NEXT"}),
        ("--every 1h --overlap queue --catch-up all",
         {"trigger": "CRON", "every": "1h", "overlap": "QUEUE", "catch_up": {"policy": "ALL"}}),
        ("--now --on-success '{\"job\": \"load\"}' --on-failure null",
         {"trigger": "IMMEDIATE", "on_success": {"job": "load"}, "on_failure": None}),
    ],
)  # fmt: skip
def test_a_job_is_made_of_the_options_that_were_given(
    tell: Kronos, told: Answering, options: str, terms: dict[str, Any]
) -> None:
    found = body_of(tell, told, f"job create report --endpoint hook {options}")
    assert found == {"name": "report", "endpoint": "hook", **terms}


@pytest.mark.parametrize("options", ["", "--now --at t", "--cron '* * * * *' --now", "--every 1h --at t"])
def test_a_job_runs_in_one_way(tell: Kronos, told: Answering, options: str) -> None:
    said = usage(tell, told, f"job create report --endpoint hook {options}")
    assert said == "say when the job runs: pass exactly one of --cron, --every, --at or --now"
    assert told.sent == []


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        ("--cron '0 7 * * *'", {"cron": "0 7 * * *"}),
        ("--name n --offset-seconds 5", {"name": "n", "offset_seconds": 5}),
        ("--clear ends-at --clear TITLE", {"ends_at": None, "title": None}),
        ("--calendar '' --tag ''", {"calendars": [], "tags": [""]}),
        ("--input null", {"input": None}),
    ],
)
def test_a_change_of_a_job_names_what_changes(
    tell: Kronos, told: Answering, options: str, changes: dict[str, Any]
) -> None:
    assert body_of(tell, told, f"job edit report {options}") == changes
    assert told.sent[-1].line == "PATCH jobs/report"
    assert body_of(tell, told, f"job diff report {options}") == changes


def test_a_field_is_either_set_or_cleared(tell: Kronos, told: Answering) -> None:
    said = "--ends-at is both set and cleared: pass only one of the two"
    assert usage(tell, told, "job edit report --ends-at t --clear ends-at") == said
    said = "--success-days is both set and cleared: pass only one of the two"
    assert usage(tell, told, "retention edit --success-days 5 --clear success-days") == said
    assert usage(tell, told, "retention edit").startswith("nothing to change")
    assert usage(tell, told, "job diff report").startswith("which change?")
    assert told.sent == []


def test_retention_that_is_not_mentioned_stays(tell: Kronos, told: Answering) -> None:
    kept = {"override": {"success_days": 3, "failure_days": 9}, "version": 5}
    told.answers["GET retention"] = 200, {**ANYTHING, **kept}
    assert body_of(tell, told, "retention edit --clear success-days") == {"success_days": None, "failure_days": 9}
    assert told.sent[-1].headers["if-match"] == '"5"'


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ("--to http://a", {"type": "HTTP", "spec": {"url": "http://a"}}),
        (
            "--to http://a --method PUT --header 'X-Team: a:b' --header Y: --body '{\"a\": 1}' --timeout-ms 9 "
            "--connect-timeout-ms 8 --idle-timeout-ms 7",
            {
                "type": "HTTP",
                "spec": {"url": "http://a", "method": "PUT", "headers": {"X-Team": "a:b", "Y": ""},
                         "body_template": {"a": 1}, "timeout_ms": 9, "connect_timeout_ms": 8, "idle_timeout_ms": 7},
            },
        ),
        ("--to http://a --body null", {"type": "HTTP", "spec": {"url": "http://a", "body_template": None}}),
        ("--type KAFKA --to 'a:1, b:2' --topic t",
         {"type": "KAFKA", "spec": {"bootstrap_servers": ["a:1", "b:2"], "topic": "t"}}),
        ("--type REDIS_STREAM --to redis://a --stream s",
         {"type": "REDIS_STREAM", "spec": {"redis_url": "redis://a", "stream": "s"}}),
        ("--type EMAIL --to smtp://a --spec '{\"from\": \"a@b\"}'",
         {"type": "EMAIL", "spec": {"from": "a@b", "smtp_url": "smtp://a"}}),
        ("--to http://a --spec '{\"url\": \"http://b\", \"x\": 1}'",
         {"type": "HTTP", "spec": {"url": "http://a", "x": 1}}),
        (
            "--to http://a --max-attempts 3 --max-retry-after-seconds 0 --retry '{\"max_attempts\": 9, \"b\": 1}'",
            {"type": "HTTP", "spec": {"url": "http://a"},
             "retry_policy": {"max_attempts": 3, "b": 1, "max_retry_after_seconds": 0}},
        ),
        (
            "--to http://a --rate 100/60/5 --concurrency-key '{{input.a}}' --max-per-key 2 --max-in-flight 9",
            {
                "type": "HTTP",
                "spec": {"url": "http://a"},
                "max_in_flight": 9,
                "limits": {"rate": {"count": 100, "per_seconds": 60, "burst": 5}, "concurrency_key": "{{input.a}}",
                           "max_concurrency_per_key": 2},
            },
        ),
        (
            "--to http://a --title T --payload-spec p --config c --use latest --on-disabled SKIP --group g "
            "--signing-secret new --signing-secret old",
            {"type": "HTTP", "spec": {"url": "http://a"}, "title": "T", "payload_spec": "p", "config": "c",
             "use": "latest", "on_disabled": "SKIP", "group": "g", "signing_secrets": ["new", "old"]},
        ),
    ],
)  # fmt: skip
def test_an_endpoint_is_made_of_the_options_that_were_given(
    tell: Kronos, told: Answering, options: str, fields: dict[str, Any]
) -> None:
    assert body_of(tell, told, f"endpoint create e {options}") == {"name": "e", **fields}


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        ("--max-attempts 9", {"retry_policy": {"max_attempts": 9, "backoff": "fixed"}}),
        ("--method PUT", {"spec": {"url": "http://a", "method": "PUT"}}),
        ("--max-in-flight 0", {"max_in_flight": None}),
        ("--payload-spec '' --config '' --group ''", {"payload_spec": None, "config": None, "group": None}),
        ("--signing-secret ''", {"signing_secrets": []}),
        ("--rate ''", {"limits": {"rate": None, "concurrency_key": "{{input.a}}"}}),
        ("--rate 7", {"limits": {"rate": {"count": 7}, "concurrency_key": "{{input.a}}"}}),
        (
            "--concurrency-key ''",
            {
                "limits": {
                    "rate": {"count": 1, "per_seconds": 1},
                    "concurrency_key": None,
                    "max_concurrency_per_key": None,
                }
            },
        ),
    ],
)
def test_a_change_of_an_endpoint_sends_back_what_it_does_not_change(
    tell: Kronos, told: Answering, options: str, changes: dict[str, Any]
) -> None:
    told.answers["GET endpoints/e"] = 200, ENDPOINT
    kept = {**ENDPOINT, "limits": {name: ENDPOINT["limits"][name] for name in ("rate", "concurrency_key")}}  # type: ignore[index]
    assert body_of(tell, told, f"endpoint edit e {options}") == {**kept, **changes}
    assert (told.sent[-1].line, told.sent[-1].headers["if-match"]) == ("PUT endpoints/e", '"4"')


def test_a_dry_run_of_a_change_has_no_condition(tell: Kronos, told: Answering) -> None:
    told.answers["GET endpoints/e"] = 200, ENDPOINT
    told.answers["PUT endpoints/e"] = 200, {"is_allowed": True, "checked": 3, "violations": [], "more": False}
    ended = tell("endpoint", "edit", "e", "--dry-run", "--plain")
    assert ended.stdout == "is_allowed\ttrue\nchecked\t3\nviolations\t[]\nmore\tfalse\n"
    assert (told.sent[-1].query, "if-match" in told.sent[-1].headers) == ({"validate_only": "true"}, False)
    tell("endpoint", "edit", "e", "--force")
    assert told.sent[-1].query == {"force": "true"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--rate 100/", "'100/' is not a rate: write it like 100/60, which is 100 per minute"),
        ("--rate 1/2/3/4", "'1/2/3/4' is not a rate: write it like 100/60, which is 100 per minute"),
        ("--header X-Team", "'X-Team' is not a header: write it like X-Team:reports"),
        ("--spec '[1]'", "must be a JSON object"),
        ("--retry null", "must be a JSON object"),
    ],
)
def test_an_option_of_an_endpoint_that_is_none_is_refused(
    tell: Kronos, told: Answering, options: str, said: str
) -> None:
    assert usage(tell, told, f"endpoint create e --to http://a {options}").endswith(said)


@pytest.mark.parametrize(
    ("options", "condition"),
    [
        ("--failures 3", {"type": "FAILURES", "count": 3}),
        ("--missed 0", {"type": "MISSED", "count": 0}),
        ("--late 5m", {"type": "LATE", "seconds": 300}),
        ("--no-success 1d", {"type": "NO_SUCCESS", "seconds": 86_400}),
        ("--running 90", {"type": "RUNNING", "seconds": 90}),
        ("--factor 2.5", {"type": "RUNNING", "factor": 2.5}),
        ("--running 2h --factor 3", {"type": "RUNNING", "seconds": 7200, "factor": 3.0}),
        ("--failure-rate 20 --within 1h --min-runs 5",
         {"type": "FAILURE_RATE", "percent": 20, "window_seconds": 3600, "min_runs": 5}),
        ("--failure-rate 20 --runs 10", {"type": "FAILURE_RATE", "percent": 20, "runs": 10}),
    ],
)  # fmt: skip
def test_a_rule_has_one_condition(tell: Kronos, told: Answering, options: str, condition: dict[str, Any]) -> None:
    found = body_of(tell, told, f"alert-rule create r {options}")
    assert found == {"name": "r", "condition": condition, "selects": {}, "tell": []}
    assert told.sent[-1].line == "POST alert-rules"


@pytest.mark.parametrize("options", ["", "--failures 1 --missed 1", "--late 0 --failure-rate 0"])
def test_a_rule_with_another_number_of_conditions_is_refused(tell: Kronos, told: Answering, options: str) -> None:
    assert usage(tell, told, f"alert-rule put r {options}").startswith("say what breaks the rule: pass exactly one of")


def test_a_rule_selects_and_tells_as_it_is_said(tell: Kronos, told: Answering) -> None:
    options = "--job j --tag t --endpoint e --heartbeat h --together --tell a --tell b --severity INFO --repeat 1h"
    assert body_of(tell, told, f"alert-rule put r --failures 1 {options} --no-recovered --disabled") == {
        "condition": {"type": "FAILURES", "count": 1},
        "selects": {"job": "j", "tag": "t", "endpoint": "e", "heartbeat": "h"},
        "tell": ["a", "b"],
        "per": "ALL",
        "severity": "INFO",
        "repeat_seconds": 3600,
        "recovered": False,
        "enabled": False,
    }
    assert told.sent[-1].line == "PUT alert-rules/r"


@pytest.mark.parametrize("text", ["5x", "h", "-1", "1.5h", "1h30m", "1234567890"])
def test_a_span_that_is_none_is_refused(tell: Kronos, told: Answering, text: str) -> None:
    said = usage(tell, told, f"alert snooze i --for={text}")
    assert said.endswith(f"{text!r} is not a time span: write 90s, 5m, 2h or 1d")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("alert snooze i", "say how long: pass exactly one of --for 2h, --until INSTANT or --off"),
        ("alert snooze i --off --for 1h", "say how long: pass exactly one of --for 2h, --until INSTANT or --off"),
        ("alert ls --all --status OPEN", "--all and --status cannot be combined"),
        ("alert endpoint p --shape pagerduty", "PagerDuty needs a routing key"),
        ("alert endpoint p --shape slack --to http://a --secret s", "--secret needs --shape pagerduty"),
        ("alert endpoint p --shape slack", "where should notifications go? Pass --to URL"),
        ("audit export --after a", "--after and --before need --one-shots; for sealed rows pass --after-number"),
        ("audit export --one-shots --instance", "--one-shots needs a workspace: pass --workspace"),
        ("audit export --one-shots --after-number 1", "--after-number is for sealed rows; for --one-shots pass"),
        ("job ticks j --tz UTC", "--tz needs --by-day: ticks are instants, only days depend on a time zone"),
        ("load --at t --plan", "--at is for one minute, a plan for all: pass only one of the two"),
        ("key create", "which role? Pass --role viewer, operator or admin"),
        ("key create --instance --name n", "--instance creates a key without restrictions: omit the other options"),
        ("key rotate", "which key? Pass its public id: see `kronos key list`"),
        ("key get k --instance", "to see the administrator's keys, list them: kronos key list --instance"),
        ("secret set s --generate v1 --file f", "--generate and --file both give a value: pass only one of the two"),
        ("overview --json --plain", "--json and --plain cannot be combined"),
    ],
)
def test_options_that_do_not_go_together_are_refused(tell: Kronos, told: Answering, text: str, said: str) -> None:
    assert usage(tell, told, text).startswith(said)


def test_an_endpoint_for_pagerduty_knows_its_address(tell: Kronos, told: Answering) -> None:
    found = body_of(tell, told, "alert endpoint p --shape pagerduty --secret routing")
    assert (found["name"], found["type"], found["spec"]["url"]) == (
        "p",
        "HTTP",
        "https://events.pagerduty.com/v2/enqueue",
    )
    assert "{{secret.routing}}" in json.dumps(found)
    found = body_of(tell, told, "alert endpoint p --shape pagerduty --secret routing --to http://a")
    assert found["spec"]["url"] == "http://a"


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        ("--grace-seconds 9", {"cron": "0 3 * * *", "grace_seconds": 9}),
        ("--every 1h", {"every": "1h"}),
        ("--period 600", {"period_seconds": 600}),
        ("--cron '1 1 * * *'", {"cron": "1 1 * * *"}),
        ("--tag b", {"cron": "0 3 * * *", "tags": ["b"]}),
    ],
)
def test_a_change_of_a_heartbeat_keeps_what_it_does_not_name_but_one_schedule(
    tell: Kronos, told: Answering, options: str, changes: dict[str, Any]
) -> None:
    told.answers["GET heartbeats/h"] = 200, HEARTBEAT
    kept = {"timezone": "UTC", "dst_gap": "SHIFT", "dst_overlap": "FIRST", "grace_seconds": 300, "max_run_seconds": 60}
    assert body_of(tell, told, f"heartbeat edit h {options}") == {**kept, "tags": ["a"], **changes}
    assert (told.sent[-1].line, told.sent[-1].headers["if-match"]) == ("PUT heartbeats/h", '"3"')


def test_the_anchor_of_a_heartbeat_stays_the_local_time_that_it_was(tell: Kronos, told: Answering) -> None:
    every = {**HEARTBEAT, "cron": None, "every": "2d", "anchor": "2026-11-30T08:00:00Z", "version": None}
    told.answers["GET heartbeats/h"] = 200, {**every, "anchor_local": "2026-11-30T09:00:00"}
    assert body_of(tell, told, "heartbeat edit h --grace-seconds 9")["anchor"] == "2026-11-30T09:00:00"
    assert "if-match" not in told.sent[-1].headers
    assert "anchor" not in body_of(tell, told, "heartbeat edit h --every 3d")
    told.answers["GET heartbeats/h"] = 200, every
    assert body_of(tell, told, "heartbeat edit h --grace-seconds 9")["anchor"] == "2026-11-30T08:00:00Z"


def test_quotas_that_are_not_mentioned_stay(tell: Kronos, told: Answering) -> None:
    limits = dict.fromkeys(
        ("max_executions_per_day", "max_input_bytes", "max_concurrency", "max_alarms_per_minute", "max_heartbeats"), 7
    ) | {"max_cron_jobs": 5, "max_alert_rules": None}
    told.answers["GET /v1/workspaces/w/quotas"] = 200, {**limits, "version": 2, "workspace": "w"}
    found = body_of(tell, told, "workspace quotas w --max-cron-jobs 0 --none max_heartbeats")
    assert found == {**limits, "max_cron_jobs": 0, "max_heartbeats": None}
    assert (told.sent[-1].line, told.sent[-1].headers["if-match"]) == ("PUT /v1/workspaces/w/quotas", '"2"')


def test_keys_are_found_by_each_of_their_names(tell: Kronos, told: Answering) -> None:
    for name in ("abcdefabcdef", "019a3c1e-7c1b-7c52-9a51-3f0f2f1e9a10"):
        assert body_of(tell, told, f"key rotate {name} --overlap 5") == {"overlap_seconds": 5}
        assert told.sent[-1].line == "POST keys/019a3c1e-7c1b-7c52-9a51-3f0f2f1e9a10/rotate"
    ended = tell("key", "revoke", "aaaaaaaaaaaa", "--yes")
    assert (ended.exit_code, "no key with the public id 'aaaaaaaaaaaa'" in ended.stderr) == (3, True)
    assert body_of(tell, told, "key create --role viewer --name ci --sees-payloads --expires-at t") == {
        "role": "viewer",
        "name": "ci",
        "sees_payloads": True,
        "expires_at": "t",
    }
    assert body_of(tell, told, "key create --role admin") == {"role": "admin"}


@pytest.mark.parametrize(
    ("written", "value"),
    [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a ", " a "), ("a\r", "a"), ("é", "é")],
)
def test_a_secret_is_what_was_written_without_one_line_end(
    tell: Kronos, told: Answering, written: str, value: str
) -> None:
    for text, line in (("secret set s --new", "PUT secrets/s"), ("secret create s", "POST secrets")):
        assert tell(*shlex.split(text), stdin=written).exit_code == 0
        assert (told.sent[-1].line, told.sent[-1].body["value"]) == (line, value)
    assert told.sent[-2].headers["if-none-match"] == "*"


def test_a_generated_key_of_a_secret_is_shown_as_its_receivers_need_it(tell: Kronos, told: Answering) -> None:
    for scheme, kept, shown in (("v1", "whsec_", "whsec_"), ("v1a", "whsk_", "whpk_")):
        ended = tell("secret", "set", "s", "--generate", scheme)
        value = told.sent[-1].body["value"]
        assert value.startswith(kept)
        assert ended.stderr.startswith(f"key for receivers to verify with: {shown}")
        assert (value in ended.stderr) is (scheme == "v1")


def test_the_same_key_of_idempotency_is_quoted_for_its_header(tell: Kronos, told: Answering) -> None:
    for text in (
        "job trigger j",
        "execution retry x",
        "endpoint test e",
        "endpoint create e --to http://a",
        "job backfill j --from a --to b",
        "dead-letter redrive",
        "dead-letter discard --job j",
        "calendar create c",
    ):
        body_of(tell, told, f"""{text} --idempotency-key 'order "7"'""")
        assert told.sent[-1].headers["idempotency-key"] == '"order \\"7\\""'
        body_of(tell, told, text)
        assert "idempotency-key" not in told.sent[-1].headers
