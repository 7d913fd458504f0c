"""A workspace with some of everything, for pages to show."""

from dataclasses import asdict, dataclass

import httpx

from dashboard.runs import furnish_runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Furniture:
    """What the paths of pages are formatted with."""

    workspace: str
    job: str
    execution: str
    waiting: str
    operation: str

    def path(self, page: str) -> str:
        return page.format_map(asdict(self))


def furnish(api: httpx.Client, database_url: str, workspace: str) -> Furniture:
    """Make it, by the API."""
    made = api.post(
        f"/v1/workspaces/{workspace}/jobs",
        json={
            "endpoint": "sink",
            "trigger": "CRON",
            "name": "nightly",
            "cron": "0 3 * * *",
            "timezone": "Europe/Berlin",
        },
    )
    assert made.status_code == 201, made.text
    return Furniture(workspace=workspace, job="nightly", **furnish_runs(api, database_url, workspace, "nightly"))
