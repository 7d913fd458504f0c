"""Thousands of requests that schemathesis generates from /openapi.json: each answer is as documented, and passes all of
its checks.

The edges of bodies are tried once per operation, those of other parameters at three of the operations that have them.
With --deep, each is tried by each way that leads to it (36 lead to a wrong type of an endpoint's retries).
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
from depth import depth

_HERE = Path(__file__).parent
_COVERAGE, _FUZZING = "examples,coverage", "fuzzing,stateful"
_LEAST_CASES = {_COVERAGE: depth(1500, deep=2500), _FUZZING: depth(500, deep=1500)}  # of each run
_LEFT_OUT = {"try_endpoint", "listen_to_events"}
# Random cases per operation, in addition to the cases of the schemas' edges, which never change. Of 7,860, these are
# the ones that differ.
_BY_DEFAULT = depth(3, deep=12)
_PER_OPERATION = int(os.environ.get("KRONOS_TEST_EXAMPLES", _BY_DEFAULT))
_SEED = os.environ.get("KRONOS_TEST_SEED", "20261128")


# Three runs, each within the limit of a test on a slow machine: the edges of every other path, and all paths once more,
# as sequences of calls follow from what fuzzing saw.
@pytest.mark.parametrize(("phases", "paths"), [(_COVERAGE, (0, 2)), (_COVERAGE, (1, 2)), (_FUZZING, (0, 1))])
def test_whatever_is_generated_is_answered_as_the_document_has_it(
    phases: str, paths: tuple[int, int], api: httpx.Client, shared_superuser: psycopg.Connection, tmp_path: Path
) -> None:
    document = api.get("/openapi.json").raise_for_status().json()
    first, step = paths
    document["paths"] = dict(list(document["paths"].items())[first::step])
    written, report = tmp_path / "openapi.json", tmp_path / "report.json"
    written.write_text(json.dumps(naming(document, furnished(api, shared_superuser))))
    lists = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if any(each["name"] == "cursor" for each in operation["parameters"])
    ]
    told = (
        (_HERE / "schemathesis.toml")
        .read_text()
        .replace("HOOKS", "schemathesis_hooks")
        .replace("[CURSORS]", json.dumps(lists))
    )
    (tmp_path / "schemathesis.toml").write_text(told)
    shutil.copy(_HERE / "schemathesis_hooks.py", tmp_path)
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", str(written), "--url", str(api.base_url)]
    command += ["--header", f"Authorization: {api.headers['authorization']}", "--checks", "all", "--workers", "1"]
    command += ["--phases", phases]
    command += ["--max-examples", str(_PER_OPERATION), "--seed", _SEED, "--no-shrink", "--continue-on-failure"]
    command += [
        "--generation-database",
        "none",
        "--report",
        "json",
        "--report-json-path",
        str(report),
        "--no-color",
        "--suppress-health-check",
        "all",
    ]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=1800)
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    cases = json.loads(report.read_text())
    assert told.count("enabled = false") == len(_LEFT_OUT)
    named = {each["operationId"] for methods in document["paths"].values() for each in methods.values()}
    left_out = len(named & _LEFT_OUT)
    assert cases["test_cases"]["with_failures"] == 0
    assert cases["operations"]["tested"] == cases["operations"]["total"] - left_out
    assert cases["test_cases"]["generated"] >= _LEAST_CASES[phases] or _PER_OPERATION < _BY_DEFAULT
