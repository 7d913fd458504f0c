"""A workspace's export: applying it changes nothing in the same workspace, and neither does applying it a second time
to an empty one.
"""

from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import Api, make_workspace
from depth import depth
from kronos import unseen
from kronos.cli import yaml_files

_NAMES = st.from_regex(r"[a-z][a-z0-9._-]{0,20}", fullmatch=True)
_TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=30
).filter(lambda text: text.strip() != "")
# A title or a tag: of these, the texts that the API accepts (kronos/unseen.py).
_LINES = _TEXTS.filter(lambda text: unseen.found(text) is None)
_HARD = st.sampled_from(
    ["yes", "no", "on", "1e3", "null", "~", "0x1f", "012", "2026-12-01", "12:30", "- a", "a: b", "#", "'", '"']
)
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | _TEXTS
    | _HARD
    | st.floats(-1e6, 1e6).map(lambda each: round(each, 3))
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS | _HARD, inner, max_size=3),
    max_leaves=6,
)
_OBJECTS = st.dictionaries(_TEXTS | _HARD, _VALUES, max_size=4)
_CRON = st.sampled_from(["0 9 * * 1", "*/5 * * * *", "30 2 1-7 * sun", "0 0 L * *", "15,45 3-6 * * *"])


@st.composite
def _endpoints(draw: st.DrawFn, configs: list[str], specs: list[str]) -> dict[str, Any]:
    named: dict[str, Any] = {
        "type": "HTTP",
        "spec": {
            "url": "https://example.com/hook",
            "method": draw(st.sampled_from(["POST", "PUT"])),
            "timeout_ms": draw(st.integers(1, 900_000)),
            "body_template": draw(
                st.none() | st.dictionaries(_TEXTS.filter(lambda text: "{{" not in text), st.integers(0, 9), max_size=2)
            ),
        },
        "title": draw(st.none() | _LINES),
        "use": draw(st.sampled_from(["snapshot", "latest"])),
        "on_disabled": draw(st.sampled_from(["WAIT", "SKIP"])),
        "max_in_flight": draw(st.none() | st.integers(1, 1000)),
        "retry_policy": draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "max_attempts": st.integers(1, 100),
                    "jitter": st.sampled_from(["none", "full"]),
                    "probe_seconds": st.none(),
                },
            )
        ),
        "limits": draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "rate": st.fixed_dictionaries({"count": st.integers(1, 500), "per_seconds": st.integers(1, 60)})
                },
            )
        ),
        "config": draw(st.none() | st.sampled_from(configs)) if configs else None,
        "payload_spec": draw(st.none() | st.sampled_from(specs)) if specs else None,
    }
    if draw(st.booleans()):
        named["limits"]["concurrency_key"] = "{{input.id}}"
    return named


@st.composite
def _jobs(draw: st.DrawFn, endpoints: list[str]) -> dict[str, Any]:
    instant = st.fixed_dictionaries(
        {"every": st.sampled_from(["90m", "1d", "6h"])}, optional={"anchor": st.just("2026-12-01T00:00:00Z")}
    )
    local = st.fixed_dictionaries(
        {"every": st.just("1d"), "anchor": st.just("2026-12-01T08:30:00"), "timezone": st.just("Asia/Kolkata")}
    )
    schedule = draw(st.fixed_dictionaries({"cron": _CRON}) | instant | local)
    more = st.fixed_dictionaries(
        {},
        optional={
            "title": _LINES,
            "timezone": st.sampled_from(["Europe/Berlin", "Asia/Kolkata", "UTC"]),
            "starts_at": st.just("2027-01-01T00:00:00+01:00"),
            "ends_at": st.just("2028-01-01T00:00:00Z"),
            "max_runs": st.integers(1, 100),
            "dst_gap": st.sampled_from(["SHIFT", "SKIP", "SHIFT_BY_GAP"]),
            "dst_overlap": st.sampled_from(["FIRST", "BOTH"]),
            "overlap": st.sampled_from(["ALLOW", "SKIP", "QUEUE", "REPLACE"]),
            "jitter_seconds": st.integers(0, 60),
            "tags": st.lists(_LINES, max_size=3, unique=True),
            "input": _OBJECTS,
            "priority": st.integers(-10, 10),
            "deadline_seconds": st.integers(1, 1000),
            "catch_up": st.fixed_dictionaries(
                {}, optional={"policy": st.sampled_from(["SKIP", "ALL"]), "window_seconds": st.integers(0, 100)}
            ),
            "on_failure": st.fixed_dictionaries(
                {"endpoint": st.sampled_from(endpoints)}, optional={"statuses": st.just(["CANCELLED", "FAILED"])}
            ),
        },
    )
    return {"endpoint": draw(st.sampled_from(endpoints)), **draw(more), **schedule}


@st.composite
def _workspaces(draw: st.DrawFn) -> dict[str, Any]:
    configs = draw(st.dictionaries(_NAMES, _OBJECTS, max_size=2))
    specs = draw(st.lists(_NAMES, max_size=2, unique=True))
    names = draw(st.lists(_NAMES, min_size=1, max_size=3, unique=True))
    jobs = draw(st.lists(_NAMES, max_size=3, unique=True))
    made = [{"name": name, **draw(_jobs(names))} for name in jobs]
    if len(made) > 1:
        made[0]["on_success"] = {"job": made[1]["name"], "input": "run"}
    return {
        "configs": [{"name": name, "values": values} for name, values in configs.items()],
        "payload_specs": [
            {"name": name, "schema": draw(st.sampled_from([True, {}, {"type": "object"}]))} for name in specs
        ],
        "endpoints": [{"name": name, **draw(_endpoints(list(configs), specs))} for name in names],
        "jobs": made,
    }


@pytest.fixture(scope="module")
def client(shared_api: Api) -> httpx.Client:
    return shared_api.client


def _applied(client: httpx.Client, workspace: str, body: Any) -> Any:
    answered = client.post(f"/v1/workspaces/{workspace}/apply", json=body)
    assert answered.status_code == 200, answered.text
    return answered.json()


@settings(max_examples=depth(8, deep=300), deadline=None)
@given(files=_workspaces())
def test_what_is_exported_is_applied_as_no_change(client: httpx.Client, files: dict[str, Any]) -> None:
    workspace = make_workspace(client)
    _applied(client, workspace, files)

    exported = client.get(f"/v1/workspaces/{workspace}/export").raise_for_status().json()
    (document,) = yaml_files.documents(yaml_files.written(exported).encode(), "exported.yaml")
    assert document.content == exported

    again = _applied(client, workspace, document.content)
    assert {
        (each["name"], str(each["fields"])) for each in again["resources"] if each["change"] != "unchanged"
    } == set()
    elsewhere = make_workspace(client)
    _applied(client, elsewhere, document.content)
    assert client.get(f"/v1/workspaces/{elsewhere}/export").json() == exported
    of_set = client.get(f"/v1/workspaces/{workspace}/export", params={"set": "default"}).json()
    assert of_set == exported | {"endpoints": of_set["endpoints"]}


def test_what_is_as_deep_as_a_job_may_be_is_exported_applied_and_batched(client: httpx.Client) -> None:
    """64 levels are counted from the document, not from the file or the batch that lists it."""
    workspace = make_workspace(client)
    path = f"/v1/workspaces/{workspace}"
    deepest: Any = 1
    for _ in range(63):
        deepest = {"a": deepest}
    job = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *", "name": "deep", "input": deepest}
    assert client.post(f"{path}/jobs", json=job).status_code == 201
    assert client.post(f"{path}/jobs:batch", json={"jobs": [job | {"name": "batched"}]}).status_code == 201
    exported = client.get(f"{path}/export").raise_for_status().json()
    (document,) = yaml_files.documents(yaml_files.written(exported).encode(), "exported.yaml")
    assert _applied(client, workspace, document.content)["counts"]["unchanged"] >= 2
    deeper = job | {"input": {"a": deepest}}
    for way, body in (("jobs", deeper), ("jobs:batch", {"jobs": [deeper]}), ("apply", {"jobs": [deeper]})):
        answer = client.post(f"{path}/{way}", json=body)
        assert (answer.status_code, "nested deeper than" in answer.json()["errors"][0]["detail"]) == (400, True), way
