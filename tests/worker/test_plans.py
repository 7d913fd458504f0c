"""The worker's statements read by index: with 10,000 executions waiting, a claim or a finalize reads only its own
few."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import Jsonb

from conftest import cloned
from depth import depth
from factory import EndpointRow, add_endpoint, add_executions, end_leases
from kronos.delivery import template as templates
from servers import Server
from sql.plans import overheard, rows_read, thrown_away, told_plans
from sql_factory import value
from worker.protocol import FULL_LOOK, as_worker, claim, claim_params, expire, finalize_params, release, run

Busy = tuple[list[EndpointRow], psycopg.Connection]
End = Callable[[psycopg.Connection, UUID, list[UUID]], None]
Kept = tuple[list[EndpointRow], psycopg.Connection, psycopg.Connection]
EXPLAIN = "explain (analyze, buffers, timing off, format json) "


@pytest.fixture(scope="module")
def scene(server: Server, template: str) -> Iterator[tuple[list[EndpointRow], str]]:
    """Ten endpoints, half of them limited, with a thousand executions each, and the name of their database. Building it
    takes more than a second: it is built once, and each test gets a copy."""
    with cloned(server, template) as url:
        with psycopg.connect(url, autocommit=True) as superuser:
            endpoints = [add_endpoint(superuser, max_in_flight=None if number % 2 else 100) for number in range(10)]
            for endpoint in endpoints:
                add_executions(superuser, endpoint, 1000, has_jobs=False)
            superuser.execute("analyze kronos.execution_live")
        yield endpoints, str(conninfo_to_dict(url)["dbname"])


@pytest.fixture
def busy(server: Server, scene: tuple[list[EndpointRow], str]) -> Iterator[Busy]:
    """A copy of that database, and a worker's connection to it."""
    endpoints, name = scene
    with cloned(server, name) as url, as_worker(url) as connection:
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
    # empty except while a job with very many executions is being cancelled, and read once per claim
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


def test_successes_end_where_their_claims_have_put_them(busy: Busy) -> None:
    endpoints, worker = busy
    token, ids = claim(worker, *endpoints, quota=10)
    nodes = _plan(
        worker, "finalize_successes", finalize_params(token, ids, "SUCCESS", is_retryable=False, retry=timedelta())
    )
    assert _reads_by_index(nodes) == {"endpoint_health_watched"}  # which is empty
    assert {node["Node Type"] for node in nodes if node.get("Relation Name") == "execution_live"} == {
        "ModifyTable",
        "Tid Scan",
    }
    assert nodes[0]["Actual Rows"] == 50  # those of limited endpoints are left


def test_a_look_reads_one_row_per_endpoint(busy: Busy) -> None:
    _, worker = busy
    nodes = _plan(worker, "list_due_endpoints", FULL_LOOK)
    # if no endpoint names a group of workers, and none is kept off, no gate is read
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


def _succeed(worker: psycopg.Connection, token: UUID, ids: list[UUID], *, is_limited: bool) -> None:
    name = "finalize_limited_successes" if is_limited else "finalize_successes"
    assert run(worker, name, finalize_params(token, ids, "SUCCESS", is_retryable=False, retry=timedelta())) == []


def _fail(worker: psycopg.Connection, token: UUID, ids: list[UUID], *, is_retryable: bool) -> None:
    params = finalize_params(token, ids, "FAILED", is_retryable=is_retryable, retry=timedelta(hours=1))
    assert len(run(worker, "finalize_executions", params)) == len(ids)


def _release(worker: psycopg.Connection, token: UUID, ids: list[UUID]) -> None:
    assert len(run(worker, "get_run_facts", {"execution_ids": ids})) == len(ids)
    assert set(release(worker, token, ids)) == set(ids)


@pytest.mark.parametrize(
    ("limits", "end"),
    [
        ({}, partial(_succeed, is_limited=False)),
        ({"max_in_flight": 1000}, partial(_succeed, is_limited=True)),
        ({"key_max": 100}, partial(_succeed, is_limited=True)),
        ({"max_in_flight": 1000, "key_max": 100}, partial(_succeed, is_limited=True)),
        ({"max_in_flight": 1000}, partial(_fail, is_retryable=True)),
        ({"key_max": 100}, partial(_fail, is_retryable=False)),
        ({}, _release),
    ],
)
@pytest.mark.parametrize("is_ranked", [False, True], ids=["one priority", "all priorities"])
def test_plans_that_were_made_when_nothing_waited_read_what_is_claimed_and_ended(
    superuser: psycopg.Connection, database_url: str, limits: dict[str, int], end: End, is_ranked: bool
) -> None:
    """A worker's plans are made once, mostly while the queue is empty."""
    endpoint = add_endpoint(superuser, max_in_flight=limits.get("max_in_flight"))
    if "key_max" in limits:
        superuser.execute(
            "update kronos.endpoint_gate set key_template = %s, key_parts = %s, key_max = %s where endpoint_id = %s",
            [_KEY, Jsonb(templates.key_parts(_KEY)), limits["key_max"], endpoint.endpoint_id],
        )
    with as_worker(database_url) as worker, overheard(worker, "kronos_worker") as plans:
        for count in (1, 2000):
            add_executions(superuser, endpoint, count, input={"customer": "someone"}, has_jobs=False)
            if is_ranked:
                superuser.execute(_RANK)
            if count == 1:
                superuser.execute("vacuum analyze kronos.execution_live")
            plans.clear()
            token, ids = claim(worker, endpoint, quota=50)
            end(worker, token, ids)
        plan = "\n".join(plans)
    assert len(ids) == 50
    assert plan.count(" on execution_live") >= 4
    assert thrown_away(plan) <= 50
    # for each priority the first fifty may be read
    assert rows_read(plan, "execution_live") <= (21 * 50 if is_ranked else 2 * 50)


def test_the_plans_that_end_leases_read_those_that_ran_out(superuser: psycopg.Connection, database_url: str) -> None:
    """As above; one of each fate, so that everything is planned."""
    endpoint = add_endpoint(superuser, max_in_flight=1000)
    with as_worker(database_url) as worker, overheard(worker, "kronos_worker") as plans:
        for count in (1, 2000):
            add_executions(superuser, endpoint, count, max_crashes=count % 2, has_jobs=False)
            if count == 1:
                superuser.execute("vacuum analyze kronos.execution_live")
            _, ids = claim(worker, endpoint, quota=50)
            end_leases(superuser, ids)
            plans.clear()
            assert sum(expire(worker)) == len(ids)
        plan = "\n".join(plans)
    assert len(ids) == 50
    assert thrown_away(plan) <= 50
    assert rows_read(plan, "execution_live") <= 2 * 50


def test_a_session_that_began_with_few_jobs_looks_up_the_job_of_an_execution_by_its_key(
    superuser: psycopg.Connection,
) -> None:
    """Its plan was made when any index of jobs was as good as another. It read all jobs of the workspace for each
    execution: 9 s of CPU for 8,000."""
    endpoint = add_endpoint(superuser)
    for _ in range(8):
        add_executions(superuser, endpoint, 1)
    with told_plans(superuser) as plans:
        add_executions(superuser, endpoint, 100)
    lookups = [plan for plan in plans if "kronos.jobs" in plan and "key share" in plan]
    assert len(lookups) == 100
    assert {index for plan in lookups for index in re.findall(r"Index (?:Only )?Scan using (\w+)", plan)} == {
        "jobs_pkey"
    }


DELIVERED = depth(8_000, deep=20_000)


@pytest.fixture
def kept(superuser: psycopg.Connection, database_url: str) -> Iterator[Kept]:
    """One of ten endpoints has a single execution waiting; to two others thousands were delivered a quarter of an hour
    ago, while another session reads in an old snapshot. The endpoints, a worker's connection, the reader's."""
    endpoints = [add_endpoint(superuser) for _ in range(10)]
    with psycopg.connect(database_url) as reader, as_worker(database_url) as worker:
        add_executions(superuser, endpoints[0], 1)
        reader.execute("set transaction isolation level repeatable read")
        reader.execute("select count(*) from kronos.workspaces")
        busy = endpoints[1:3]
        for endpoint in busy:
            add_executions(superuser, endpoint, DELIVERED // 2, due_in_seconds=-900, has_jobs=False)
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
    """A worker knows from its claims where to begin. Of rows that others claimed minutes ago it reads only the pages of
    the index."""
    endpoints, worker, reader = kept
    floor = value(superuser, "select now() - interval '10 minutes'")
    of_its_own = {
        "endpoint_ids": [endpoint.endpoint_id for endpoint in endpoints[1:3]],
        "floors": [floor, floor],
        "since_seconds": 123.0,
    }
    of_others = FULL_LOOK | {"since_seconds": 123.0}
    under = {"own": _look(worker, of_its_own), "others'": _look(worker, of_others), "full": _look(worker, FULL_LOOK)}
    # half as many again or twice as many, by the order of the endpoints' random ids: that decides how pages are split
    index_pages = value(superuser, "select pg_relation_size('kronos.execution_live_ready') / 8192")
    reader.rollback()
    superuser.execute("vacuum kronos.execution_live")
    alone = {"own": _look(worker, of_its_own), "others'": _look(worker, of_others), "full": _look(worker, FULL_LOOK)}
    assert under["full"] > 20 * alone["full"], "the reader's snapshot keeps the old rows"
    assert under["own"] <= 2 * alone["own"]
    assert under["others'"] <= alone["others'"] + index_pages < under["full"]
