"""Names of the maximum length do not widen a phone's page, even with everything unfolded."""

from datetime import UTC, datetime, timedelta

import httpx

from dashboard.browser import Watched

_LONG = "n" * 63
_CONDITION = {"type": "FAILURES", "count": 3}
_MADE: dict[str, dict[str, object]] = {
    "configs": {"values": {"a": "b" * 300}},
    "payload-specs": {"schema": {"title": "t" * 300}},
    "calendars": {"timezone": "UTC", "days": [{"starts": "2027-01-01", "name": "d" * 100}]},
    "secrets": {"value": "correct horse"},
    "alert-rules": {"condition": _CONDITION},
    "endpoints": {"type": "HTTP", "spec": {"url": f"http://127.0.0.1:9/{'u' * 300}", "method": "POST"}},
}
_UNFOLD = "for (const each of document.querySelectorAll('main details')) each.open = true"
_WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def test_a_page_is_no_wider_for_a_long_name(page: Watched, api: httpx.Client, workspace: str) -> None:
    base = f"/v1/workspaces/{workspace}"
    for kind, body in _MADE.items():
        made = api.put(f"{base}/{kind}/{_LONG}", json=body)
        assert made.status_code == 201, made.text
    closed = {"starts": f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}", "name": "d" * 100}
    api.put(f"{base}/calendars/{_LONG}", json={"timezone": "UTC", "days": [closed]}).raise_for_status()
    api.post(f"{base}/keys", json={"role": "viewer", "name": _LONG}).raise_for_status()
    api.put(f"{base}/heartbeats/{_LONG}", json={"period_seconds": 3600}).raise_for_status()
    job: dict[str, object] = {
        "endpoint": _LONG,
        "trigger": "CRON",
        "cron": "0 3 * * *",
        "name": "j" * 127,
        "title": "t" * 200,
    }
    job["calendars"] = [_LONG]
    api.post(f"{base}/jobs", json=job).raise_for_status()
    parts = (
        "keys",
        "overview",
        "load",
        "load/plan",
        "jobs",
        f"jobs/{job['name']}",
        f"jobs/{job['name']}/edit",
        "heartbeats",
        *_MADE,
    )
    page.show(360, "light")
    wider = {}
    for part in (*parts, *(f"{kind}/{_LONG}" for kind in ("heartbeats", *_MADE))):
        path = f"/w/{workspace}/{'alerts' if part == 'alert-rules' else part}"
        page.go(path)
        assert page.page.locator("main").count() == 1
        page.page.evaluate(_UNFOLD)
        if (by := page.page.evaluate(_WIDER)) > 0:
            wider[part] = by
    assert wider == {}
