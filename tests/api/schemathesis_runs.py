"""Runs of schemathesis over /openapi.json: the command, what it is told beside the document, and what it reports."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from api.generated import naming
from depth import DEEP

Json = dict[str, Any]
_HERE = Path(__file__).parent
_TABLES = _HERE.parents[1] / ".hypothesis"
"""Where Hypothesis keeps its tables of Unicode. Without them, each run computes them again: 2 s of CPU."""
_PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", DEEP)
"""The variables that the command gets. `requests` goes through all of them twice for each request, for proxies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run: which phases, of which paths (none: all), with which key, and how many random cases per operation. Every
    second random case of an operation has the other key, if there is one."""

    phases: str
    key: str
    amount: int
    seed: str
    paths: Sequence[str] = ()
    other_key: str | None = None


def report_of(run: Run, api: httpx.Client, known: dict[str, list[str]], folder: Path) -> Json:
    """Run schemathesis, which must find nothing. Return its report. The document names what is `known`."""
    document = api.get("/openapi.json").raise_for_status().json()
    written, report = folder / "openapi.json", folder / "report.json"
    is_short = "coverage" in run.phases and DEEP not in os.environ
    written.write_text(json.dumps(naming(short_files(document) if is_short else document, known)))
    (folder / "alike.json").write_text(json.dumps(alike(document)))
    (folder / "schemathesis.toml").write_text(told(document))
    shutil.copy(_HERE / "schemathesis_hooks.py", folder)
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", str(written), "--url", str(api.base_url)]
    surroundings = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    surroundings["HYPOTHESIS_STORAGE_DIRECTORY"] = str(_TABLES)
    if run.other_key is not None:
        surroundings["KRONOS_TEST_OTHER_KEY"] = run.other_key
    command += ["--header", f"Authorization: Bearer {run.key}", "--checks", "all", "--workers", "1"]
    command += ["--phases", run.phases, *(word for path in run.paths for word in ("--include-path", path))]
    command += ["--max-examples", str(run.amount), "--seed", run.seed, "--no-shrink", "--continue-on-failure"]
    command += ["--generation-database", "none", "--report", "json", "--report-json-path", str(report), "--no-color"]
    # Plain HTTP needs no authorities, whose file `requests` would look for at each request.
    command += ["--tls-verify", "false", "--suppress-health-check", "all"]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=3600, env=surroundings)
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    found: Json = json.loads(report.read_text())
    assert found["test_cases"]["with_failures"] == 0
    return found


def alike(document: Json) -> dict[str, list[str]]:
    """For each path at which resources are created, the fields that the body of their PUT has with the same schema."""
    found = {}
    for path, methods in document["paths"].items():
        replaced = document["paths"].get(f"{path}/{{name}}", {})
        if "post" in methods and "put" in replaced:
            made, put = (_fields(document, each["requestBody"]) for each in (methods["post"], replaced["put"]))
            differing = {
                name for kind, name in made.keys() | put.keys() if made.get((kind, name)) != put.get((kind, name))
            }
            found[path] = sorted({name for _, name in made} - differing)
    return found


def _fields(document: Json, body: Json) -> dict[tuple[str, str], Json]:
    """The schemas of a body's fields, by its kind, if it has several, and their names."""
    schemas = document["components"]["schemas"]
    schema = schemas[_name(body["content"]["application/json"]["schema"])]
    kinds = schema.get("discriminator", {}).get("mapping", {"": None})
    return {
        (kind, name): field
        for kind, reference in kinds.items()
        for name, field in (schemas[_name({"$ref": reference})] if reference else schema)["properties"].items()
    }


def _name(schema: Json) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def short_files(document: Json) -> Json:
    """The document, whose files hold resources without the optional fields that no example has, and without the limits
    of their lists: all these are tried by the requests for single resources, which have the same models."""
    document = json.loads(json.dumps(document))
    for field in document["components"]["schemas"]["ApplyBody"]["properties"].values():
        if "items" in field:
            field["items"] = _short(document, field["items"], [item for each in field["examples"] for item in each])
    return document


def _short(document: Json, schema: Json, examples: list[Any]) -> Json:
    if "$ref" in schema:
        return _short(document, document["components"]["schemas"][_name(schema)], examples)
    for variants in schema.keys() & {"oneOf", "anyOf"}:
        shorter = [_short(document, each, examples) for each in schema[variants]]
        return {**{name: each for name, each in schema.items() if name != "discriminator"}, variants: shorter}
    if "items" in schema:
        items = [item for each in examples if isinstance(each, list) for item in each]
        kept = {name: each for name, each in schema.items() if name != "maxItems"}
        return {**kept, "items": _short(document, schema["items"], items)}
    given = [each for each in examples if isinstance(each, dict)]
    names = {name for each in given for name in each} | set(schema.get("required", ()))
    fields = {
        name: _short(document, each, [example[name] for example in given if name in example])
        for name, each in schema.get("properties", {}).items()
        if name in names
    }
    return {**schema, "properties": fields} if fields else schema


def told(document: Json) -> str:
    """schemathesis.toml, with the operations that have a cursor."""
    lists = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if any(each["name"] == "cursor" for each in operation["parameters"])
    ]
    text = (_HERE / "schemathesis.toml").read_text()
    return text.replace("HOOKS", "schemathesis_hooks").replace("[CURSORS]", json.dumps(lists))
