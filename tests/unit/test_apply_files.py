"""What files ask for: each resource by its kind, each fault by its place; and what is exported means the same when it
is read again.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from kronos import errors
from kronos.alert_rows import AlertRule
from kronos.api import apply_files
from kronos.beats import Heartbeat
from kronos.delivery.egress import EgressPolicy
from kronos.managed import Kind
from kronos.model import Document, Endpoint, JsonObject
from plain_job import PLAIN
from unit.test_versions_of_jobs import EVERY, LOCAL

POLICY = EgressPolicy.parse("")
AT = datetime(2026, 11, 20, tzinfo=UTC)
ONE_OF_EACH: JsonObject = {
    "configs": [{"name": "prod", "values": {"region": "eu"}}],
    "payload_specs": [{"name": "orders", "schema": {"type": "object"}}],
    "calendars": [{"name": "holidays", "days": [{"starts": "2026-12-25", "name": "Christmas"}]}],
    "endpoints": [{"name": "hook", "type": "HTTP", "spec": {"url": "https://example.com/hook"}}],
    "jobs": [{"name": "weekly", "endpoint": "hook", "cron": "0 9 * * 1"}],
    "heartbeats": [{"name": "backup", "cron": "0 3 * * *"}],
    "alert_rules": [{"name": "fails", "condition": {"type": "FAILURES", "count": 3}, "tell": ["hook"]}],
}


def read(document: JsonObject, **more: Any) -> Any:
    return apply_files.read(document, POLICY, may_configure=True, **more)


def faults(document: JsonObject, **more: Any) -> list[tuple[str, str]]:
    with pytest.raises(errors.Unprocessable) as caught:
        read(document, **more)
    assert all(fault.hint for fault in caught.value.faults)
    return [(fault.pointer, fault.detail) for fault in caught.value.faults]


def test_each_resource_has_its_kind_its_name_and_its_place() -> None:
    wanted = read(ONE_OF_EACH)
    assert [(each.kind, each.name, each.pointer) for each in wanted.resources] == [
        ("config", "prod", "/configs/0"), ("payload_spec", "orders", "/payload_specs/0"),
        ("calendar", "holidays", "/calendars/0"), ("endpoint", "hook", "/endpoints/0"), ("job", "weekly", "/jobs/0"),
        ("heartbeat", "backup", "/heartbeats/0"), ("alert_rule", "fails", "/alert_rules/0"),
    ]  # fmt: skip
    assert [each.key for each in wanted.resources][:2] == [("config", "prod"), ("payload_spec", "orders")]


def test_what_is_omitted_has_its_default() -> None:
    wanted = read({})
    assert (wanted.set_name, wanted.prune, wanted.take_over, wanted.is_trial) == ("default", False, False, False)
    assert (wanted.resources, wanted.secrets, wanted.may_configure) == ([], [], True)
    wanted = apply_files.read(
        {"set": "billing", "prune": True, "take_over": True, "validate_only": True, "secrets": [{"name": "token"}]},
        POLICY, may_configure=False,
    )  # fmt: skip
    assert (wanted.set_name, wanted.prune, wanted.take_over, wanted.is_trial) == ("billing", True, True, True)
    assert (wanted.secrets, wanted.may_configure) == ([("/secrets/0", "token")], False)


JOB = ONE_OF_EACH["jobs"][0]
HOOK = ONE_OF_EACH["endpoints"][0]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"jbos": []}, [("/jbos", "unknown field")]),
        ({"set": "Not a set"}, [("/set", "not a valid name")]),
        ({"jobs": {}}, [("/jobs", "input should be an array")]),
        ({"jobs": ["weekly"]}, [("/jobs/0", "a resource must be an object")]),
        ({"jobs": [JOB, {**JOB, "name": "b", "crom": 1}]}, [("/jobs/1/crom", "unknown field")]),
        ({"jobs": [{"endpoint": "hook", "cron": "0 9 * * 1"}]}, [("/jobs/0/name", "this field is required")]),
        ({"jobs": [{**JOB, "every": "2h"}]}, [("/jobs/0/every", "both every and cron are given")]),
        ({"jobs": [{**JOB, "trigger": "CRON"}]}, [("/jobs/0/trigger", "unknown field")]),
        ({"jobs": [{**JOB, "input": {"a": [1]}, "priority": 11}]}, [("/jobs/0/priority", "input should be less than")]),
        ({"endpoints": [{**HOOK, "type": "CARRIER_PIGEON"}]}, [("/endpoints/0/type", "unknown type")]),
        ({"endpoints": [{**HOOK, "spec": {}}]}, [("/endpoints/0/spec/url", "this field is required")]),
        ({"endpoints": [{**HOOK, "spec": {"url": "ftp://x"}}]}, [("/endpoints/0/spec/url", "")]),
        ({"secrets": [{"name": "token"}, {"value": "x"}]}, [
            ("/secrets/1/name", "this field is required"), ("/secrets/1/value", "unknown field"),
        ]),
        ({"secrets": ["token"]}, [("/secrets/0", "input should be an object")]),
        ({"configs": [{"name": "a", "values": 1}]}, [("/configs/0/values", "input should be an object")]),
        ({"jobs": [JOB, JOB]}, [("/jobs/1/name", "the job 'weekly' is already at /jobs/0")]),
        ({"payload_specs": [{"name": "a", "schema": {}}] * 3}, [
            ("/payload_specs/1/name", "the payload spec 'a' is already at /payload_specs/0"),
            ("/payload_specs/2/name", "the payload spec 'a' is already at /payload_specs/0"),
        ]),
    ],
)  # fmt: skip
def test_a_fault_is_named_by_its_place_in_the_files(document: JsonObject, expected: list[tuple[str, str]]) -> None:
    found = faults(document)
    assert [pointer for pointer, _ in found] == [pointer for pointer, _ in expected]
    for (_, detail), (_, said) in zip(found, expected, strict=True):
        assert detail.startswith(said)


def test_one_name_may_be_of_two_kinds() -> None:
    assert len(read({"jobs": [{**JOB, "name": "hook"}], "endpoints": [HOOK]}).resources) == 2


def test_faults_of_all_kinds_are_named_together_and_no_more_than_twenty() -> None:
    found = faults({"jobs": [{"name": f"j{number}"} for number in range(30)], "configs": [{}]})
    assert (len(found), found[0][0]) == (20, "/configs/0/values")
    assert faults({"jobs": [7] * 1001}) == [("/jobs", "input should have at most 1000 items, not 1001")]


HIDDEN = "a\u202eb"


def test_a_title_that_is_there_may_stay_and_a_new_one_like_it_may_not() -> None:
    document = {"jobs": [{**JOB, "title": HIDDEN}], "endpoints": [{**HOOK, "title": "plain"}]}
    assert apply_files.unseen_names(document) == [("job", "weekly")]
    assert faults(document)[0][0] == "/jobs/0/title"
    there = {("job", "weekly"): frozenset({("title", HIDDEN)})}
    assert read(document, there=there).resources[1].fields["title"] == HIDDEN
    assert faults(document, there={("endpoint", "weekly"): frozenset({("title", HIDDEN)})})
    odd: list[JsonObject] = [{"jobs": 7}, {"jobs": [7, {"name": 7, "title": HIDDEN}]}, {"other": [{"name": HIDDEN}]}]
    assert [apply_files.unseen_names(each) for each in odd] == [[], [], []]


ENDPOINT = Endpoint(
    endpoint_id=UUID(int=1), workspace="acme", name="hook", title=None, type="HTTP", version=3, payload_spec=None,
    config=None, use="snapshot",
    spec={
        "url": "https://example.com/hook", "method": "POST", "headers": {}, "body_template": None,
        "timeout_ms": 30000, "expected_status_codes": [], "connect_timeout_ms": None, "idle_timeout_ms": None,
    },
    retry_policy={}, max_in_flight=None, signing_secrets=[], created_at=AT, updated_at=AT, on_disabled="WAIT",
    health={}, limits={}, usage=None, group=None,
)  # fmt: skip
BEAT = Heartbeat(
    heartbeat_id=UUID(int=1), workspace="acme", name="backup", status="ACTIVE", state="UP", note=None, tags=[],
    cron="0 3 * * *", every=None, anchor=None, anchor_local=None, timezone="UTC", dst_gap="SHIFT",
    dst_overlap="FIRST", period_seconds=None, description="x", grace_seconds=300, max_run_seconds=86_400, version=1,
    token_version=1, next_tick_at=AT, last_status=None, last_ping_at=None, last_success_at=None,
    last_duration_ms=None, running_since=None, created_at=AT, updated_at=AT,
)  # fmt: skip
RULE = AlertRule(
    name="fails", workspace="acme", version=1, enabled=True, severity="ERROR", selects={}, per="JOB",
    condition={"type": "FAILURES", "count": 3}, tell=["hook"], recovered=True, repeat_seconds=None, created_at=AT,
    updated_at=AT,
)  # fmt: skip
DOCUMENT = Document(
    document_id=UUID(int=1), workspace="acme", name="prod", version=1, content={"region": "eu"}, created_at=AT,
    updated_at=AT, jobs_left=0,
)  # fmt: skip
CHRISTMAS = read({"calendars": ONE_OF_EACH["calendars"]}).resources[0].fields
ROWS: list[tuple[Kind, Any, JsonObject]] = [
    ("config", DOCUMENT, {"name": "prod", "values": {"region": "eu"}}),
    ("payload_spec", replace(DOCUMENT, content=True), {"name": "prod", "schema": True}),
    (
        "calendar", replace(DOCUMENT, content=CHRISTMAS),
        {"name": "prod", "days": [{"starts": "2026-12-25", "name": "Christmas"}]},
    ),
    ("job", PLAIN, {"name": "nightly", "endpoint": "sink", "cron": "0 9 * * 1"}),
    (
        "job", replace(PLAIN, priority=3, tags=["t"], timezone="Asia/Kolkata", input={"a": None}, calendars=["c"]),
        {
            "name": "nightly", "endpoint": "sink", "cron": "0 9 * * 1", "priority": 3, "tags": ["t"],
            "timezone": "Asia/Kolkata", "input": {"a": None}, "calendars": ["c"],
        },
    ),
    ("job", EVERY, {"name": "nightly", "endpoint": "sink", "every": "90m", "anchor": "2026-11-20T00:00:00Z"}),
    (
        "job", LOCAL,
        {
            "name": "nightly", "endpoint": "sink", "every": "90m", "anchor": "2026-11-20T01:00:00",
            "timezone": "Europe/Berlin",
        },
    ),
    (
        "job", replace(PLAIN, catch_up={"policy": "ALL", "window_seconds": 3600}, max_runs=1, input={"n": 1}),
        {
            "name": "nightly", "endpoint": "sink", "cron": "0 9 * * 1", "max_runs": 1, "input": {"n": 1},
            "catch_up": {"policy": "ALL", "window_seconds": 3600},
        },
    ),
    ("heartbeat", BEAT, {"name": "backup", "cron": "0 3 * * *"}),
    (
        "heartbeat", replace(BEAT, cron=None, period_seconds=60, grace_seconds=5, tags=["t"]),
        {"name": "backup", "period_seconds": 60, "grace_seconds": 5, "tags": ["t"]},
    ),
    (
        "alert_rule", RULE,
        {"name": "fails", "condition": {"type": "FAILURES", "count": 3}, "tell": ["hook"]},
    ),
    (
        "alert_rule", replace(RULE, selects={"job": "weekly"}, enabled=False, tell=["b", "a"]),
        {
            "name": "fails", "condition": {"type": "FAILURES", "count": 3}, "tell": ["a", "b"],
            "selects": {"job": "weekly"}, "enabled": False,
        },
    ),
    (
        "endpoint", replace(ENDPOINT, max_in_flight=3, limits={"max_in_flight": 3}),
        {"name": "hook", "type": "HTTP", "spec": {"url": "https://example.com/hook"}, "max_in_flight": 3},
    ),
    ("endpoint", ENDPOINT, {"name": "hook", "type": "HTTP", "spec": {"url": "https://example.com/hook"}}),
    (
        "endpoint",
        replace(
            ENDPOINT, title=HIDDEN, max_in_flight=3, group="private-net", limits={"rate": {"count": 40}},
            retry_policy={"max_attempts": 2}, signing_secrets=["s"],
        ),
        {
            "name": "hook", "type": "HTTP", "spec": {"url": "https://example.com/hook"}, "title": HIDDEN,
            "max_in_flight": 3, "group": "private-net", "limits": {"rate": {"count": 40}},
            "retry_policy": {"max_attempts": 2}, "signing_secrets": ["s"],
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "row", "file"), ROWS)
def test_a_resource_is_written_without_its_defaults_and_read_as_the_same(
    kind: Kind, row: Any, file: JsonObject
) -> None:
    written = apply_files.written(kind, row)
    assert written == file
    there = {(kind, row.name): frozenset({("title", HIDDEN)})}
    (again,) = read({apply_files.FIELDS[kind]: [written]}, there=there).resources
    (whole,) = read({apply_files.FIELDS[kind]: [{**written, **again.fields}]}, there=there).resources
    assert (again.name, whole.fields) == (row.name, again.fields), "with all its fields it is the same again"


def test_a_limit_that_can_be_written_in_two_places_is_the_same_in_either() -> None:
    def fields(**more: Any) -> JsonObject:
        (only,) = read({"endpoints": [{**HOOK, **more}]}).resources
        found: JsonObject = only.fields
        return found

    assert fields(max_in_flight=3) == fields(limits={"max_in_flight": 3})
    assert (fields(max_in_flight=3)["max_in_flight"], "max_in_flight" in fields(max_in_flight=3)["limits"]) == (
        3,
        False,
    )
    key = {"concurrency_key": "{{input.customer}}"}
    assert fields(limits=key) == fields(limits={**key, "max_concurrency_per_key": 1})
    assert fields(limits={**key, "max_concurrency_per_key": 4})["limits"]["max_concurrency_per_key"] == 4
    assert fields(limits={"rate": {"count": 40}}) == fields(limits={"rate": {"count": 40, "burst": 2}})
    assert fields() != fields(limits=key)


def test_an_endpoint_that_is_as_the_files_say_differs_in_nothing() -> None:
    limited = replace(ENDPOINT, max_in_flight=3, limits={"max_in_flight": 3, "rate": {"count": 40, "per_seconds": 1}})
    for row in (ENDPOINT, limited, replace(ENDPOINT, title="T", retry_policy={"max_attempts": 2})):
        (wanted,) = read({"endpoints": [apply_files.written("endpoint", row)]}).resources
        assert apply_files.endpoint_fields(row) == wanted.fields


def test_a_name_that_is_none_is_a_fault_whatever_is_there() -> None:
    there = {("job", "weekly"): frozenset({("title", HIDDEN)})}
    for name in (7, ["weekly"], None):
        assert faults({"jobs": [{**JOB, "name": name}]}, there=there)[0][0] == "/jobs/0/name"
    assert faults({"jobs": [{"endpoint": "hook", "cron": "0 9 * * 1"}]}, there=there)[0][0] == "/jobs/0/name"


def test_the_secrets_of_an_endpoint_are_those_that_its_deliveries_need() -> None:
    spec = {**ENDPOINT.spec, "headers": {"X": "{{secret.token}}"}}
    assert apply_files.secrets_of(replace(ENDPOINT, spec=spec, signing_secrets=["sign"])) == ("sign", "token")
    assert apply_files.secrets_of(ENDPOINT) == ()
