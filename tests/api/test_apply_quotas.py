"""Files applied at a quota: what they remove makes room for what they add, and they cannot bypass a quota."""

from typing import Any

import httpx
import pytest

from api.test_apply import apply, counts, faults

AT_NINE = {"name": "nine", "endpoint": "sink", "cron": "0 9 * * *"}
AT_TEN = {"name": "ten", "endpoint": "sink", "cron": "0 10 * * *"}
BEAT = {"name": "beat", "period_seconds": 60}
RULE: dict[str, Any] = {"name": "rule", "condition": {"type": "MISSED"}}
ALL: dict[str, Any] = {"jobs": [AT_NINE], "heartbeats": [BEAT], "alert_rules": [RULE]}


def limit(api: httpx.Client, workspace: str, **most: int) -> None:
    api.put(f"/v1/workspaces/{workspace}/quotas", json=most).raise_for_status()


def test_what_is_replaced_makes_room_for_what_takes_its_place(api: httpx.Client, workspace: str) -> None:
    limit(api, workspace, max_cron_jobs=1, max_heartbeats=1, max_alert_rules=1, max_alarms_per_minute=1)
    apply(api, workspace, **ALL)
    others = {kind: [resources[0] | {"name": "other"}] for kind, resources in ALL.items()}
    refused = apply(api, workspace, 422, **others)
    assert (refused["code"], set(faults(refused))) == ("quota_exceeded", {"/jobs/0", "/heartbeats/0", "/alert_rules/0"})
    tried = apply(api, workspace, **others, prune=True, validate_only=True)
    done = apply(api, workspace, **others, prune=True)
    assert counts(tried) == counts(done) == (3, 0, 0, 3)
    assert [each["name"] for each in done["resources"]] == ["other"] * 3 + ["rule", "beat", "nine"]
    usage = api.get(f"/v1/workspaces/{workspace}/usage").json()
    assert {usage[each]["used"] for each in ("cron_jobs", "heartbeats", "alert_rules")} == {1}


def test_a_job_that_moves_leaves_its_minute_to_one_that_is_new(api: httpx.Client, workspace: str) -> None:
    limit(api, workspace, max_alarms_per_minute=1)
    apply(api, workspace, jobs=[AT_NINE])
    moved = apply(api, workspace, jobs=[AT_NINE | {"cron": "30 9 * * *"}, AT_NINE | {"name": "new"}])
    assert counts(moved) == (1, 1, 0, 0)
    # and in the opposite direction, along a row of jobs
    row = [AT_NINE | {"cron": "0 9 * * *"}, AT_NINE | {"name": "new", "cron": "15 9 * * *"}, AT_TEN]
    assert counts(apply(api, workspace, jobs=row)) == (1, 2, 0, 0)


@pytest.mark.parametrize("is_change", [True, False])
def test_files_crowd_no_minute_that_a_request_could_not(api: httpx.Client, workspace: str, is_change: bool) -> None:
    limit(api, workspace, max_alarms_per_minute=1)
    if is_change:
        apply(api, workspace, jobs=[AT_NINE, AT_TEN])
    crowded = [AT_NINE, AT_TEN | {"cron": AT_NINE["cron"]}]
    refused = apply(api, workspace, 422, jobs=crowded)
    assert refused["code"] == "quota_exceeded"
    assert "/jobs/1/cron" in faults(refused)
    assert counts(apply(api, workspace, jobs=[AT_NINE, AT_TEN], validate_only=True))[1] == 0


def test_what_is_named_yet_goes_after_what_named_it(api: httpx.Client, workspace: str) -> None:
    called = AT_NINE | {"on_failure": {"job": "ten"}}
    apply(api, workspace, jobs=[called, AT_TEN])
    applied = apply(api, workspace, jobs=[AT_NINE], prune=True)
    assert counts(applied) == (0, 1, 0, 1)
    apply(api, workspace, jobs=[called, AT_TEN])
    refused = apply(api, workspace, 422, jobs=[called], prune=True)
    assert "the job 'ten' is no longer in the files but cannot be removed" in faults(refused)["/prune"]
