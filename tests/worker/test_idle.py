"""The cost of an idle worker, however many workspaces and endpoints there are."""

from typing import Any

import psycopg

from depth import depth
from factory import add_endpoint
from kronos.worker.link import Link, Outage
from kronos.worker.wake import Wake
from scale import unaudited
from sql_factory import value
from worker.protocol import FULL_LOOK, as_worker, run
from worker.test_looks import _loop
from worker.test_plans import _plan

_MANY = """
with workspace as (
    insert into kronos.workspaces (slug, name)
    select 'idle-' || number, 'Idle' from generate_series(1, %s) as number
    returning workspace_id
), endpoint as (
    insert into kronos.endpoints (workspace_id, name, type)
    select workspace_id, 'sink', 'HTTP' from workspace
    returning endpoint_id, workspace_id
)
insert into kronos.endpoint_gate (endpoint_id, workspace_id) select endpoint_id, workspace_id from endpoint
"""


def _pages(database_url: str, name: str, params: dict[str, object]) -> int:
    """The pages that a statement reads once its plan is kept."""
    with as_worker(database_url) as worker:
        for _ in range(6):
            run(worker, name, params)
        top = _plan(worker, name, params)[0]
    return int(top["Shared Hit Blocks"]) + int(top["Shared Read Blocks"])


class _Recording(Link):
    """Records which statements were run."""

    def __init__(self, database_url: str) -> None:
        super().__init__(database_url, "test", Outage())
        self.names: list[str] = []

    async def texts(self, statement: Any, params: Any, *, may_be_locked: bool = False) -> Any:
        self.names.append(statement.name)
        return await super().texts(statement, params, may_be_locked=may_be_locked)

    async def rows(self, statement: Any, params: Any, **allowed: bool) -> Any:
        self.names.append(statement.name)
        return await super().rows(statement, params, **allowed)


async def test_an_idle_workers_look_is_two_statements_with_a_thousand_workspaces(
    superuser: psycopg.Connection, database_url: str
) -> None:
    with unaudited(superuser, "workspaces", "endpoints", "endpoint_gate"):
        superuser.execute(_MANY, [1000])
    link, wake = _Recording(database_url), Wake(poll_seconds=60)
    loop = _loop(link, wake)
    await loop._look()
    assert link.names == ["claims.upkeep", "claims.list_due_endpoints"]
    assert not loop._rotation
    await link.close()


def test_a_look_and_the_upkeep_cost_the_same_with_thousands_of_idle_workspaces(
    superuser: psycopg.Connection, database_url: str
) -> None:
    add_endpoint(superuser)
    upkeep: dict[str, object] = {"limit": 1000, "all_leases": True}
    before = [_pages(database_url, "list_due_endpoints", FULL_LOOK), _pages(database_url, "upkeep", upkeep)]
    with unaudited(superuser, "workspaces", "endpoints", "endpoint_gate"):
        superuser.execute(_MANY, [depth(4_000, deep=10_000)])
    while value(superuser, "select kronos.seal_audit(10000)"):
        pass  # seals the audit of their creation; then they are idle
    superuser.execute("vacuum analyze")
    after = [_pages(database_url, "list_due_endpoints", FULL_LOOK), _pages(database_url, "upkeep", upkeep)]
    assert after[0] <= before[0] + 4  # an index may have one level more
    assert after[1] <= before[1] + 4
