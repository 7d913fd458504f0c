"""/openapi.json describes each route's input, its answers, and its errors."""

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from alert_rows import add_incident
from api_paths import METHODS

WITHOUT_KEY = {"/", "/healthz", "/readyz"}


@pytest.fixture
def document(api: httpx.Client) -> dict[str, Any]:
    response = api.get("/openapi.json", headers={"Authorization": ""})
    assert response.status_code == 200
    found: dict[str, Any] = response.json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(reference := value.get("$ref"), str):
            yield reference
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_it_is_openapi_3_1_and_lists_every_route(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert {path: set(methods) for path, methods in document["paths"].items()} == METHODS


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in references(document):
        name = reference.removeprefix("#/components/schemas/")
        assert name in document["components"]["schemas"], reference


def test_every_schema_is_used(document: dict[str, Any]) -> None:
    """A base class of ours is no part of the contract."""
    used = {reference.removeprefix("#/components/schemas/") for reference in references(document)}
    assert document["components"]["schemas"].keys() - used == set()


_OF_STREAMS = {"audit/export": "application/x-ndjson", "{w}/events": "text/event-stream"}


def test_every_operation_has_a_summary_an_answer_and_an_id_of_its_own(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    for path, method, operation in operations(document):
        assert operation["summary"], (path, method)
        for status, answer in operation["responses"].items():
            if status in ("200", "201", "202"):
                media_type = _OF_STREAMS.get("/".join(path.rsplit("/", 2)[1:]), "application/json")
                assert answer["content"][media_type]["schema"], (path, method, status)


def test_every_operation_tells_its_problems(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        expected = {"500", "503"} if path in WITHOUT_KEY else {"400", "401", "403", "500", "503"}
        problems = {status for status in operation["responses"] if status >= "400"}
        if "{w}" in path:
            expected |= {"404"}
        if "requestBody" in operation:
            expected |= {"413", "422"}
        assert problems >= expected, (path, method, expected - problems)
        for status in problems:
            content = operation["responses"][status]["content"]
            assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def test_every_operation_names_its_path_parameters_and_key(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        told = {each["name"] for each in operation.get("parameters", []) if each["in"] == "path"}
        assert told == {part[1:-1] for part in path.split("/") if part.startswith("{")}, (path, method)
        if path in WITHOUT_KEY:
            assert operation["security"] == [], (path, method)
        else:
            (role,) = operation["security"][0]["key"]
            assert role in ("viewer", "operator", "admin", "instance_admin"), (path, method)
            assert operation["description"].endswith(f"Needs the role `{role}`."), (path, method)


def test_every_write_documents_its_body_with_an_example_of_each_field(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        if method in ("post", "put", "patch"):
            reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            schemas = document["components"]["schemas"]
            model = schemas[reference.rpartition("/")[2]]
            for each in model.get("oneOf", [model]):
                one = schemas[each["$ref"].rpartition("/")[2]] if "$ref" in each else each
                assert one["additionalProperties"] is False, (path, method)
                for name, field in one.get("properties", {}).items():
                    assert field["examples"], (path, method, name)


def test_an_endpoints_type_says_which_spec_it_has(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for name in ("EndpointCreate", "EndpointPut"):
        told = schemas[name]["discriminator"]
        assert told["propertyName"] == "type"
        assert set(told["mapping"]) == {"HTTP", "REDIS_STREAM", "KAFKA", "EMAIL"}
        assert sorted(told["mapping"].values()) == sorted(each["$ref"] for each in schemas[name]["oneOf"])
        for kind, reference in told["mapping"].items():
            model = schemas[reference.rpartition("/")[2]]
            spec = schemas[model["properties"]["spec"]["$ref"].rpartition("/")[2]]
            assert model["properties"]["type"]["const"] == kind
            assert spec["additionalProperties"] is False


def test_every_name_is_one_schemas_alone(document: dict[str, Any]) -> None:
    """Generators name classes after titles, and enumerations after a schema and its property."""
    schemas = document["components"]["schemas"]
    assert {name: schema["title"] for name, schema in schemas.items()} == {name: name for name in schemas}
    assert all(re.fullmatch(r"[A-Z][A-Za-z0-9]+", name) for name in schemas)
    enumerations = {
        f"{name}{''.join(part.title() for part in field.split('_'))}"
        for name, schema in schemas.items()
        for field, told in schema.get("properties", {}).items()
        if "enum" in str(told)
    }
    assert enumerations & set(schemas) == set()


def test_every_answer_tells_its_headers(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for status, answer in operation["responses"].items():
            expected = {"Request-Id"}
            if status == "503":
                expected |= {"Retry-After"}
            if status == "401":
                expected |= {"WWW-Authenticate"}
            if status == "304":
                expected |= {"ETag"}
            assert set(answer["headers"]) >= expected, (path, method, status)
        if "412" in operation["responses"]:
            assert any(each["name"] == "If-Match" for each in operation["parameters"]), (path, method)
            assert method == "delete" or any("ETag" in each["headers"] for each in operation["responses"].values()), (
                path,
                method,
            )


def test_whatever_can_be_changed_has_a_tag_and_its_changes_take_conditions(document: dict[str, Any]) -> None:
    """Everything that a caller may edit: paths with GET and one of PUT, PATCH and DELETE."""
    editable = 0
    for path, methods in document["paths"].items():
        for method in methods.keys() & {"put", "patch", "delete"} if "get" in methods else ():
            editable += 1
            assert "If-Match" in {each["name"] for each in methods[method]["parameters"]}, (path, method)
            assert "412" in methods[method]["responses"], (path, method)
            assert "ETag" in methods["get"]["responses"]["200"]["headers"], path
    assert editable >= 7


def test_every_operation_tells_what_the_server_may_say(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        expected = {"414", "431"} | ({"408"} if "requestBody" in operation else set())
        assert expected <= set(operation["responses"]), (path, method)


def test_every_parameter_is_described_by_more_than_its_type(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for parameter in operation["parameters"]:
            schema = parameter["schema"]
            assert parameter["description"], (path, method, parameter["name"])
            assert schema.get("type") != "null"
            if parameter["in"] in ("path", "header"):
                assert "pattern" in schema or schema.get("format") == "uuid", (path, method, parameter["name"])


# Optional bodies: the operation also works without one.
OPTIONAL = {
    "pause_heartbeat",
    "resume_heartbeat",
    "rotate_heartbeat",
    "render_endpoint",
    "try_endpoint",
    "enable_endpoint",
    "disable_endpoint",
    "pause_job",
    "resume_job",
    "trigger_job",
    "cancel_execution",
    "retry_execution",
    "cancel_backfill",
    "cancel_operation",
    "rotate_key",
    "acknowledge_incident",
}


def test_a_body_is_required_where_there_is_no_call_without(
    document: dict[str, Any], api: httpx.Client, workspace: str
) -> None:
    optional = set()
    for path, method, operation in operations(document):
        if "requestBody" in operation:
            if not operation["requestBody"]["required"]:
                optional.add(operation["operationId"])
            ids = {each: str(uuid.uuid4()) for each in "beoi"}
            known = {"w": workspace, "j": "none", "name": "none", "org": "none", "key_id": str(uuid.uuid4()), **ids}
            answer = api.request(method.upper(), path.format_map(known))
            assert (answer.status_code == 400) == operation["requestBody"]["required"], (path, method, answer.text)
    assert optional == OPTIONAL


def test_every_example_of_a_body_is_accepted(
    document: dict[str, Any], api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    base = f"/v1/workspaces/{workspace}"
    incident = f"{base}/incidents/{add_incident(shared_superuser, workspace)}"
    bodies = {
        operation["operationId"]: operation["requestBody"]["content"]["application/json"].get("example")
        for _, _, operation in operations(document)
        if "requestBody" in operation
    }
    assert {name for name, body in bodies.items() if body is None} <= {
        "resume_job",
        "enable_endpoint",
        "cancel_execution",
        "retry_execution",
        "cancel_backfill",
        "cancel_operation",
        "resume_heartbeat",
        "rotate_heartbeat",
    }
    slug = {"slug": f"acme-{uuid.uuid4().hex[:8]}"}  # on a shared server, the example's own name may be taken
    made = api.post(f"{base}/keys", json=bodies["create_key"])
    assert made.status_code == 201, made.text
    asked = [
        ("POST", "/v1/organizations", bodies["create_organization"] | slug, 201),
        ("PATCH", f"/v1/organizations/{slug['slug']}", bodies["update_organization"], 200),
        ("POST", f"{base}/keys", bodies["create_key"], 201),
        ("POST", f"{base}/role-mappings", bodies["create_role_mapping"], 201),
        ("POST", f"{base}/keys/{made.json()['key_id']}/rotate", bodies["rotate_key"], 201),
        ("POST", "/v1/workspaces", bodies["create_workspace"] | slug, 201),
        ("POST", f"{base}/endpoints", bodies["create_endpoint"], 201),
        ("PUT", f"{base}/endpoints/weekly-report", bodies["put_endpoint"], 200),
        ("POST", f"{base}/endpoints/weekly-report/render", bodies["render_endpoint"], 200),
        ("POST", f"{base}/endpoints/weekly-report/disable", bodies["disable_endpoint"], 200),
        ("POST", f"{base}/calendars", bodies["create_calendar"], 201),
        ("PUT", f"{base}/calendars/holidays", bodies["put_calendar"], 200),
        ("POST", f"{base}/schedules/preview", bodies["preview_closed_schedule"], 200),
        ("POST", f"{base}/configs", bodies["create_config"], 201),
        ("PUT", f"{base}/configs/production", bodies["put_config"], 200),
        ("POST", f"{base}/payload-specs", bodies["create_payload_spec"], 201),
        ("PUT", f"{base}/payload-specs/report-input", bodies["put_payload_spec"], 200),
        ("POST", f"{base}/jobs", bodies["create_job"] | {"name": "j"}, 201),
        ("POST", f"{base}/jobs:batch", bodies["create_jobs"], 201),
        ("POST", f"{base}/jobs:bulk", bodies["change_jobs"], 200),
        ("POST", f"{base}/operations", bodies["begin_operation"], 202),
        ("POST", f"{base}/apply", bodies["apply_files_to_workspace"], 200),
        ("POST", f"{base}/jobs/j/diff", bodies["preview_change"], 200),
        ("PATCH", f"{base}/jobs/j", bodies["update_job"], 200),
        ("POST", f"{base}/jobs/j/pause", bodies["pause_job"], 200),
        ("POST", f"{base}/jobs/j/skip-next", bodies["skip_next_ticks"], 200),
        ("POST", f"{base}/jobs/j/trigger", bodies["trigger_job"], 202),
        ("POST", f"{base}/jobs/j/backfill", bodies["backfill_job"], 200),
        ("POST", f"{base}/dead-letters/redrive", bodies["redrive_dead_letters"], 200),
        ("POST", f"{base}/dead-letters/discard", bodies["discard_dead_letters"], 200),
        ("POST", f"{base}/alert-rules", bodies["create_alert_rule"], 201),
        ("PUT", f"{base}/alert-rules/reports-fail", bodies["put_alert_rule"], 200),
        ("POST", f"{incident}/acknowledge", bodies["acknowledge_incident"], 200),
        ("POST", f"{incident}/snooze", bodies["snooze_incident"], 200),
        ("POST", f"{base}/secrets", bodies["create_secret"], 201),
        ("PUT", f"{base}/secrets/api-token", bodies["put_secret"], 200),
        ("POST", f"{base}/heartbeats", bodies["create_heartbeat"], 201),
        ("PUT", f"{base}/heartbeats/nightly-backup", bodies["put_heartbeat"], 200),
        ("POST", f"{base}/heartbeats/nightly-backup/pause", bodies["pause_heartbeat"], 200),
        ("PUT", f"{base}/retention", bodies["put_retention"], 200),
        ("PUT", f"{base}/quotas", bodies["put_quotas"], 200),
        ("PATCH", base, bodies["update_workspace"], 200),
        ("POST", "/v1/schedules/preview", bodies["preview_schedule"], 200),
        ("POST", "/v1/schedules/parse", bodies["parse_schedule"], 200),
    ]
    for method, path, body, status in asked:
        answer = api.request(method, path, json=body)
        assert answer.status_code == status, (method, path, answer.text)
    delivered = {"try_endpoint"}  # tests/worker/test_versions_and_templates.py
    assert len(asked) == len([name for name, body in bodies.items() if body is not None and name not in delivered])


def test_it_says_whose_it_is_and_names_no_file_of_ours(document: dict[str, Any]) -> None:
    assert document["info"]["contact"]["name"]
    assert [server["url"] for server in document["servers"]] == ["/"]
    told = {tag["name"] for tag in document["tags"]}
    assert {tag for _, _, operation in operations(document) for tag in operation["tags"]} == told
    assert all(tag["description"] for tag in document["tags"])
    assert re.findall(r"[\w/]+\.(?:sql|py)\b|kronos/\w+|\bsql/\w+", json.dumps(document)) == []


def test_local_times_and_their_policies_are_documented(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for model, name in (
        ("JobCreate", "anchor"),
        ("JobCreate", "run_at"),
        ("JobPatch", "anchor"),
        ("SchedulePreview", "anchor"),
    ):
        forms = [form for form in alternatives(schemas[model]["properties"][name]) if form.get("type") == "string"]
        assert [form.get("format", "local") for form in forms] == ["date-time", "local"], (model, name)
        assert "offset" in schemas[model]["properties"][name]["description"]
    assert {"anchor_local", "run_at_local"} <= schemas["Job"]["properties"].keys()
    assert "SHIFT_BY_GAP" in str(schemas["JobCreate"]["properties"]["dst_gap"])


def alternatives(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A schema's alternatives, and theirs."""
    yield schema
    for each in schema.get("anyOf", []):
        yield from alternatives(each)


def test_lists_document_their_filters(document: dict[str, Any]) -> None:
    def query(path: str) -> set[str]:
        return {each["name"] for each in document["paths"][path]["get"]["parameters"] if each["in"] == "query"}

    page = {"limit", "cursor"}
    jobs = {"endpoint", "trigger", "status", "tag", "q", "created_after", "created_before", "sort"}
    assert query("/v1/workspaces/{w}/jobs") == page | jobs
    assert query("/v1/workspaces/{w}/executions") == page | {
        *("job", "status", "scheduled_after", "scheduled_before", "caused_by", "endpoint", "q")
    }
    letters = {"endpoint", "job", "error_type", "q", "after", "before"}
    assert query("/v1/workspaces/{w}/dead-letters") == page | letters
    assert query("/v1/workspaces/{w}/endpoints") == query("/v1/workspaces/{w}/keys") == page
    assert query("/v1/workspaces") == page | {"organization"}
    assert query("/v1/workspaces/{w}/incidents") == page | {"status", "rule", "job", "heartbeat"}


def test_the_documentation_page_needs_no_key(api: httpx.Client) -> None:
    response = api.get("/docs", headers={"Authorization": ""})

    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_what_makes_something_takes_a_key_and_every_write_tells_of_lost_answers(document: dict[str, Any]) -> None:
    keyed = {
        operation["operationId"]
        for _, _, operation in operations(document)
        if any(each["name"] == "Idempotency-Key" for each in operation["parameters"])
    }
    assert keyed == {
        "create_job",
        "trigger_job",
        "backfill_job",
        "retry_execution",
        "redrive_dead_letters",
        "discard_dead_letters",
        "begin_operation",
        "create_endpoint",
        "create_calendar",
        "create_config",
        "create_payload_spec",
        "try_endpoint",
    }
    for path, method, operation in operations(document):
        answers = operation["responses"]
        assert ("outcome_unknown" in answers["503"]["description"]) == (method != "get"), path
        for status in (status for status in answers if status < "300"):
            is_known = operation["operationId"] in keyed | {"create_jobs"}  # its jobs have a key each
            assert ("Idempotent-Replayed" in answers[status].get("headers", {})) == is_known
