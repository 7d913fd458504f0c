"""Heartbeats and alert rules in files: created, compared, exported, pruned."""

from typing import Any

import httpx
import pytest

from api.test_apply import ENDPOINT, JOB, apply, counts, faults, of
from conftest import holding, make_workspace
from factory import add_key
from sql_factory import Connection

BACKUP = {"name": "backup", "cron": "0 3 * * *", "timezone": "Europe/Berlin", "grace_seconds": 900, "tags": ["nightly"]}
SYNC = {"name": "sync", "every": "90m", "anchor": "2026-01-01T00:00:00Z"}
WATCH = {"name": "watch", "period_seconds": 3600}
MISSED = {"name": "missed", "condition": {"type": "MISSED"}, "selects": {"heartbeat": "backup"}, "tell": ["report"]}
FAILING = {"name": "failing", "condition": {"type": "FAILURES", "count": 3}, "selects": {"job": "weekly"}}
FILES: dict[str, Any] = {
    "endpoints": [ENDPOINT],
    "jobs": [JOB],
    "heartbeats": [BACKUP, SYNC, WATCH],
    "alert_rules": [MISSED, FAILING],
}


def get(api: httpx.Client, workspace: str, *path: str) -> Any:
    return api.get("/".join(("/v1/workspaces", workspace, *path))).raise_for_status().json()


def test_they_are_made_after_what_they_name_and_then_left_alone(api: httpx.Client, workspace: str) -> None:
    planned = apply(api, workspace, **FILES, validate_only=True)
    assert (counts(planned), get(api, workspace, "heartbeats")["data"]) == ((7, 0, 0, 0), [])
    made = apply(api, workspace, **FILES)
    assert counts(made) == (7, 0, 0, 0)
    assert "hb_" not in str(made)  # a ping URL would appear in a pipeline's output
    assert counts(apply(api, workspace, **FILES)) == (0, 0, 7, 0)
    backup = get(api, workspace, "heartbeats", "backup")
    assert {name: backup[name] for name in BACKUP} == BACKUP
    assert get(api, workspace, "alert-rules", "missed")["condition"] == {"type": "MISSED", "count": 1}


def test_a_change_is_told_field_by_field_and_keeps_the_ping_url(api: httpx.Client, workspace: str) -> None:
    apply(api, workspace, **FILES)
    heartbeats = [BACKUP | {"grace_seconds": 60}, {"name": "sync", "every": "90m", "tags": ["x"]}, WATCH]
    rules = [MISSED | {"severity": "CRITICAL"}, FAILING | {"condition": {"type": "FAILURES", "count": 5}}]
    changed = apply(api, workspace, **FILES | {"heartbeats": heartbeats, "alert_rules": rules})
    assert counts(changed) == (0, 4, 3, 0)
    assert [(each["field"], each["before"], each["after"]) for each in of(changed, "backup")["fields"]] == [
        ("/grace_seconds", 900, 60)
    ]
    assert [each["field"] for each in of(changed, "sync")["fields"]] == ["/tags"]
    assert of(changed, "failing")["fields"][0]["field"] == "/condition/count"
    sync = get(api, workspace, "heartbeats", "sync")
    assert sync["anchor"] == "2026-01-01T00:00:00Z"  # which the file no longer mentions
    assert get(api, workspace, "heartbeats", "backup")["token_version"] == 1
    assert get(api, workspace, "alert-rules", "missed")["version"] == 2


def test_what_a_person_changed_is_drift(api: httpx.Client, workspace: str) -> None:
    apply(api, workspace, **FILES)
    base = f"/v1/workspaces/{workspace}"
    api.put(f"{base}/heartbeats/watch", json={"period_seconds": 60}).raise_for_status()
    api.delete(f"{base}/alert-rules/failing").raise_for_status()
    planned = apply(api, workspace, **FILES, validate_only=True)
    assert of(planned, "watch")["fields"][0] == {
        "field": "/period_seconds",
        "before": 60,
        "after": 3600,
        "is_drift": True,
    }
    assert of(planned, "watch")["drift"]["action"] == "heartbeat.update"
    assert (of(planned, "failing")["change"], of(planned, "failing")["drift"]["action"]) == (
        "created",
        "alert_rule.delete",
    )


def test_prune_takes_rules_before_what_they_name_and_nothing_of_others(api: httpx.Client, workspace: str) -> None:
    apply(api, workspace, **FILES)
    base = f"/v1/workspaces/{workspace}"
    api.post(f"{base}/heartbeats", json={"name": "by-hand", "period_seconds": 60}).raise_for_status()
    left = apply(api, workspace, endpoints=[], jobs=[JOB], heartbeats=[WATCH], validate_only=True)["left"]
    assert [each["kind"] for each in left] == ["alert_rule", "alert_rule", "heartbeat", "heartbeat", "endpoint"]
    pruned = apply(api, workspace, endpoints=[ENDPOINT], jobs=[JOB], heartbeats=[WATCH], prune=True)
    assert counts(pruned) == (0, 0, 3, 4)
    assert [each["name"] for each in get(api, workspace, "heartbeats")["data"]] == ["by-hand", "watch"]
    assert get(api, workspace, "alert-rules")["data"] == []
    everything = apply(api, workspace, prune=True)
    assert counts(everything) == (0, 0, 0, 3)
    assert [each["name"] for each in get(api, workspace, "heartbeats")["data"]] == ["by-hand"]


def test_what_is_exported_is_no_change_and_says_no_default(api: httpx.Client, workspace: str) -> None:
    everything = {"tell": ["report"], "severity": "INFO", "recovered": False, "repeat_seconds": 600, "enabled": False}
    rate = {"type": "FAILURE_RATE", "percent": 50, "window_seconds": 600, "min_runs": 4}
    rule = {"name": "rate", "condition": rate, "selects": {"tag": "x"}, "per": "ALL"} | everything
    local = {"name": "local", "every": "1d", "anchor": "2026-01-01T03:00:00", "timezone": "Europe/Berlin"}
    apply(api, workspace, **FILES | {"heartbeats": [BACKUP, SYNC, WATCH, local], "alert_rules": [MISSED, rule]})
    exported = get(api, workspace, "export")
    assert exported["heartbeats"] == [BACKUP, local, SYNC, WATCH]
    assert exported["alert_rules"] == [MISSED | {"condition": {"type": "MISSED", "count": 1}}, rule]
    assert counts(apply(api, workspace, **exported)) == (0, 0, 9, 0)  # including the endpoint that existed before
    other = make_workspace(api)
    assert counts(apply(api, other, **exported)) == (8, 0, 1, 0)


@pytest.mark.parametrize(
    ("kind", "item", "pointer", "detail"),
    [
        ("heartbeats", {"name": "x"}, "/heartbeats/0", ""),
        ("heartbeats", {"name": "x", "cron": "a b"}, "/heartbeats/0/cron", ""),
        ("heartbeats", {"name": "x", "cron": "0 3 * * *", "period_seconds": 60}, "/heartbeats/0/cron", "are given"),
        ("alert_rules", {"name": "x"}, "/alert_rules/0/condition", ""),
        ("alert_rules", FAILING, "/alert_rules/0/selects/job", "no job 'weekly' in this workspace"),
        ("alert_rules", MISSED | {"selects": {}}, "/alert_rules/0/tell/0", "no endpoint 'report' in this workspace"),
        (
            "alert_rules",
            {"name": "x", "condition": {"type": "LATE"}},
            "/alert_rules/0/condition/seconds",
            "needs seconds",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    api: httpx.Client, workspace: str, kind: str, item: dict[str, Any], pointer: str, detail: str
) -> None:
    refused = faults(apply(api, workspace, 422, **{kind: [item]}))
    (found,) = (each for at, each in refused.items() if at.startswith(pointer))
    assert detail in found


def test_an_operator_applies_heartbeats_and_an_admin_rules(
    api: httpx.Client, workspace: str, shared_superuser: Connection
) -> None:
    with holding(api, add_key(shared_superuser, workspace, "operator")) as operator:
        assert counts(apply(operator, workspace, heartbeats=[WATCH])) == (1, 0, 0, 0)
        problem = apply(operator, workspace, 403, heartbeats=[WATCH], alert_rules=[FAILING | {"selects": {}}])
        assert "the alert rule 'failing' would be created: this needs the role admin" in problem["detail"]
        assert counts(apply(operator, workspace, prune=True)) == (0, 0, 0, 1)


def test_quotas_bound_both_whichever_way_they_come(api: httpx.Client, workspace: str) -> None:
    base = f"/v1/workspaces/{workspace}"
    api.put(f"{base}/quotas", json={"max_heartbeats": 1, "max_alert_rules": 1}).raise_for_status()
    rule = FAILING | {"selects": {}}
    apply(api, workspace, heartbeats=[WATCH], alert_rules=[rule])
    usage = get(api, workspace, "usage")
    assert usage["heartbeats"] == usage["alert_rules"] == {"used": 1, "limit": 1, "resets_at": None}
    for answered, quota in (
        (api.post(f"{base}/heartbeats", json=SYNC), "heartbeats"),
        (api.put(f"{base}/heartbeats/sync", json={"every": "90m"}), "heartbeats"),
        (api.post(f"{base}/alert-rules", json=rule | {"name": "more"}), "alert_rules"),
        (api.put(f"{base}/alert-rules/more", json={"condition": rule["condition"]}), "alert_rules"),
    ):
        problem = answered.json()
        assert (answered.status_code, problem["code"], problem["quota"]) == (422, "quota_exceeded", quota)
        assert (problem["used"], problem["limit"]) == (2, 1)
    refused = apply(api, workspace, 422, heartbeats=[WATCH, SYNC], alert_rules=[rule])
    assert faults(refused) == {"/heartbeats/1": "the workspace would have 2 heartbeats; its limit is 1"}
    # Existing ones can still be changed, and deleting one makes room.
    api.put(f"{base}/heartbeats/watch", json={"period_seconds": 60}).raise_for_status()
    api.put(f"{base}/alert-rules/failing", json={"condition": {"type": "MISSED"}}).raise_for_status()
    api.delete(f"{base}/heartbeats/watch").raise_for_status()
    api.post(f"{base}/heartbeats", json=SYNC).raise_for_status()
    api.put(f"{base}/quotas", json={}).raise_for_status()
    api.post(f"{base}/alert-rules", json=rule | {"name": "more"}).raise_for_status()
    assert get(api, workspace, "usage")["alert_rules"] == {"used": 2, "limit": None, "resets_at": None}
