"""Limits over the API: which can be set, how they are enforced, how much of them is used, and what explain says."""

from collections.abc import Iterator

import httpx
import psycopg
import pytest

from explain_scene import Scene

HTTP = {"type": "HTTP", "spec": {"url": "https://example.com/hook"}}
RATE = {"count": 100, "per_seconds": 60}
NO_KEY = {"concurrency_key": None, "max_concurrency_per_key": None}


def test_an_endpoints_limits_are_set_shown_changed_and_taken_away(api: httpx.Client, workspace: str) -> None:
    path = f"/v1/workspaces/{workspace}/endpoints/limited"
    made = api.put(path, json=HTTP | {"limits": {"rate": RATE, "max_in_flight": 3}})
    assert (made.status_code, made.json()["max_in_flight"]) == (201, 3)
    assert made.json()["limits"] == NO_KEY | {"max_in_flight": 3, "rate": RATE | {"burst": 1}}
    assert made.json()["usage"] == {
        "in_flight": 0, "tokens": 1, "next_token_at": None, "closed_by": None, "waiting": 0,
        "waiting_for_key": 0,
    }  # fmt: skip
    assert made.headers["etag"] == '"1+"', "usage changes without a new version"
    assert api.get(path, headers={"If-None-Match": '"1"'}).status_code == 200
    copied = api.put(path, json=api.get(path).json() | {"usage": {"in_flight": 9}})
    assert (copied.status_code, copied.json()["limits"]) == (200, made.json()["limits"])
    fast = api.put(path, json=HTTP | {"limits": {"rate": {"count": 1000}}})
    assert fast.json()["limits"] == NO_KEY | {
        "max_in_flight": None, "rate": {"count": 1000, "per_seconds": 1, "burst": 50},
    }  # fmt: skip
    free = api.put(path, json=HTTP)
    assert (free.json()["limits"], free.json()["usage"]) == (NO_KEY | {"max_in_flight": None, "rate": None}, None)
    assert api.get(path, headers={"If-None-Match": free.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    ("limits", "pointer"),
    [
        ({"rate": {}}, "/limits/rate/count"),
        ({"rate": {"count": 0}}, "/limits/rate/count"),
        ({"rate": {"count": 1_000_001}}, "/limits/rate/count"),
        ({"rate": {"count": 1, "per_seconds": 86_401}}, "/limits/rate/per_seconds"),
        ({"rate": {"count": 1, "burst": 0}}, "/limits/rate/burst"),
        ({"rate": {"count": 1, "every": 1}}, "/limits/rate/every"),
        ({"concurrency_key": "{{config.x}}"}, "/limits/concurrency_key"),
        ({"concurrency_key": "customer"}, "/limits/concurrency_key"),
        ({"concurrency_key": "{{input}}"}, "/limits/concurrency_key"),
        ({"concurrency_key": "{{input.customer"}, "/limits/concurrency_key"),
        ({"concurrency_key": "{{input.x}}" * 19}, "/limits/concurrency_key"),
        ({"concurrency_key": "{{input.x}}", "max_concurrency_per_key": 1001}, "/limits/max_concurrency_per_key"),
        ({"max_concurrency_per_key": 2}, "/limits/max_concurrency_per_key"),
        ({"max_in_flight": 0}, "/limits/max_in_flight"),
        ({"max_in_flight": 5}, "/limits/max_in_flight"),
    ],
)
def test_a_limit_that_is_none_is_refused(api: httpx.Client, workspace: str, limits: object, pointer: str) -> None:
    path = f"/v1/workspaces/{workspace}/endpoints/wrong"
    refused = api.put(path, json=HTTP | {"max_in_flight": 4, "limits": limits})
    assert (refused.status_code, [fault["pointer"] for fault in refused.json()["errors"]]) == (422, [pointer])
    assert refused.json()["errors"][0]["hint"]
    assert api.get(path).status_code == 404


@pytest.mark.parametrize(
    ("said", "other", "told"),
    [
        (5, None, "null differs from max_in_flight, 5"),
        (None, 5, "5 differs from max_in_flight, null"),
    ],
)
def test_an_edited_copy_that_changes_one_of_the_two_spellings_is_refused_in_jsons_words(
    api: httpx.Client, workspace: str, said: int | None, other: int | None, told: str
) -> None:
    path = f"/v1/workspaces/{workspace}/endpoints/limited"
    copy = api.put(path, json=HTTP).json()
    refused = api.put(path, json=copy | {"max_in_flight": said, "limits": {"max_in_flight": other, "rate": None}})
    assert (refused.status_code, refused.json()["errors"][0]["detail"]) == (422, told)


def test_a_limit_per_key_is_set_shown_changed_and_taken_away(api: httpx.Client, workspace: str) -> None:
    path = f"/v1/workspaces/{workspace}/endpoints/keyed"
    made = api.put(path, json=HTTP | {"limits": {"concurrency_key": "{{input.customer}}"}})
    assert made.status_code == 201
    assert made.json()["limits"] == {
        "max_in_flight": None, "rate": None, "concurrency_key": "{{input.customer}}", "max_concurrency_per_key": 1,
    }  # fmt: skip
    assert (made.json()["usage"]["in_flight"], made.json()["usage"]["waiting_for_key"]) == (0, 0)
    copied = api.put(path, json=api.get(path).json())
    assert (copied.status_code, copied.json()["limits"]) == (200, made.json()["limits"])
    key = {"concurrency_key": '{{input.region | default: "eu"}}-{{input.customer}}', "max_concurrency_per_key": 5}
    changed = api.put(path, json=HTTP | {"limits": key}).json()["limits"]
    assert changed == {"max_in_flight": None, "rate": None} | key
    assert api.put(path, json=HTTP).json()["limits"] == NO_KEY | {"max_in_flight": None, "rate": None}


def test_a_key_that_no_valid_input_has_is_refused(api: httpx.Client, workspace: str) -> None:
    root = f"/v1/workspaces/{workspace}"
    schema = {"type": "object", "properties": {"customer": {"type": "string"}}, "additionalProperties": False}
    assert api.post(f"{root}/payload-specs", json={"name": "orders", "schema": schema}).status_code == 201
    body = HTTP | {"payload_spec": "orders", "limits": {"concurrency_key": "{{input.client}}"}}
    refused = api.put(f"{root}/endpoints/keyed", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/limits/concurrency_key")
    body["limits"] = {"concurrency_key": "{{input.customer}}"}
    assert api.put(f"{root}/endpoints/keyed", json=body).status_code == 201


def test_a_workspaces_limit_is_set_shown_and_taken_away(api: httpx.Client, workspace: str) -> None:
    path = f"/v1/workspaces/{workspace}"
    limited = api.patch(path, json={"max_concurrency": 50})
    assert (limited.status_code, limited.json()["max_concurrency"], limited.json()["in_flight"]) == (200, 50, 0)
    assert (limited.json()["version"], limited.headers["etag"]) == (2, '"2+"')
    assert api.patch(path, json={"max_concurrency": 50}).json()["version"] == 2
    assert api.patch(path, json={"name": "Acme"}).json()["max_concurrency"] == 50
    (listed,) = [row for row in api.get("/v1/workspaces?limit=200").json()["data"] if row["slug"] == workspace]
    assert (listed["max_concurrency"], listed["in_flight"]) == (50, 0)
    both = api.patch(path, json={"max_concurrency": 40, "status": "SUSPENDED"}).json()
    assert (both["max_concurrency"], both["status"], both["version"]) == (40, "SUSPENDED", 4)
    free = api.patch(path, json=api.get(path).json() | {"max_concurrency": None, "status": "ACTIVE"}).json()
    assert (free["max_concurrency"], free["in_flight"], free["status"]) == (None, None, "ACTIVE")
    for wrong in (0, 100_001, "5"):
        refused = api.patch(path, json={"max_concurrency": wrong})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/max_concurrency")


def test_a_workspace_may_begin_with_a_limit(api: httpx.Client, workspace: str) -> None:
    slug = f"{workspace}-limited"
    made = api.post("/v1/workspaces", json={"slug": slug, "max_concurrency": 7})
    assert (made.status_code, made.json()["max_concurrency"], made.json()["in_flight"]) == (201, 7, 0)
    assert api.get(f"/v1/workspaces/{slug}").json() == made.json()


@pytest.fixture
def limited(scene: Scene) -> Iterator[Scene]:
    """A scene whose limits are removed afterwards."""
    yield scene
    scene.connection.execute(
        "update kronos.endpoint_gate set max_in_flight = null, in_flight = 0, rate_count = null, rate_seconds = null,"
        " rate_burst = null, rate_tokens = null, rate_at = null"
    )
    scene.connection.execute("update kronos.workspaces set max_concurrency = null where max_concurrency is not null")


def test_explain_says_which_limit_an_execution_waits_for_with_its_numbers(
    limited: Scene, shared_superuser: psycopg.Connection
) -> None:
    job_id, tick = limited.due()
    of_it = "where endpoint_id = (select endpoint_id from kronos.jobs where job_id = %s)"

    def said() -> tuple[str, str]:
        told = limited.explain(job_id, tick)
        assert told["decision"] == "WAITING"
        return told["code"], told["because"]

    limited.connection.execute(
        "update kronos.endpoint_gate set rate_count = 10, rate_seconds = 3600, rate_burst = 1, rate_tokens = 0,"
        f" rate_at = '2090-01-01 00:00:00+00' {of_it}",
        [job_id],
    )
    code, because = said()
    assert (code, "allows 10 deliveries per 3600 s; the next may begin at 20" in because) == ("rate_limited", True)
    limited.connection.execute(f"update kronos.endpoint_gate set max_in_flight = 2, in_flight = 2 {of_it}", [job_id])
    code, because = said()
    assert (code, "allows 2 concurrent deliveries, and 2 are running; the next" in because) == ("endpoint_full", True)
    limited.connection.execute(
        "update kronos.workspaces set max_concurrency = 2"
        " where workspace_id = (select workspace_id from kronos.jobs where job_id = %s)",
        [job_id],
    )
    code, because = said()
    assert (code, "allows 2 concurrent deliveries, and 2 are running; the next" in because) == (
        "workspace_full",
        True,
    )
    waiting = (
        "select waits_for from kronos.waiting_endpoints(kronos.now(), 10000)"
        " where endpoint_id = (select endpoint_id from kronos.jobs where job_id = %s)"
    )
    assert limited.connection.execute(waiting, [job_id]).fetchall() == [
        ("its workspace's limit of 2 at once is reached",)
    ]


def test_explain_says_that_a_concurrency_key_is_full_with_its_numbers(scene: Scene) -> None:
    job_id, tick = scene.due()
    of_it = "where endpoint_id = (select endpoint_id from kronos.jobs where job_id = %s)"
    limit = (
        """update kronos.endpoint_gate set key_template = '{{input.a}}', key_parts = '[{"path": ["a"]}]', key_max = 2"""
    )
    scene.connection.execute(f"{limit} {of_it}", [job_id])
    scene.connection.execute(
        "update kronos.execution_live set concurrency_key = 'acme', parked_at = visible_at,"
        " visible_at = '9999-12-31 00:00:00+00' where job_id = %s",
        [job_id],
    )
    told = scene.explain(job_id, tick)
    assert (told["decision"], told["code"]) == ("WAITING", "key_full")
    assert "allows 2 concurrent deliveries with its concurrency key, and 0 are running; 0 wait" in told["because"]
    (waits,) = [each["evidence"] for each in told["steps"] if each["step"] == "waiting"]
    assert waits["concurrency_key"] == "acme"
    scene.connection.execute(
        f"update kronos.endpoint_gate set key_template = null, key_parts = null, key_max = null {of_it}", [job_id]
    )
    scene.connection.execute("select kronos.release_all_parked(true)")
    assert scene.explain(job_id, tick)["code"] != "key_full"
