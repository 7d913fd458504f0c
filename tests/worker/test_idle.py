"""What a worker costs that has nothing to do, however many workspaces and endpoints there are."""

import psycopg

from factory import add_endpoint
from worker.protocol import FULL_LOOK, as_worker, run
from worker.test_plans import _plan

_MANY = """
with workspace as (
    insert into kronos.workspaces (slug, name)
    select 'idle-' || number, 'Idle' from generate_series(1, 10000) as number
    returning workspace_id
), endpoint as (
    insert into kronos.endpoints (workspace_id, name, type)
    select workspace_id, 'sink', 'HTTP' from workspace
    returning endpoint_id, workspace_id
)
insert into kronos.endpoint_gate (endpoint_id, workspace_id) select endpoint_id, workspace_id from endpoint
"""


def _pages(database_url: str, name: str, params: dict[str, object]) -> int:
    """What a statement reads once its plan is kept."""
    with as_worker(database_url) as worker:
        for _ in range(6):
            run(worker, name, params)
        top = _plan(worker, name, params)[0]
    return int(top["Shared Hit Blocks"]) + int(top["Shared Read Blocks"])


def test_a_look_and_the_upkeep_cost_the_same_with_ten_thousand_idle_workspaces(
    superuser: psycopg.Connection, database_url: str
) -> None:
    add_endpoint(superuser)
    upkeep: dict[str, object] = {"limit": 1000, "all_leases": True}
    before = [_pages(database_url, "list_due_endpoints", FULL_LOOK), _pages(database_url, "upkeep", upkeep)]
    superuser.execute(_MANY)
    superuser.execute("analyze")
    after = [_pages(database_url, "list_due_endpoints", FULL_LOOK), _pages(database_url, "upkeep", upkeep)]
    assert after[0] <= before[0] + 4  # an index may have one level more
    assert after[1] <= before[1] + 4
