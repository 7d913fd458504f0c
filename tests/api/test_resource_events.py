"""Events of configuration: endpoints, documents, secrets, alert rules, and the workspace itself."""

import json

import httpx
import psycopg

from api.test_events import listening


def _hook(path: str) -> dict[str, object]:
    return {"type": "HTTP", "spec": {"url": f"http://127.0.0.1:9{path}", "method": "POST"}}


def test_what_people_configure_comes_to_who_asks_for_it(api: httpx.Client, workspace: str) -> None:
    """When one is created, changed or deleted, the event has its kind, name and version, and none of its content."""
    base = f"/v1/workspaces/{workspace}"
    puts: dict[str, tuple[str, dict[str, object], dict[str, object]]] = {
        "endpoint": ("endpoints", _hook("/"), _hook("/hunter2")),
        "config": ("configs", {"values": {"a": "hunter2"}}, {"values": {"a": "hunter3"}}),
        "payload_spec": ("payload-specs", {"schema": {}}, {"schema": {"title": "hunter2"}}),
        "calendar": ("calendars", {"timezone": "UTC"}, {"timezone": "Europe/Berlin"}),
        "secret": ("secrets", {"value": "hunter2"}, {"value": "hunter3"}),
        "alert_rule": (
            "alert-rules",
            {"condition": {"type": "FAILURES", "count": 3}},
            {"condition": {"type": "FAILURES", "count": 4}},
        ),
    }
    with listening(api, workspace, types="resource") as heard, listening(api, workspace) as others:
        for kind, (route, first, second) in puts.items():
            for nth, body in enumerate((first, second)):
                api.put(f"{base}/{route}/named", json=body).raise_for_status()
                event = heard.until(lambda each: each.data["kind"] == kind)[-1]  # noqa: B023
                assert (event.type, event.data["name"], event.data["version"]) == ("resource", "named", nth + 1)
                assert event.data["changes"] == [("created", "changed")[nth]]
                assert (event.data["workspace"], "hunter" in json.dumps(event.data)) == (workspace, False)
            api.delete(f"{base}/{route}/named").raise_for_status()
            gone = heard.until(lambda each: "deleted" in each.data["changes"])[-1].data
            assert (gone["kind"], gone["id"], gone["name"], gone["version"]) == (kind, event.data["id"], None, None)
        api.post(f"{base}/keys", json={"role": "viewer", "name": "hunter2"}).raise_for_status()
        own = heard.until(lambda each: each.data["kind"] == "workspace")[-1].data
        assert (own["name"], own["changes"], "hunter2" in json.dumps(own)) == (workspace, ["changed"], False)
        job = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *", "name": "nightly"}
        api.post(f"{base}/jobs", json=job).raise_for_status()
        assert {each.type for each in others.until(lambda each: each.data.get("name") == "nightly")} == {"job"}


def test_an_incident_that_opens_and_is_acknowledged_comes(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    base = f"/v1/workspaces/{workspace}"
    api.put(f"{base}/alert-rules/named", json={"condition": {"type": "FAILURES", "count": 3}}).raise_for_status()
    with listening(api, workspace, types="resource") as heard:
        (incident_id,) = shared_superuser.execute(
            """
            insert into kronos.incidents (workspace_id, rule_id, rule, severity, condition, kind, subject_id, detail)
            select workspace_id, rule_id, name, severity, condition, 'JOB', gen_random_uuid(), '3 runs failed'
              from kronos.alert_rules
             where workspace_id = (select workspace_id from kronos.workspaces where slug = %s)
            returning incident_id
            """,
            [workspace],
        ).fetchone() or (None,)
        opened = heard.until(lambda each: each.data["kind"] == "incident")[-1].data
        assert (opened["id"], opened["name"], opened["changes"]) == (str(incident_id), "named", ["created"])
        api.post(f"{base}/incidents/{incident_id}/acknowledge", json={"note": "hunter2"}).raise_for_status()
        told = heard.until(lambda each: each.data["kind"] == "incident")[-1].data
        assert (told["id"], told["changes"], "hunter2" in json.dumps(told)) == (str(incident_id), ["changed"], False)
