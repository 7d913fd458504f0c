"""Random requests that schemathesis generates, and sequences that use earlier answers: each answer is as documented.

By default it sends some hundred requests as the instance's administrator, and every second random one of an operation
as an operator. With --deep, it also sends tens of thousands with each role, in all phases: examples and the schemas'
edges, too.
"""

import os
import sys
from pathlib import Path

import psycopg
import pytest

from api.generated import furnished
from api.schemathesis_runs import Run, report_of, told
from conftest import Api
from depth import DEEP, depth
from factory import add_key

_RANDOM = "fuzzing,stateful"
_BY_DEFAULT = depth(3, deep=12)
_PER_OPERATION = int(os.environ.get("KRONOS_TEST_EXAMPLES", _BY_DEFAULT))
_LEAST = depth(500, deep=1500) if _PER_OPERATION >= _BY_DEFAULT else 0
_OF_ROLES = ("viewer", "operator", "admin", "instance_admin") if DEEP in os.environ else ()
_RUNS = [
    (_RANDOM, "instance_admin", "operator", _PER_OPERATION, _LEAST),
    *((f"examples,coverage,{_RANDOM}", role, None, 30, 5000) for role in _OF_ROLES),
]
_SEED = os.environ.get("KRONOS_TEST_SEED", "20261129")


@pytest.mark.parametrize(("phases", "role", "other_role", "amount", "least"), _RUNS)
def test_whatever_a_key_of_a_role_sends_is_answered_as_the_document_has_it(
    phases: str,
    role: str,
    other_role: str | None,
    amount: int,
    least: int,
    shared_api: Api,
    shared_superuser: psycopg.Connection,
    tmp_path: Path,
) -> None:
    known = furnished(shared_api.client, shared_superuser)
    key, other_key = (
        each and add_key(shared_superuser, None if each == "instance_admin" else known["w"][0], each)
        for each in (role, other_role)
    )
    run = Run(phases=phases, key=str(key), other_key=other_key, amount=amount, seed=_SEED)
    report = report_of(run, shared_api.client, known, tmp_path)
    sys.stdout.write(f"{role}: {report['test_cases']}, {report['operations']}\n")
    document = shared_api.client.get("/openapi.json").raise_for_status().json()
    operations = sum(map(len, document["paths"].values()))
    assert report["operations"]["tested"] == operations - told(document).count("enabled = false")
    assert report["test_cases"]["generated"] >= least
    if other_role is not None and least:
        as_another = set((tmp_path / "others.txt").read_text().splitlines())
        assert len(as_another) >= 100
