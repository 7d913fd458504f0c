"""Thousands of requests at the edges of the schemas of /openapi.json, which schemathesis generates: each answer is as
documented, and passes all of its checks. Random requests are in test_schemathesis_roles.

The edges of bodies are tried once per operation, or at one of the two operations that have them alike, those of other
parameters at three of the operations that have them, and those of files only where no other request has them. With
--deep, each is tried by each way that leads to it (36 lead to a wrong type of an endpoint's retries).
"""

import os
from pathlib import Path

import psycopg
import pytest

from api.generated import furnished
from api.schemathesis_runs import Run, report_of, told
from conftest import Api
from depth import depth

# Random cases per operation, in addition to the cases of the schemas' edges, which never change. Of 7,860, these are
# the ones that differ.
_BY_DEFAULT = depth(3, deep=12)
_PER_OPERATION = int(os.environ.get("KRONOS_TEST_EXAMPLES", _BY_DEFAULT))
_SEED = os.environ.get("KRONOS_TEST_SEED", "20261128")
# Several runs, each far within the limit of a test on a slow machine.
_PARTS = depth(2, deep=4)


@pytest.mark.parametrize("part", range(_PARTS))
def test_whatever_is_generated_is_answered_as_the_document_has_it(
    part: int, shared_api: Api, shared_superuser: psycopg.Connection, tmp_path: Path
) -> None:
    document = shared_api.client.get("/openapi.json").raise_for_status().json()
    paths = sorted(document["paths"])[part::_PARTS]
    known = furnished(shared_api.client, shared_superuser)
    run = Run(phases="examples,coverage", key=shared_api.key, amount=_PER_OPERATION, seed=_SEED, paths=paths)
    report = report_of(run, shared_api.client, known, tmp_path)
    operations = [operation["operationId"] for path in paths for operation in document["paths"][path].values()]
    left_out = [name for name in operations if f'include-operation-id = "{name}"\nenabled = false' in told(document)]
    assert told(document).count("enabled = false") == 2
    assert report["operations"]["tested"] == len(operations) - len(left_out)
    assert report["test_cases"]["generated"] >= depth(1000, deep=900) or _PER_OPERATION < _BY_DEFAULT
