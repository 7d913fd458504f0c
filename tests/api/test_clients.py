"""Client generators accept all of /openapi.json, and the generated clients can read the live API. TypeScript is tested
in tests/client/test_typescript.py.
"""

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import psycopg
import pytest

from api.generated import furnished
from api_paths import needed_queries
from conftest import Api
from made_once import made_once

_BIN = Path(sys.executable).parent
_SPECTRAL = "@stoplight/spectral-cli@6.15.0"


@pytest.fixture(scope="module")
def document(shared_api: Api) -> dict[str, Any]:
    found: dict[str, Any] = shared_api.client.get("/openapi.json").raise_for_status().json()
    return found


@pytest.fixture(scope="module")
def client_package(document: dict[str, Any], pytestconfig: pytest.Config) -> Iterator[ModuleType]:
    """The client that openapi-python-client generates, without a warning, imported."""
    # it formats with ruff
    tools = [f"{name} {version(name)}" for name in ("openapi-python-client", "ruff")]
    of: list[str | bytes] = [*tools, json.dumps(document), Path(__file__).read_bytes()]
    directory = made_once(pytestconfig, "python-client", of, lambda into: _generate(document, into))
    sys.path.insert(0, str(directory))
    try:
        yield importlib.import_module("kronos_client")
    finally:
        sys.path.remove(str(directory))


def _generate(document: dict[str, Any], directory: Path) -> None:
    (directory / "openapi.json").write_text(json.dumps(document))
    # the generator does not know JSON lines: it treats the export as bytes
    (directory / "config.yaml").write_text(
        "content_type_overrides:\n  application/x-ndjson: application/octet-stream\n"
    )
    command = [str(_BIN / "openapi-python-client"), "generate", "--path", "openapi.json", "--meta", "none"]
    command += ["--config", "config.yaml"]
    command += ["--output-path", "kronos_client", "--fail-on-warning"]
    path = f"{_BIN}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, env={**os.environ, "PATH": path}, timeout=300
    )
    told = ran.stdout + ran.stderr
    assert ran.returncode == 0, told
    assert "arning" not in told, told


def client_of(package: ModuleType, api: Api, key: str) -> Any:
    """The generated client, with a key."""
    return package.AuthenticatedClient(base_url=str(api.client.base_url), token=key, raise_on_unexpected_status=True)


def reads_alike(
    client: Any, api: httpx.Client, path: str, operation: dict[str, Any], known: dict[str, list[str]]
) -> bool:
    """Whether the generated function returns the same fields as the API."""
    tag = operation["tags"][0].replace("-", "_")
    module = importlib.import_module(f"kronos_client.api.{tag}.{operation['operationId']}")
    given = {each["name"]: known[each["name"]][0] for each in operation["parameters"] if each["in"] == "path"}
    asked = needed_queries(known["j"][-1]).get(path, {})
    typed = {name: datetime.fromisoformat(text) if name == "at" else text for name, text in asked.items()}
    answer = module.sync_detailed(client=client, **given, **typed)
    assert (answer.status_code, type(answer.parsed).__name__ in ("NoneType", "Problem")) == (200, False), (path, answer)
    if "application/json" not in operation["responses"]["200"]["content"]:
        return True  # JSON lines, which it returns unparsed
    told, raw = answer.parsed.to_dict(), api.get(path.format_map(given), params=asked).json()
    assert told.keys() == raw.keys(), path
    if "data" in raw:
        assert len(told["data"]) == len(raw["data"]), path
        assert raw["data"] or "next_cursor" not in raw, path
        assert [row.keys() for row in told["data"]] == [row.keys() for row in raw["data"]], path
    return True


def test_the_python_client_reads_a_job_and_each_list(
    client_package: ModuleType, document: dict[str, Any], shared_api: Api, shared_superuser: psycopg.Connection
) -> None:
    known = furnished(shared_api.client, shared_superuser)
    with client_of(client_package, shared_api, shared_api.key) as client:
        read = [
            operation["operationId"]
            for path, methods in document["paths"].items()
            if (operation := methods.get("get")) is not None
            if path != "/readyz"  # nothing rings in a test's database
            if "text/event-stream" not in operation["responses"]["200"]["content"]  # this response never ends
            if reads_alike(client, shared_api.client, path, operation, known)
        ]
    assert {
        "get_job",
        "list_jobs",
        "list_executions",
        "list_endpoints",
        "list_workspaces",
        "list_backfills",
        "list_attempts",
    } <= set(read)


def _npx(package: str, directory: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a tool from npm's registry. Skips the test, with the reason, if there is no npx or the registry is
    unreachable.
    """
    if shutil.which("npx") is None:
        pytest.skip("npx is not on this machine: what matters of it is tested in test_openapi")
    environment = {**os.environ, "npm_config_update_notifier": "false", "npm_config_fetch_retries": "0"}
    ran = subprocess.run(
        ["npx", "--yes", "--package", package, "--", *command],
        cwd=directory,
        capture_output=True,
        text=True,
        env=environment,
        timeout=240,
    )
    if "npm error" in ran.stderr.lower() or "npm err!" in ran.stderr.lower():
        pytest.skip(f"npm's registry is not reached: {ran.stderr.splitlines()[0]}")
    return ran


def test_spectral_warns_of_nothing(document: dict[str, Any], pytestconfig: pytest.Config) -> None:
    # OpenAPI 3.1 lets the requirement of a key list roles (Security Requirement Object); this rule is for OpenAPI 3.0.
    rules = 'extends: ["spectral:oas"]\nrules:\n  oas3-operation-security-defined: off\n'

    def judge(folder: Path) -> None:
        (folder / "openapi.json").write_text(json.dumps(document))
        (folder / ".spectral.yaml").write_text(rules)
        ran = _npx(_SPECTRAL, folder, "spectral", "lint", "openapi.json", "--fail-severity", "hint", "--format", "text")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        (folder / "told.txt").write_text(ran.stdout)

    of: list[str | bytes] = [_SPECTRAL, rules, Path(__file__).read_bytes()]
    judged = made_once(pytestconfig, "spectral", [*of, json.dumps(document)], judge)
    assert "No results with a severity of 'hint' or higher found!" in (judged / "told.txt").read_text()


def test_the_python_client_reads_a_problem(client_package: ModuleType, shared_api: Api) -> None:
    module = importlib.import_module("kronos_client.api.workspaces.list_workspaces")
    with client_of(client_package, shared_api, "kr_live_none") as client:
        parsed = module.sync(client=client)
    assert (type(parsed).__name__, parsed.code) == ("Problem", "unauthorized")
