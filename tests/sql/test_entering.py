"""The statements that enter a workspace by themselves find its endpoint, and no other workspace's, whatever plan
PostgreSQL chooses.
"""

import uuid
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import orjson
import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from factory import add_endpoint
from kronos import sql
from kronos.model import CronTerms
from sql_factory import Connection, value, values

_PLANS = [
    "",
    "-c enable_nestloop=off",
    "-c enable_nestloop=off -c enable_hashjoin=off",
    "-c enable_indexscan=off -c enable_bitmapscan=off",
    "-c enable_nestloop=off -c enable_indexscan=off -c enable_bitmapscan=off -c plan_cache_mode=force_generic_plan",
]


def params(statement: str, *, workspace: str, endpoint: str, wake: bool = False, **given: Any) -> dict[str, Any]:
    """The parameters that create one job."""
    job: dict[str, Any] = {"job_id": uuid.uuid4(), "endpoint": endpoint, "input": {}, "tags": [], "priority": 0}
    if statement == "jobs.insert_one_shot_jobs":
        job |= {"trigger": "IMMEDIATE", "dst_gap": "SHIFT"} | given
        return {
            "workspace": workspace,
            "endpoints": [endpoint],
            "wake": wake,
            "caller": "",
            "jobs": Jsonb([job], dumps=orjson.dumps),
        }
    job |= asdict(CronTerms()) | {
        "cron": "0 0 1 1 *", "alarm": "0 0 1 1 *", "description": "x",
        "schedule": "(1,1,2,2,127,t,0,0,0,f,,,UTC,SHIFT,FIRST,,,)",
        "read_at": datetime(2026, 1, 1, tzinfo=UTC), "tick_then": None,
    } | given  # fmt: skip
    return {
        "workspace": workspace,
        "endpoints": [endpoint],
        "jobs": Jsonb([job], dumps=orjson.dumps),
        "caller": "",
    }


@pytest.fixture(scope="module")
def tenants_url(module_database_url: str) -> str:
    """A database with endpoints of other tenants."""
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        for _ in range(20):
            add_endpoint(connection)
    return module_database_url


@pytest.mark.parametrize("plan", _PLANS)
@pytest.mark.parametrize("statement", ["jobs.insert_cron_jobs", "jobs.insert_one_shot_jobs"])
def test_a_job_is_made_whatever_the_plan(shared: Connection, tenants_url: str, statement: str, plan: str) -> None:
    endpoint_id = add_endpoint(shared).endpoint_id
    shared.execute("analyze kronos.endpoints, kronos.endpoint_versions, kronos.workspaces")
    (slug,) = values(
        shared,
        "select slug from kronos.endpoints join kronos.workspaces using (workspace_id) where endpoint_id = %s",
        [endpoint_id],
    )
    name = value(shared, "select name from kronos.endpoints where endpoint_id = %s", [endpoint_id])
    # Without JIT: disabled plan nodes make a plan seem so expensive that PostgreSQL would compile it, which takes
    # seconds.
    options = f"-c role=kronos_api -c jit=off {plan}"
    with psycopg.connect(make_conninfo(tenants_url, options=options), autocommit=True, prepare_threshold=0) as api:
        for _ in range(7):  # from the sixth run on, PostgreSQL may choose a generic plan
            made = api.execute(sql.texts()[statement], params(statement, workspace=slug, endpoint=name)).fetchall()
            assert len(made) == 1
        assert (
            api.execute(sql.texts()[statement], params(statement, workspace="nobody", endpoint=name)).fetchall() == []
        )
        assert api.execute("select count(*) from kronos.jobs").fetchone() == (0,), "the setting outlived its statement"
    assert value(shared, "select count(*) from kronos.jobs where endpoint_id = %s", [endpoint_id]) == 7
