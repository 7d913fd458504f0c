"""Files applied to a workspace over the API: all of it or nothing, said before it is done."""

from typing import Any

import httpx

ENDPOINT = {"name": "report", "type": "HTTP", "spec": {"url": "https://example.com/report"}}
JOB = {"name": "weekly", "endpoint": "report", "cron": "0 9 * * 1"}


def apply(api: httpx.Client, workspace: str, answers: int = 200, /, **body: Any) -> Any:
    answered = api.post(f"/v1/workspaces/{workspace}/apply", json=body)
    assert answered.status_code == answers, answered.text
    return answered.json()


def test_what_files_hold_is_made_changed_and_then_left_alone(api: httpx.Client, workspace: str) -> None:
    made = apply(api, workspace, endpoints=[ENDPOINT], jobs=[JOB])
    assert made["counts"] == {"created": 2, "changed": 0, "unchanged": 0, "removed": 0}
    assert made["is_applied"] is True
    weekly = made["resources"][1]
    assert (weekly["kind"], weekly["name"], weekly["change"]) == ("job", "weekly", "created")
    assert weekly["runs"]["added"] == made["runs"]["added"] == 1

    again = apply(api, workspace, endpoints=[ENDPOINT], jobs=[JOB])
    assert again["counts"] == {"created": 0, "changed": 0, "unchanged": 2, "removed": 0}

    changed = apply(api, workspace, endpoints=[ENDPOINT], jobs=[JOB | {"cron": "0 10 * * 1"}])
    assert changed["counts"] == {"created": 0, "changed": 1, "unchanged": 1, "removed": 0}
    (field,) = changed["resources"][1]["fields"]
    assert field == {"field": "/cron", "before": "0 9 * * 1", "after": "0 10 * * 1", "is_drift": False}
    assert changed["runs"] == {"added": 0, "removed": 0, "moved": 1}
    job = api.get(f"/v1/workspaces/{workspace}/jobs/weekly").json()
    assert (job["cron"], job["version"], job["pg_cron"]["active"]) == ("0 10 * * 1", 2, True)
