"""kronos alert-rule and kronos alert, and the messages that notified endpoints receive."""

import json

import psycopg
import pytest

from alert_rows import add_incident
from cli.commands import Kronos, shown
from kronos import alert_shapes
from kronos.delivery.template import render

_INPUT = {
    **{"event": "OPENED", "workspace": "acme", "rule": "nightly", "event_action": "trigger", "count": 1, "open": 1},
    **{"text": "[ERROR] acme/nightly: report: it failed", "dedup_key": "kronos/acme/nightly", "severity": "ERROR"},
    **{"pagerduty_severity": "error", "at": "2026-11-29T03:01:00Z", "incidents": [{"detail": "it failed"}]},
}


def test_rules_from_their_making_to_their_end(kronos: Kronos) -> None:
    made = kronos("alert-rule", "create", "nights", "--failures", "3", "--tag", "night", "--repeat", "4h")
    assert json.loads(shown(made)["condition"]) == {"type": "FAILURES", "count": 3}
    assert json.loads(shown(made)["selects"]) == {"tag": "night"}
    assert shown(made)["repeat_seconds"] == "14400"
    rate = ("--endpoint", "sink", "--together", "--failure-rate", "20", "--within", "1h", "--tell", "sink")
    put = json.loads(kronos("alert-rule", "put", "nights", *rate, "--json").stdout)
    assert put["condition"] == {"type": "FAILURE_RATE", "percent": 20, "window_seconds": 3600, "min_runs": 1}
    assert (put["per"], put["tell"], put["version"]) == ("ALL", ["sink"], 2)
    assert "nights" in kronos("alert-rule", "ls").stdout
    assert kronos("alert-rule", "rm", "nights", "--yes").stdout == "alert rule nights is deleted\n"
    assert "no alert rule yet" in kronos("alert-rule", "ls").stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "say what breaks the rule"),
        (("--failures", "1", "--missed", "1"), "say what breaks the rule"),
        (("--late", "5x"), "is not a time span"),
        (("--failure-rate", "20"), "exactly one of runs and window_seconds"),
    ],
)
def test_a_rule_that_is_none_is_refused_in_a_sentence(kronos: Kronos, options: tuple[str, ...], said: str) -> None:
    refused = kronos("alert-rule", "create", "nights", *options)
    assert refused.exit_code != 0
    assert said in refused.stderr


def test_incidents_are_listed_acknowledged_and_snoozed(
    kronos: Kronos, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    incident = add_incident(shared_superuser, workspace)
    assert f"{incident}  OPEN" in kronos("alert", "ls").stdout
    assert "snoozed_until" in shown(kronos("alert", "snooze", incident, "--for", "2h"))
    assert "snoozed_until" not in shown(kronos("alert", "snooze", incident, "--off"))
    assert kronos("alert", "snooze", incident).exit_code == 2
    assert shown(kronos("alert", "ack", incident, "--note", "on it"))["note"] == "on it"
    assert shown(kronos("alert", "get", incident))["status"] == "ACKNOWLEDGED"
    assert "no incident" in kronos("alert", "ls", "--status", "OPEN").stderr
    assert kronos("alert", "ls", "--all", "--status", "OPEN").exit_code == 2


def test_endpoints_for_chats_and_pagers(kronos: Kronos) -> None:
    chat = kronos("alert", "endpoint", "chat", "--shape", "slack", "--to", "https://hooks.example.com/x")
    assert '"text":"{{input.text}}"' in shown(chat)["spec"]
    kronos("alert", "endpoint", "plain", "--shape", "webhook", "--to", "https://example.com/x")
    assert json.loads(kronos("endpoint", "get", "plain", "--json").stdout)["spec"].get("body_template") is None
    assert "needs a routing key" in kronos("alert", "endpoint", "pager", "--shape", "pagerduty").stderr
    assert "where should notifications go?" in kronos("alert", "endpoint", "chat2", "--shape", "slack").stderr


def test_the_shapes_are_what_their_receivers_take() -> None:
    chat = alert_shapes.endpoint("slack", url="https://hooks.example.com/x", secret=None)
    assert render(chat["spec"]["body_template"], {"input": _INPUT}) == {"text": _INPUT["text"]}
    pager = alert_shapes.endpoint("pagerduty", url=alert_shapes.PAGERDUTY_URL, secret="pager-key")
    sent = render(pager["spec"]["body_template"], {"input": _INPUT, "secret": {"pager-key": "R1"}})
    # https://developer.pagerduty.com/docs/events-api-v2/trigger-events/
    assert (sent["routing_key"], sent["event_action"], sent["dedup_key"]) == ("R1", "trigger", "kronos/acme/nightly")
    assert sent["payload"].keys() >= {"summary", "source", "severity", "timestamp"}
    assert sent["payload"]["severity"] in ("critical", "error", "warning", "info")
    assert sent["payload"]["custom_details"]["incidents"] == [{"detail": "it failed"}]
