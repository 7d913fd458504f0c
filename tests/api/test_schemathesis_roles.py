"""Requests that schemathesis generates, sent with keys of each role: each answer is as documented.

By default it sends some hundred requests as an operator. KRONOS_TEST_DEEP=1 sends tens of thousands, with each role, in
all phases: examples, the schemas' edges, random cases, and sequences that use earlier answers (stateful).
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import psycopg
import pytest

from api.generated import furnished, naming
from factory import add_key

_HERE = Path(__file__).parent
_IS_DEEP = os.environ.get("KRONOS_TEST_DEEP") == "1"
_ROLES = ("viewer", "operator", "admin", "instance_admin") if _IS_DEEP else ("operator",)
_PHASES, _EXAMPLES, _LEAST = ("examples,coverage,fuzzing,stateful", 30, 5000) if _IS_DEEP else ("fuzzing", 2, 100)
_SEED = os.environ.get("KRONOS_TEST_SEED", "20261129")


@pytest.mark.parametrize("role", _ROLES)
def test_whatever_a_key_of_a_role_sends_is_answered_as_the_document_has_it(
    api: httpx.Client, shared_superuser: psycopg.Connection, tmp_path: Path, role: str
) -> None:
    document = api.get("/openapi.json").raise_for_status().json()
    known = furnished(api, shared_superuser)
    key = add_key(shared_superuser, None if role == "instance_admin" else known["w"][0], role)
    written, report = tmp_path / "openapi.json", tmp_path / "report.json"
    written.write_text(json.dumps(naming(document, known)))
    lists = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if any(each["name"] == "cursor" for each in operation["parameters"])
    ]
    told = (_HERE / "schemathesis.toml").read_text()
    told = told.replace("HOOKS", "schemathesis_hooks").replace("[CURSORS]", json.dumps(lists))
    (tmp_path / "schemathesis.toml").write_text(told)
    shutil.copy(_HERE / "schemathesis_hooks.py", tmp_path)
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", str(written), "--url", str(api.base_url)]
    command += ["--header", f"Authorization: Bearer {key}", "--checks", "all", "--workers", "1"]
    command += ["--phases", _PHASES, "--max-examples", str(_EXAMPLES), "--seed", _SEED, "--no-shrink"]
    command += ["--continue-on-failure", "--generation-database", "none", "--report", "json"]
    command += ["--report-json-path", str(report), "--no-color", "--suppress-health-check", "all"]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=3600)
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    cases = json.loads(report.read_text())
    sys.stdout.write(f"{role}: {cases['test_cases']}, {cases['operations']}\n")
    assert cases["test_cases"]["with_failures"] == 0
    assert cases["test_cases"]["generated"] >= _LEAST
