"""A workspace with a daily quota of executions, and calls that use it."""

from typing import Any

import httpx

from clock import Clock
from conftest import Api, make_workspace
from factory import EndpointRow
from sql_factory import Connection, value

NOW = {"endpoint": "sink", "trigger": "IMMEDIATE"}
NONE = dict.fromkeys(
    (
        "max_cron_jobs",
        "max_executions_per_day",
        "max_input_bytes",
        "max_concurrency",
        "max_alarms_per_minute",
        "max_heartbeats",
        "max_alert_rules",
    )
)


def limit(api: httpx.Client, base: str, **limits: int | None) -> None:
    answer = api.put(f"{base}/quotas", json=limits)
    assert answer.status_code == 200, answer.text
    assert {name: answer.json()[name] for name in NONE} == NONE | limits
    assert answer.json() == api.get(f"{base}/quotas").json()


def used(api: httpx.Client, base: str, what: str) -> Any:
    return api.get(f"{base}/usage").raise_for_status().json()[what]


class Day:
    """A workspace with a daily quota of executions, in its own database whose clock stands just before midnight."""

    def __init__(self, api: Api, superuser: Connection, most: int) -> None:
        self.api, self.superuser = api.client, superuser
        noon = "select (date_trunc('day', now() at time zone 'UTC') + interval '36 hours') at time zone 'UTC'"
        Clock(superuser).set(value(superuser, noon))
        self.slug = make_workspace(api.client)
        self.base = f"/v1/workspaces/{self.slug}"
        self.id = value(superuser, "select workspace_id from kronos.workspaces where slug = %s", [self.slug])
        limit(self.api, self.base, max_executions_per_day=most)

    def post(self, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        return self.api.post(f"{self.base}/{path}", json=body or {})

    def made(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self.post(path, body).raise_for_status().json()

    @property
    def used(self) -> int:
        return int(used(self.api, self.base, "executions_per_day")["used"])

    def use_up(self) -> None:
        left = value(self.superuser, "select kronos.executions_left(%s)", [self.id])
        self.made("jobs:batch", {"jobs": [NOW] * left})

    def endpoint(self) -> EndpointRow:
        endpoint_id = value(
            self.superuser, "select endpoint_id from kronos.endpoints where workspace_id = %s", [self.id]
        )
        return EndpointRow(
            endpoint_id=endpoint_id, workspace_id=self.id, timeout_ms=5000, max_attempts=5, max_crashes=3
        )
