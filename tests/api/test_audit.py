"""Who changed what: each write of the API leaves a row with who, from where and in which request. Reads leave none."""

import json
import threading
import uuid
from typing import Any

import httpx
import pytest

from api.cut_scene import Scene
from api.cutting_proxy import Proxy
from api.test_lost_answers import HTTP, WRITES, asked
from api_answers import answered
from conftest import Api, await_condition
from factory import add_key
from kronos import audit, config, errors
from kronos.api import app
from kronos.api.call import Call
from kronos.api.operation import Operation
from kronos.model import Role
from sql_factory import Connection, records, value

# The action and object of each write. Each leaves one row, unless noted.
_LEAVES = {
    "cron job": ("job.create", "{job_id}"),
    "batch": ("job.create", "same"),
    "jobs in bulk": ("job.pause", "{j}"),
    "trigger": ("execution.trigger", "{execution_id}"),
    "backfill": ("backfill.create", "{backfill_id}"),
    "retry": ("execution.retry", "{e}"),
    "endpoint": ("endpoint.create", "new"),
    "workspace": ("workspace.create", "{new}"),
    "patched job": ("job.update", "{job_id}"),
    "cancelled job": ("job.cancel", "{j}"),
    "paused job": ("job.pause", "{j}"),
    "resumed job": ("job.resume", "{j}"),
    "skipped ticks": ("job.update", "{j}"),
    "cancelled execution": ("execution.cancel", "{e}"),
    "cancelled backfill": ("backfill.cancel", "{b}"),
    "replaced endpoint": ("endpoint.update", "other"),
    "endpoint by PUT": ("endpoint.create", "fresh"),
    "deleted endpoint": ("endpoint.delete", "other"),
    "disabled endpoint": ("endpoint.disable", "other"),
    "enabled endpoint": ("endpoint.enable", "other"),
    "apply": ("job.create", "new"),
    "config": ("config.create", "new"),
    "replaced config": ("config.update", "other"),
    "deleted config": ("config.delete", "other"),
    "payload spec": ("payload_spec.create", "new"),
    "replaced payload spec": ("payload_spec.update", "other"),
    "deleted payload spec": ("payload_spec.delete", "other"),
    "calendar": ("calendar.create", "new"),
    "replaced calendar": ("calendar.update", "other"),
    "deleted calendar": ("calendar.delete", "other"),
    "secret": ("secret.create", "new"),
    "replaced secret": ("secret.update", "other"),
    "deleted secret": ("secret.delete", "other"),
    "rule": ("alert_rule.create", "new"),
    "replaced rule": ("alert_rule.update", "other"),
    "deleted rule": ("alert_rule.delete", "other"),
    "acknowledged incident": ("incident.acknowledge", "{i}"),
    "snoozed incident": ("incident.snooze", "{i}"),
    "heartbeat": ("heartbeat.create", "new"),
    "replaced heartbeat": ("heartbeat.update", "other"),
    "pause of a heartbeat": ("heartbeat.pause", "other"),
    "resume of a heartbeat": ("heartbeat.resume", "other"),
    "rotate of a heartbeat": ("heartbeat.update", "other"),
    "deleted heartbeat": ("heartbeat.delete", "other"),
    "redrive": ("operation.redrive", "{operation_id}"),
    "discard": ("operation.discard", "{operation_id}"),
    "bulk": ("operation.pause", "{operation_id}"),
    "cancelled operation": ("operation.cancel", "{o}"),
    "renamed workspace": ("workspace.update", "{w}"),
    "suspended workspace": ("workspace.suspend", "{w}"),
    "resumed workspace": ("workspace.resume", "{w}"),
    "deleted workspace": ("workspace.delete", "{w}"),
    "quotas": ("workspace.update", "{w}"),
    "key": ("api_key.create", "{public_id}"),
    "revoked key": ("api_key.revoke", ""),
    "role mapping": ("role_mapping.create", "{mapping_id}"),
    "removed role mapping": ("role_mapping.delete", "{mapping_id}"),
    "organization": ("organization.create", "{new}"),
    "renamed organization": ("organization.update", "{org}"),
    "ages": ("retention.update", "{workspace_id}"),
}
# Their own rows record who made them (decision 98).
_ONE_SHOTS = {"one-shot", "local one-shot"}
_MINE = """
select workspace_id::text, actor, key_id, address, action, object_type, object_id, object, before, after,
       database_user
  from (select workspace_id, actor, key_id, address, action, object_type, object_id, object, before, after,
               database_user, request_id, at from kronos.audit_pending
        union all
        select workspace_id, actor, key_id, address, action, object_type, object_id, object, before, after,
               database_user, request_id, at from kronos.audit) as row
 where request_id = %s
 order by at
"""


class _Audited(Scene):
    """A scene without a proxy, whose requests have their own ids."""

    def __init__(self, api: Api, superuser: Connection, slug: str) -> None:
        nothing = Proxy(url=api.database_url)
        super().__init__(api.client, nothing, superuser, slug=slug, making=api.client)
        self.actor = api.key.split("_")[2]

    def mine(self, request_id: str) -> list[dict[str, Any]]:
        """The rows that a request left."""
        return records(self.superuser, _MINE, [request_id])


@pytest.fixture
def scene(shared_api: Api, shared_superuser: Connection, workspace: str) -> _Audited:
    return _Audited(shared_api, shared_superuser, workspace)


def test_each_write_of_the_api_is_known_here() -> None:
    assert set(WRITES) == set(_LEAVES) | _ONE_SHOTS | {"rotated key"}


@pytest.mark.parametrize("name", WRITES)
def test_a_write_leaves_one_row_that_says_who_did_what_in_which_request(scene: _Audited, name: str) -> None:
    write, request_id = WRITES[name], uuid.uuid4().hex
    names = {"w": scene.slug} | write.ready(scene)
    names["w"] = scene.slug
    scene.client.headers["Request-Id"] = request_id
    try:
        answer = asked(scene, write, names, uuid.uuid4().hex)
    finally:
        del scene.client.headers["Request-Id"]
    assert answer.is_success, answer.text
    found = scene.mine(request_id)
    if name in _ONE_SHOTS:
        assert found == []
        found = scene.client.get(
            f"{scene.base}/audit", params={"object_type": "one_shot", "request_id": request_id}
        ).json()["data"]
    if name == "rotated key":  # two keys change
        assert sorted(row["action"] for row in found) == ["api_key.create", "api_key.update"]
        return
    (row,) = found
    action, named = ("one_shot.create", "{job_id}") if name in _ONE_SHOTS else _LEAVES[name]
    made = answer.json() if answer.content else {}
    workspace_id = row.get("workspace_id")
    object = named.format_map({"new": scene.new, "workspace_id": workspace_id, **names, **made})
    assert (row["action"], row["object_type"]) == (action, action.partition(".")[0])
    assert object in (row["object_id"], row["object"], "")
    assert (row["actor"], row["key_id"], row["address"]) == (scene.actor, scene.actor, "127.0.0.1")
    assert row["before"] or row["after"] or action in ("execution.retry", "execution.cancel")
    # an idempotent repetition of the call changes nothing
    if write.makes is not None and name not in {"batch", *_ONE_SHOTS}:
        assert len(scene.mine(request_id)) == 1


def test_a_test_delivery_is_a_row(scene: _Audited) -> None:
    request_id = uuid.uuid4().hex
    asking = threading.Thread(
        target=scene.client.post,
        args=[f"{scene.base}/endpoints/sink/test"],
        kwargs={"json": {"input": {"a": "planted"}}, "headers": {"Request-Id": request_id}},
    )
    asking.start()
    await_condition(lambda: scene.mine(request_id), "the test to be made")
    scene.superuser.execute(
        "select kronos.cancel_executions(array[%s::uuid], '{}')", [scene.mine(request_id)[0]["object_id"]]
    )
    asking.join()
    (row,) = scene.mine(request_id)
    assert (row["action"], row["object"], row["actor"]) == ("execution.test", "sink", scene.actor)


def test_what_reads_and_what_is_refused_leaves_no_row(scene: _Audited) -> None:
    """Every GET of the API, the POSTs that write nothing, and writes that are rejected."""
    job = scene.made("/jobs", {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *"})
    names = {"w": scene.slug, "j": job["job_id"], "name": "sink"} | dict.fromkeys("ebok", str(uuid.uuid4()))
    names |= {"key_id": str(uuid.uuid4()), "org": "none", "i": str(uuid.uuid4()), "token": "x", "signal": "fail"}
    routes = app.create(config.load(database_url="postgresql://")).routes
    gets = [each.path for each in routes if isinstance(each, Operation) and "GET" in (each.methods or ())]
    before = value(scene.superuser, "select count(*) from kronos.audit_pending")
    sealed = value(scene.superuser, "select coalesce(sum(number), 0) from kronos.audit_chains")
    for path in gets:
        answered(scene.client, "GET", path.format_map(names))
    for path, body in (
        ("/v1/schedules/preview", {"cron": "0 0 * * *"}),
        (f"{scene.base}/endpoints/sink/render", {"input": {}}),
        (f"{scene.base}/dead-letters/redrive", {"validate_only": True}),
        (f"{scene.base}/jobs", {"endpoint": "nowhere", "trigger": "CRON", "cron": "0 0 * * *"}),
        (f"{scene.base}/endpoints", {"name": "sink", **HTTP}),
        ("/v1/workspaces", {"slug": scene.slug}),
    ):
        scene.client.post(path, json=body)
    assert len(gets) > 30
    assert value(scene.superuser, "select count(*) from kronos.audit_pending") == before
    assert value(scene.superuser, "select coalesce(sum(number), 0) from kronos.audit_chains") == sealed


def test_no_secret_and_no_input_stands_in_any_row(scene: _Audited) -> None:
    planted = f"planted-{uuid.uuid4().hex}"
    scene.client.put(f"{scene.base}/secrets/token", json={"value": planted}).raise_for_status()
    scene.client.put(f"{scene.base}/secrets/token", json={"value": f"{planted}-2"}).raise_for_status()
    job = scene.made("/jobs", {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *", "input": {"pin": planted}})
    scene.client.patch(f"{scene.base}/jobs/{job['job_id']}", json={"input": {"pin": f"{planted}-3"}}).raise_for_status()
    spec: dict[str, Any] = {
        "url": f"http://127.0.0.1:9/?a=1&api_key={planted}&b=2",
        "headers": {
            "Authorization": f"Bearer {planted}",
            "X-Api-Key": planted,
            "X-Tenant": "acme",
            "X-Token": "{{secret.token}}",
        },
        "body_template": {
            "password": planted,
            "in": [{"apiToken": [planted, "{{secret.token}}"]}, f"grant=1&client_secret={planted}"],
            "pin_code": "{{input.pin}}",
            "none": None,
        },
    }
    config = {"values": {"db": {"password": planted}, "region": "eu"}}
    scene.client.put(f"{scene.base}/configs/literal", json=config).raise_for_status()
    scene.client.put(f"{scene.base}/endpoints/literal", json=HTTP | {"spec": spec}).raise_for_status()
    spec["headers"] |= {"Authorization": f"Bearer {planted}-4"}
    scene.client.put(f"{scene.base}/endpoints/literal", json=HTTP | {"spec": spec}).raise_for_status()
    for row in (job["job_id"], "token"):
        scene.client.get(f"{scene.base}/audit", params={"object": row}).raise_for_status()
    assert scene.client.get("/v1/workspaces").is_success
    for table in ("audit", "audit_pending"):
        rows = scene.superuser.execute(f"select row::text from kronos.{table} as row").fetchall()
        assert [text for (text,) in rows if planted in text] == []
    (changed,) = scene.client.get(
        f"{scene.base}/audit", params={"object": "literal", "action": "endpoint.update"}
    ).json()["data"]
    shown = changed["after"]["spec"]
    assert shown["body_template"]["password"].keys() == {"sha256", "bytes"}
    assert shown["body_template"]["in"][0]["apiToken"][1] == "{{secret.token}}"
    assert (shown["body_template"]["pin_code"], shown["body_template"]["none"]) == ("{{input.pin}}", None)
    (config,) = scene.client.get(f"{scene.base}/audit", params={"object_type": "config"}).json()["data"]
    assert config["after"]["content"]["region"] == "eu"
    assert shown["url"] == "http://127.0.0.1:9/?a=1&api_key=***&b=2"
    assert (shown["headers"]["X-Tenant"], shown["headers"]["X-Token"]) == ("acme", "{{secret.token}}")
    assert shown["headers"]["Authorization"].keys() == {"sha256", "bytes"}
    assert shown["headers"]["Authorization"] != changed["before"]["spec"]["headers"]["Authorization"]
    (made,) = [
        each
        for each in scene.client.get(f"{scene.base}/audit", params={"action": "job.create"}).json()["data"]
        if each["object_id"] == job["job_id"]
    ]
    assert made["after"]["input"].keys() == {"sha256", "bytes"}
    (key,) = records(scene.superuser, "select encode(secret_sha256, 'hex') as digest from kronos.api_keys limit 1")
    assert key["digest"] not in json.dumps(scene.client.get("/v1/audit").json())


def test_callers_that_share_a_statement_are_told_apart(scene: _Audited) -> None:
    """Jobs created and runs triggered at the same time share a statement (decision 45)."""
    job = scene.made("/jobs", {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *"})["job_id"]
    ids = [uuid.uuid4().hex for _ in range(24)]

    def ask(nth: int, request_id: str) -> None:
        path, body = (
            (f"/jobs/{job}/trigger", {})
            if nth % 2
            else ("/jobs", {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *"})
        )
        scene.client.post(scene.base + path, json=body, headers={"Request-Id": request_id}).raise_for_status()

    threads = [threading.Thread(target=ask, args=each) for each in enumerate(ids)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [len(scene.mine(each)) for each in ids] == [1] * len(ids)


_FILTERS = {
    "actor": "actor",
    "action": "action",
    "object_type": "object_type",
    "object": "object",
    "object_id": "object",
    "request_id": "request_id",
}


def test_each_filter_lets_pass_what_it_says_page_by_page_sealed_or_not(scene: _Audited) -> None:
    base = f"{scene.base}/audit"
    for nth in range(6):
        scene.made("/configs", {"name": f"c-{nth}", "values": {"nth": nth}})
        if nth == 2:
            scene.superuser.execute("select kronos.seal_audit(1000000)")
    whole = scene.client.get(base, params={"limit": 200}).json()["data"]
    assert [each["at"] for each in whole] == sorted((each["at"] for each in whole), reverse=True)
    assert {each["number"] is None for each in whole} == {True, False}
    walked: list[Any] = []
    cursor: str | None = None
    while True:
        page = scene.client.get(base, params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        walked += page["data"]
        if (cursor := page["next_cursor"]) is None:
            break
    assert [each["audit_id"] for each in walked] == [each["audit_id"] for each in whole]
    for sample in (whole[0], whole[-1]):
        for field, parameter in _FILTERS.items():
            if sample[field] is None:
                continue
            wanted = [each["audit_id"] for each in whole if each[field] == sample[field]]
            for path in (base, "/v1/audit"):
                found = scene.client.get(path, params={parameter: sample[field], "limit": 200}).json()["data"]
                here = [each["audit_id"] for each in found if each["workspace"] == scene.slug]
                assert here == wanted, (path, field)
        between = {"after": sample["at"], "before": "2999-01-01T00:00:00Z"}
        found = scene.client.get(base, params=between | {"limit": 200}).json()["data"]
        assert [each["audit_id"] for each in found] == [
            each["audit_id"] for each in whole if each["at"] >= sample["at"]
        ]


def test_an_export_is_whole_goes_on_where_it_stopped_and_is_verified_without_a_database(
    scene: _Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_LINES", 3)
    for nth in range(7):
        scene.made("/configs", {"name": f"c-{nth}", "values": {"text": 'a "record": {} \u00fc'}})
    scene.superuser.execute("select kronos.seal_audit(1000000)")
    answer = scene.client.get(f"{scene.base}/audit/export")
    lines = answer.content.splitlines(keepends=True)
    head = scene.client.get(f"{scene.base}/audit/head").json()
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert len(lines) == head["number"] >= 9
    found = audit.verify_export(lines)
    assert (found.fault, found.number, found.hash, found.workspace) == (None, head["number"], head["hash"], scene.slug)
    rest = scene.client.get(f"{scene.base}/audit/export", params={"cursor": 4}).content
    assert rest == b"".join(lines[4:])
    assert audit.verify_export(rest.splitlines()).fault is None
    changed = [line.replace(b"c-5", b"c-6") for line in lines]
    assert "is not what was sealed" in str(audit.verify_export(changed).fault)
    assert "is missing" in str(audit.verify_export(lines[:3] + lines[4:]).fault)
    assert "is not a line" in str(audit.verify_export([b"{}"]).fault)
    pin = audit.Pin(number=head["number"], hash=head["hash"])
    assert audit.verify_export(lines, [pin]).fault is None
    assert "is missing" in str(audit.verify_export(lines[:-1], [pin]).fault)


@pytest.mark.parametrize(
    "path", ["{base}/audit/export", "{base}/audit/export?object_type=one_shot", "/v1/audit/export"]
)
def test_an_export_ends_with_the_role_of_who_reads_it(
    scene: _Audited, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed: list[Role] = []

    async def remains(_: Call, role: Role) -> None:
        needed.append(role)
        raise errors.Forbidden("no more")

    assert scene.client.get(path.format(base=scene.base)).status_code == 200
    monkeypatch.setattr(Call, "remains", remains)
    with pytest.raises(httpx.TransportError):
        scene.client.get(path.format(base=scene.base))
    assert needed == [Role.INSTANCE_ADMIN if path.startswith("/v1") else Role.ADMIN]


def test_who_may_read_it(scene: _Audited) -> None:
    own = f"{scene.base}/audit"
    for role, of_workspace, of_instance in (
        (Role.OPERATOR, 403, 403),
        (Role.ADMIN, 200, 403),
    ):
        key = add_key(scene.superuser, scene.slug, role.value)
        headers = {"Authorization": f"Bearer {key}"}
        for path in ("", "/head", "/export"):
            assert scene.client.get(own + path, headers=headers).status_code == of_workspace
            assert scene.client.get(f"/v1/audit{path}", headers=headers).status_code == of_instance
