"""The client matches /openapi.json: every operation, parameter, field, enum value and null."""

import dataclasses
import inspect
import types
import typing
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints
from uuid import UUID

import pytest

import kronos.client.bodies
import kronos.client.models
from conftest import Api
from generate import docs, document, making
from generate.places import BY_HAND, INSTANCE_RESOURCES, LEFT_OUT, PARAMETERS, PLACES
from kronos.client import AsyncKronos, Kronos

ROOT = Path(__file__).parents[2]
Document = dict[str, Any]


@pytest.fixture(scope="module")
def api_document(shared_api: Api) -> Document:
    """The document as the running API serves it."""
    found: Document = shared_api.client.get("/openapi.json").raise_for_status().json()
    return found


def test_what_is_made_is_as_bin_client_makes_it(api_document: Document) -> None:
    made = making.made(api_document, ROOT)
    differing = [name for name, text in made.items() if not (ROOT / name).exists() or (ROOT / name).read_text() != text]
    superfluous = sorted(set(making.existing(ROOT)) - set(made))
    assert (differing, superfluous) == ([], []), "run bin/client"


def test_the_page_is_as_bin_client_makes_it(api_document: Document) -> None:
    assert docs.page(api_document, ROOT) == (ROOT / docs.PAGE).read_text(encoding="utf-8"), "run bin/client"


def test_the_generator_reads_the_document_that_is_served(api_document: Document) -> None:
    assert document.load() == api_document


def schemas(api_document: Document) -> dict[str, Document]:
    found: dict[str, Document] = api_document["components"]["schemas"]
    return found


def is_like(hint: Any, schema: Document, of: dict[str, Document]) -> bool:
    """Return whether a type matches the schema. Written independently of the generator."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if isinstance(hint, type) and hint.__name__ == name:
            return True
        return is_like(hint, of[name], of) if "enum" in of[name] else False
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        kinds = get_args(hint) if get_origin(hint) in (types.UnionType, typing.Union) else (hint,)
        return all(any(is_like(kind, each, of) for kind in kinds) for each in alternatives) and all(
            any(is_like(kind, each, of) for each in alternatives) for kind in kinds
        )
    if "enum" in schema or "const" in schema:
        return get_origin(hint) is Literal and set(get_args(hint)) == set(schema.get("enum", [schema.get("const")]))
    match schema.get("type"):
        case "null":
            return hint is type(None)
        case "array":
            return get_origin(hint) is list and is_like(get_args(hint)[0], schema["items"], of)
        case "object":
            values = schema.get("additionalProperties")
            inner = get_args(hint)[1] if get_origin(hint) is dict else None
            return inner is Any if not isinstance(values, dict) else is_like(inner, values, of)
        case "string":
            by_format = {"date-time": datetime, "date": date, "uuid": UUID}
            return hint is by_format.get(schema.get("format", ""), str)
        case kind:
            return hint is {"integer": int, "number": float, "boolean": bool, None: Any}[kind]


def test_each_model_has_every_field_with_its_words_and_nulls(api_document: Document) -> None:
    known, checked = schemas(api_document), 0
    for name in kronos.client.models.__all__:
        model = getattr(kronos.client.models, name)
        if name == "Page" or not dataclasses.is_dataclass(model):
            continue
        hints = get_type_hints(model)
        properties = {field: told for field, told in known[name]["properties"].items() if not field.startswith("_")}
        assert {field.removesuffix("_") for field in hints} == set(properties), name
        for field, hint in hints.items():
            told = properties[field.removesuffix("_")]
            if field.removesuffix("_") not in known[name].get("required", ()) and hint is not Any:
                assert type(None) in get_args(hint), (name, field)
                told = {"anyOf": [told, {"type": "null"}]} if told.get("anyOf") is None else told
            assert is_like(hint, told, known), (name, field, hint, told)
            checked += 1
    assert checked > 600


def test_a_field_that_the_client_lacks_is_found(api_document: Document) -> None:
    """Proves that the comparison can fail."""
    known = schemas(api_document)
    assert is_like(str | None, {"anyOf": [{"type": "string"}, {"type": "null"}]}, known)
    assert not is_like(str, {"anyOf": [{"type": "string"}, {"type": "null"}]}, known)
    assert not is_like(str | None, {"type": "string"}, known)
    assert not is_like(Literal["A"], {"enum": ["A", "B"]}, known)
    assert not is_like(list[str], {"type": "array", "items": {"type": "integer"}}, known)


def test_each_body_has_every_field(api_document: Document) -> None:
    known = schemas(api_document)
    for name in kronos.client.bodies.__all__:
        body = getattr(kronos.client.bodies, name)
        ones = [known[each["$ref"].rpartition("/")[2]] for each in known[name].get("oneOf", [])] or [known[name]]
        fields = {field for one in ones for field in one["properties"]} - {"validate_only"}
        needed = set.intersection(*(set(one.get("required", ())) for one in ones))
        assert {field.removesuffix("_") for field in get_type_hints(body)} == fields, name
        assert {field.removesuffix("_") for field in body.__required_keys__} == needed, name


@pytest.mark.parametrize("client", [Kronos, AsyncKronos])
def test_each_operation_is_a_method_that_takes_each_parameter(api_document: Document, client: Any) -> None:
    made = client("http://127.0.0.1:1", "kr_live_x_y")
    counted = 0
    for path, verbs in api_document["paths"].items():
        for operation in verbs.values():
            name = operation["operationId"]
            if name in BY_HAND:
                continue
            for place in PLACES[name]:
                is_of_instance = not path.startswith("/v1/workspaces/{w}") or place.resource in INSTANCE_RESOURCES
                owner = made if is_of_instance else made.workspace("acme")
                resource = getattr(owner, place.resource.removeprefix("instance_"))
                takes = set(inspect.signature(getattr(resource, place.name)).parameters)
                wanted = {
                    PARAMETERS.get(each["name"], each["name"])
                    for each in operation["parameters"]
                    if each["in"] == "path" and not (each["name"] == "w" and not is_of_instance)
                }
                for each in operation["parameters"]:
                    if each["in"] == "query" and each["name"] not in ("validate_only", "limit", "from"):
                        wanted.add(each["name"])
                    elif each["in"] == "header" and each["name"] not in (*LEFT_OUT, "Idempotency-Key"):
                        wanted.add(each["name"].lower().replace("-", "_"))
                assert wanted <= takes, (name, wanted - takes)
                counted += 1
    assert counted > 90


def test_an_operation_that_is_new_is_a_method_too(api_document: Document) -> None:
    """It has the API's name for it, belongs to the resource of its tag, and is never retried."""
    page = {"post": {**api_document["paths"]["/v1/workspaces/{w}/jobs/{j}/resume"]["post"], "operationId": "hold_job"}}
    newer = {**api_document, "paths": {**api_document["paths"], "/v1/workspaces/{w}/jobs/{j}/hold": page}}
    changed = {name for name, text in making.made(newer, ROOT).items() if (ROOT / name).read_text() != text}
    assert changed == {"kronos/client/_async/resources/jobs.py", "kronos/client/_sync/resources/jobs.py"}


def test_a_stream_that_takes_more_has_to_be_seen_to(api_document: Document) -> None:
    import copy

    newer = copy.deepcopy(api_document)
    events = newer["paths"]["/v1/workspaces/{w}/events"]["get"]
    events["parameters"].append({"name": "since", "in": "query", "schema": {"type": "string"}})
    with pytest.raises(ValueError, match=r"listen_to_events takes .*since"):
        making.made(newer, ROOT)


def test_every_place_is_of_an_operation(api_document: Document) -> None:
    there = {each["operationId"] for verbs in api_document["paths"].values() for each in verbs.values()}
    assert (set(PLACES) | set(BY_HAND)) - there == set()


def test_both_clients_have_the_same_methods() -> None:
    tasks, threads = AsyncKronos("http://127.0.0.1:1", "k"), Kronos("http://127.0.0.1:1", "k")

    def methods(owner: object) -> dict[str, list[str]]:
        return {
            f"{name}.{method}": list(inspect.signature(getattr(resource, method)).parameters)
            for name, resource in vars(owner).items()
            if not name.startswith("_")
            for method in dir(resource)
            if not method.startswith("_")
        }

    assert methods(tasks) == methods(threads)
    assert methods(tasks.workspace("acme")) == methods(threads.workspace("acme"))
    assert len(methods(tasks)) + len(methods(tasks.workspace("acme"))) > 95
