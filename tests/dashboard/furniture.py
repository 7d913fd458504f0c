"""A workspace with some of everything, for pages to show."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from dashboard.runs import furnish_runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Furniture:
    """The values that pages' paths are formatted with: workspace, job, one_shot, config, execution, …"""

    workspace: str
    names: Mapping[str, str]

    def path(self, page: str) -> str:
        return page.format_map({"workspace": self.workspace, **self.names})


def furnish(api: httpx.Client, database_url: str, workspace: str) -> Furniture:
    """Create it through the API."""
    base = f"/v1/workspaces/{workspace}"
    cron = {"trigger": "CRON", "name": "nightly", "cron": "0 3 * * *", "timezone": "Europe/Berlin"}
    made = [
        api.put(f"{base}/configs/production", json={"values": {"region": "eu", "hosts": ["a", "b"]}}),
        api.put(
            f"{base}/calendars/bank",
            json={
                "timezone": "Europe/Berlin",
                "business_days": ["mon", "tue", "wed", "thu", "fri"],
                "business_hours": {"opens": "09:00", "closes": "17:30"},
                "days": [
                    {"starts": "2026-12-24", "ends": "2026-12-26", "name": "Christmas"},
                    {"starts": "2026-12-31T14:00", "ends": "2026-12-31T18:00", "name": "Inventory"},
                    {"starts": "2027-01-02", "name": "We work after all", "open": True},
                ],
            },
        ),
        api.put(f"{base}/payload-specs/report-input", json={"schema": {"type": "object"}}),
        api.put(f"{base}/secrets/api-token", json={"value": "correct horse"}),
        api.post(f"{base}/jobs", json={"endpoint": "sink", **cron}),
        backup := api.post(f"{base}/heartbeats", json={"name": "backup", "cron": "0 3 * * *", "tags": ["nightly"]}),
        api.put(f"{base}/alert-rules/fails", json={"condition": {"type": "FAILURES", "count": 3}, "tell": ["sink"]}),
        once := api.post(f"{base}/jobs", json={"endpoint": "sink", "trigger": "IMMEDIATE"}),
    ]
    ping = backup.json()["ping_url"]
    for what in ("/start?rid=one", "/0?rid=one", "/1"):
        api.post(f"{ping}{what}", content=b"3 files\nof 3").raise_for_status()
    assert [each.text for each in made if each.status_code != 201] == []
    return Furniture(
        workspace=workspace,
        names={
            "job": "nightly",
            "endpoint": "sink",
            "one_shot": once.json()["job_id"],
            "config": "production",
            "calendar": "bank",
            "payload_spec": "report-input",
            "secret": "api-token",
            "heartbeat": "backup",
            "alert_rule": "fails",
            **furnish_runs(api, database_url, workspace, "nightly"),
        },
    )
