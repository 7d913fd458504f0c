"""The worker's statements read by index: with 10,000 executions waiting, a claim or a finalize reads its own few."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from factory import EndpointRow, add_endpoint, add_executions
from kronos.delivery import template
from sql.plans import overheard, rows_read, thrown_away
from sql_factory import value
from worker.protocol import FULL_LOOK, as_worker, claim, claim_params, finalize_params, run

Busy = tuple[list[EndpointRow], psycopg.Connection]
Kept = tuple[list[EndpointRow], psycopg.Connection, psycopg.Connection]
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
    # empty but while a job with very many executions is being cancelled, and read once a claim
    cancelled = [node for node in nodes if "cancelled_jobs" in f"{node.get('Relation Name')} {node.get('Index Name')}"]
    assert {(node["Actual Rows"], node["Actual Loops"]) for node in cancelled} == {(0, 1)}
    assert sum(node["Shared Hit Blocks"] for node in cancelled) <= 2
    nodes = [node for node in nodes if node not in cancelled]
    assert _reads_by_index(nodes) <= {
        "execution_live_ready",
        "execution_live_pkey",
        "endpoint_gate_pkey",
        "workspaces_pkey",
    }
    assert "execution_live_ready" in _reads_by_index(nodes)
    assert nodes[0]["Actual Rows"] == 100
    assert nodes[0]["Shared Hit Blocks"] + nodes[0]["Shared Read Blocks"] < 10_000


def test_a_finalize_reads_primary_keys_only(busy: Busy) -> None:
    endpoints, worker = busy
    token, ids = claim(worker, *endpoints, quota=10)
    params = finalize_params(token, ids, "FAILED", is_retryable=True, retry=timedelta(seconds=1))
    nodes = _plan(worker, "finalize_executions", params)
    assert _reads_by_index(nodes) <= {"execution_live_pkey", "endpoint_gate_pkey", "endpoint_health_watched"}
    assert nodes[0]["Actual Rows"] == 100


def test_successes_end_by_primary_keys_only(busy: Busy) -> None:
    endpoints, worker = busy
    token, ids = claim(worker, *endpoints, quota=10)
    nodes = _plan(
        worker, "finalize_successes", finalize_params(token, ids, "SUCCESS", is_retryable=False, retry=timedelta())
    )
    assert _reads_by_index(nodes) == {"execution_live_pkey", "endpoint_health_watched"}  # which is empty
    assert nodes[0]["Actual Rows"] == 50  # those of limited endpoints are left


def test_a_look_reads_one_row_per_endpoint(busy: Busy) -> None:
    _, worker = busy
    nodes = _plan(worker, "list_due_endpoints", FULL_LOOK)
    # where no endpoint names a group of workers, and none is kept off, no gate is asked for
    gates = [node for node in nodes if node.get("Index Name") == "endpoint_gate_pkey"]
    assert {node["Actual Loops"] for node in gates} <= {0}
    nodes = [node for node in nodes if node not in gates]
    assert _reads_by_index(nodes) == {"execution_live_ready", "workspaces_pkey", "endpoint_health_kept_off"}
    assert nodes[0]["Actual Rows"] == 10
    assert nodes[0]["Shared Hit Blocks"] + nodes[0]["Shared Read Blocks"] < 500


_KEY = "{{input.customer}}"
_RANK = """
update kronos.execution_live as live
   set priority = nullif(ranked.nth % 21 - 10, 0)
  from (select execution_id, row_number() over (order by visible_at) as nth from kronos.execution_live) as ranked
 where ranked.execution_id = live.execution_id
"""


@pytest.mark.parametrize("is_ranked", [False, True], ids=["one priority", "all priorities"])
@pytest.mark.parametrize("is_keyed", [False, True], ids=["no key", "a key"])
@pytest.mark.parametrize("most", [None, 1000], ids=["no limit", "a limit"])
def test_plans_that_were_made_when_nothing_waited_read_what_is_claimed_and_ended(
    superuser: psycopg.Connection, database_url: str, most: int | None, is_keyed: bool, is_ranked: bool
) -> None:
    """A worker's plans are made once, mostly beside an empty queue."""
    endpoint = add_endpoint(superuser, max_in_flight=most)
    if is_keyed:
        superuser.execute(
            "update kronos.endpoint_gate set key_template = %s, key_parts = %s, key_max = 100 where endpoint_id = %s",
            [_KEY, Jsonb(template.key_parts(_KEY)), endpoint.endpoint_id],
        )
    end = "finalize_limited_successes" if most or is_keyed else "finalize_successes"
    superuser.execute("vacuum analyze kronos.execution_live")
    with as_worker(database_url) as worker, overheard(worker, "kronos_worker") as plans:
        for count in (1, 2000):
            add_executions(superuser, endpoint, count, input={"customer": "someone"})
            if is_ranked:
                superuser.execute(_RANK)
            if count == 1:
                superuser.execute("vacuum analyze kronos.execution_live")
            plans.clear()
            token, ids = claim(worker, endpoint, quota=50)
            run(worker, end, finalize_params(token, ids, "SUCCESS", is_retryable=False, retry=timedelta()))
        assert len(ids) == 50
        plan = "\n".join(plans)
        assert "Update on execution_live" in plan
        assert "Delete on execution_live" in plan
        assert thrown_away(plan) <= 50
        # of each priority the first fifty may be looked at
        assert rows_read(plan, "execution_live") <= (21 * 50 if is_ranked else 2 * 50)


DELIVERED = 20_000


@pytest.fixture
def kept(superuser: psycopg.Connection, database_url: str) -> Iterator[Kept]:
    """Of ten endpoints one has a single execution waiting; to two others 20,000 were delivered a quarter of an hour
    ago, while somebody reads in an old snapshot. The endpoints, a worker's connection, the reader's."""
    endpoints = [add_endpoint(superuser) for _ in range(10)]
    with psycopg.connect(database_url) as reader, as_worker(database_url) as worker:
        add_executions(superuser, endpoints[0], 1)
        reader.execute("set transaction isolation level repeatable read")
        reader.execute("select count(*) from kronos.workspaces")
        busy = endpoints[1:3]
        for endpoint in busy:
            add_executions(superuser, endpoint, DELIVERED // 2, due_in_seconds=-900)
        superuser.execute(
            "delete from kronos.execution_live where endpoint_id = any (%s)",
            [[endpoint.endpoint_id for endpoint in busy]],
        )
        superuser.execute("vacuum analyze kronos.execution_live")
        yield endpoints, worker, reader


def _look(connection: psycopg.Connection, params: dict[str, Any]) -> int:
    """The pages that a look reads, once its plan is kept."""
    for _ in range(6):
        assert len(run(connection, "list_due_endpoints", params)) == 1
    top = _plan(connection, "list_due_endpoints", params)[0]
    return int(top["Shared Hit Blocks"]) + int(top["Shared Read Blocks"])


def test_a_look_reads_little_of_what_was_delivered_while_somebody_reads(
    superuser: psycopg.Connection, kept: Kept
) -> None:
    """From its claims a worker knows where to begin; of what others claimed minutes ago it reads the index's own
    pages."""
    endpoints, worker, reader = kept
    floor = value(superuser, "select now() - interval '10 minutes'")
    of_its_own = {
        "endpoint_ids": [endpoint.endpoint_id for endpoint in endpoints[1:3]],
        "floors": [floor, floor],
        "since_seconds": 123.0,
    }
    of_others = FULL_LOOK | {"since_seconds": 123.0}
    under = {"own": _look(worker, of_its_own), "others'": _look(worker, of_others), "full": _look(worker, FULL_LOOK)}
    reader.rollback()
    superuser.execute("vacuum kronos.execution_live")
    alone = {"own": _look(worker, of_its_own), "others'": _look(worker, of_others), "full": _look(worker, FULL_LOOK)}
    assert under["full"] > 20 * alone["full"], "the reader keeps what was"
    assert under["own"] <= 2 * alone["own"]
    assert under["others'"] <= alone["others'"] + DELIVERED / 100
