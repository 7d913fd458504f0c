"""The worker's statements read by index: with 10,000 executions waiting, a claim or a finalize reads its own few."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from factory import EndpointRow, add_endpoint, add_executions
from worker.protocol import as_worker, claim, claim_params, finalize_params, run

Busy = tuple[list[EndpointRow], psycopg.Connection]
EXPLAIN = "explain (analyze, buffers, timing off, format json) "


@pytest.fixture
def busy(superuser: psycopg.Connection, database_url: str) -> Iterator[Busy]:
    """Ten endpoints, half of them limited, with a thousand executions each."""
    endpoints = [add_endpoint(superuser, max_in_flight=None if number % 2 else 100) for number in range(10)]
    for endpoint in endpoints:
        add_executions(superuser, endpoint, 1000)
    superuser.execute("analyze kronos.execution_live")
    with as_worker(database_url) as connection:
        yield endpoints, connection


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    found = [plan]
    for child in plan.get("Plans", []):
        found += _nodes(child)
    return found


def _plan(connection: psycopg.Connection, name: str, params: dict[str, Any]) -> list[dict[str, Any]]:
    ((explained,),) = run(connection, name, params, prefix=EXPLAIN)
    (document,) = explained if isinstance(explained, list) else json.loads(explained)
    return _nodes(document["Plan"])


def _reads_by_index(nodes: list[dict[str, Any]]) -> set[str]:
    kinds = {node["Node Type"] for node in nodes}
    assert not kinds & {"Seq Scan", "Hash Join", "Merge Join", "Bitmap Heap Scan"}, kinds
    return {node["Index Name"] for node in nodes if "Index Name" in node}


def test_a_claim_reads_the_ready_index_and_primary_keys(busy: Busy) -> None:
    endpoints, worker = busy
    nodes = _plan(worker, "claim_executions", claim_params(endpoints, quota=10))
    assert _reads_by_index(nodes) <= {"execution_live_ready", "execution_live_pkey", "endpoint_gate_pkey", "workspaces_pkey"}
    assert "execution_live_ready" in _reads_by_index(nodes)
    assert nodes[0]["Actual Rows"] == 100
    assert nodes[0]["Shared Hit Blocks"] + nodes[0]["Shared Read Blocks"] < 10_000


def test_a_finalize_reads_primary_keys_only(busy: Busy) -> None:
    endpoints, worker = busy
    token, ids = claim(worker, *endpoints, quota=10)
    params = finalize_params(token, ids, "FAILED", is_retryable=True, retry=timedelta(seconds=1))
    nodes = _plan(worker, "finalize_executions", params)
    assert _reads_by_index(nodes) <= {"execution_live_pkey", "endpoint_gate_pkey"}
    assert nodes[0]["Actual Rows"] == 100


def test_a_look_reads_one_row_per_endpoint(busy: Busy) -> None:
    _, worker = busy
    nodes = _plan(worker, "list_due_endpoints", {})
    assert _reads_by_index(nodes) == {"execution_live_ready", "workspaces_pkey"}
    assert nodes[0]["Actual Rows"] == 10
    assert nodes[0]["Shared Hit Blocks"] + nodes[0]["Shared Read Blocks"] < 500
