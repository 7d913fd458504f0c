"""A workspace with some of everything, for pages to show."""

from dataclasses import asdict, dataclass

import httpx


@dataclass(frozen=True, slots=True, kw_only=True)
class Furniture:
    """What the paths of pages are formatted with."""

    workspace: str
    job: str
    config: str
    payload_spec: str
    secret: str

    def path(self, page: str) -> str:
        return page.format_map(asdict(self))


def furnish(api: httpx.Client, workspace: str) -> Furniture:
    """Make it, by the API."""
    base = f"/v1/workspaces/{workspace}"
    made = [
        api.put(f"{base}/configs/production", json={"values": {"region": "eu", "hosts": ["a", "b"]}}),
        api.put(f"{base}/payload-specs/report-input", json={"schema": {"type": "object"}}),
        api.put(f"{base}/secrets/api-token", json={"value": "correct horse"}),
        api.post(
            f"{base}/jobs",
            json={
                "endpoint": "sink",
                "trigger": "CRON",
                "name": "nightly",
                "cron": "0 3 * * *",
                "timezone": "Europe/Berlin",
            },
        ),
    ]
    assert [each.text for each in made if each.status_code != 201] == []
    return Furniture(
        workspace=workspace, job="nightly", config="production", payload_spec="report-input", secret="api-token"
    )
