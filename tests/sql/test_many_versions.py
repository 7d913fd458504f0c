"""A job of 2,000 versions: its history by name is found by index, and a walk through it queries each version about
once.
"""

import uuid
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from conftest import cloned
from factory import add_endpoint
from kronos.database import PAGE_BYTES
from kronos.model import Execution
from scale import unaudited
from servers import Server
from sql.plans import plan_of, run_statement, seq_scans, told_plans
from sql_factory import Connection, make_cron_job, values

VERSIONS = 2000
CREATED_AT = [each.name for each in fields(Execution)].index("created_at")
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(days=50)
_CHAIN = """
with chain as materialized (
    select n, case when n = 1 then %(first)s::uuid else gen_random_uuid() end as job_id,
           %(began)s + (n - 1) * interval '36 minutes' as at
      from generate_series(1, %(versions)s) as n
), linked as (
    select *, lag(job_id) over (order by n) as previous_id from chain
), made as (
insert into kronos.jobs (job_id, first_version_id, version, previous_version_id, workspace_id, name,
    endpoint_id, trigger, status,
                         cron, timezone, schedule, alarm, description, created_at, ticks_from, ticks_until, retired_at)
select chain.job_id, %(first)s, chain.n, chain.previous_id, job.workspace_id,
       'edited', job.endpoint_id, 'CRON', case when chain.n = %(versions)s then 'ACTIVE' else 'RETIRED' end,
           job.cron, job.timezone,
       job.schedule, job.alarm, job.description, chain.at, chain.at,
       case when chain.n < %(versions)s then chain.at + interval '36 minutes' end,
       case when chain.n < %(versions)s then chain.at + interval '36 minutes' end
  from linked as chain cross join kronos.jobs as job
 where chain.n > 1 and job.job_id = %(first)s
returning job_id, workspace_id, status
)
insert into kronos.pointers (job_id, workspace_id, next_tick_at)
select job_id, workspace_id, now() + interval '1 hour' from made where status = 'ACTIVE'
"""
_RUNS = """
insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
    status, scheduled_at, run_at,
                                   created_at, started_at, max_attempts, input)
select kronos.tick_id(job_id, created_at + interval '10 minutes'), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE',
       case when version % 7 = 0 then 'FAILED' else 'SUCCESS' end, at, at, at, at, 5, '{}'
  from kronos.jobs cross join lateral (select created_at + interval '10 minutes' as at) as tick
 where first_version_id = $1
"""
_PAGE = dict.fromkeys(("status", "scheduled_after", "scheduled_before", "before_created_at", "before_id")) | {
    "limit": 50,
    "bytes": PAGE_BYTES,
    "job": "edited",
}


class Chain:
    """A job that was edited every 36 minutes for 50 days, each version of which ran once; and neighbors that ran at the
    same times.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        endpoint = add_endpoint(connection)
        self.workspace_id = endpoint.workspace_id
        connection.execute("set timezone = 'UTC'")
        connection.execute(
            "update kronos.workspaces set created_at = %s where workspace_id = %s", [BEGAN, self.workspace_id]
        )
        with unaudited(connection, "jobs"):
            for _ in range(2):
                first = make_cron_job(connection, endpoint, cron="7 * * * *", created_at=BEGAN, ticks_from=BEGAN)
                connection.execute(
                    "update kronos.jobs set status = 'RETIRED', retired_at = created_at + interval '36 minutes' where "
                    "job_id = %s",
                    [first],
                )
                connection.execute("update kronos.jobs set name = null where workspace_id = %s", [self.workspace_id])
                connection.execute(
                    "update kronos.jobs set status = 'RETIRED' where workspace_id = %s and status = 'ACTIVE'",
                    [self.workspace_id],
                )
                connection.execute(_CHAIN, {"first": first, "began": BEGAN, "versions": VERSIONS})
                connection.execute(_RUNS.replace("$1", f"'{first}'").encode())
        self.first: uuid.UUID = first
        connection.execute("vacuum analyze kronos.jobs")
        connection.execute("analyze kronos.execution_done")

    def wanted(self, status: str | None) -> list[uuid.UUID]:
        return values(
            self.connection,
            """
            select execution_id from kronos.execution_done
             where job_id in (select job_id from kronos.jobs where first_version_id = %s) and (%s::text is null
                   or status = %s)
             order by created_at desc, execution_id desc
            """,
            [self.first, status, status],
        )

    def page(self, **params: Any) -> list[tuple[Any, ...]]:
        with self.connection.transaction(force_rollback=True):
            return run_statement(
                self.connection,
                "executions.list_job_executions",
                _PAGE | params,
                role="kronos_api",
                workspace_id=self.workspace_id,
            )


@pytest.fixture(scope="module")
def chain(server: Server, template: str) -> Iterator[Chain]:
    with cloned(server, template) as url, psycopg.connect(url, autocommit=True) as connection:
        yield Chain(connection)


@pytest.mark.parametrize("status", [None, "FAILED"])
def test_the_pages_by_name_are_the_history_of_all_versions(chain: Chain, status: str | None) -> None:
    found: list[Any] = []
    place: tuple[Any, Any] = (None, None)
    while True:
        page = chain.page(status=status, limit=200, before_created_at=place[0], before_id=place[1])
        found += [row[0] for row in page]
        if not page or not page[-1][-1]:  # no page follows
            break
        place = (page[-1][CREATED_AT], page[-1][0])
    assert found == chain.wanted(status)
    assert len(found) > 250


def test_what_an_old_versions_backfill_made_lately_is_among_the_newest(chain: Chain) -> None:
    with chain.connection.transaction(force_rollback=True):
        old, endpoint_id = chain.connection.execute(
            "select job_id, endpoint_id from kronos.jobs where first_version_id = %s and version = 100", [chain.first]
        ).fetchone() or (None, None)
        chain.connection.execute(
            """
            insert into kronos.backfills (workspace_id, job_id, first_version_id, from_at, to_at, max_active,
                ticks, created_at)
            values (%s, %s, %s, now() - interval '60 days', now() - interval '50 days', 1, 7,
                    now() - interval '49 days')
            """,
            [chain.workspace_id, old, chain.first],
        )
        (made,) = chain.connection.execute(
            """
            insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id,
                endpoint_version, cause, status,
                                               scheduled_at, run_at, created_at, max_attempts, input)
            values (kronos.uuid7(), %s, %s, %s, 1, 'BACKFILL', 'SUCCESS', now() - interval '55 days', now(),
                    now(), 5, '{}')
            returning execution_id
            """,
            [chain.workspace_id, old, endpoint_id],
        ).fetchone() or (None,)
        page = run_statement(
            chain.connection,
            "executions.list_job_executions",
            _PAGE,
            role="kronos_api",
            workspace_id=chain.workspace_id,
        )
    assert page[0][0] == made


def probes(chain: Chain, **params: Any) -> int:
    """How many index lookups for a version and a status were made, in a plan without sequential scans."""
    with told_plans(chain.connection) as plans:
        run_statement(
            chain.connection,
            "executions.list_job_executions",
            _PAGE | params,
            role="kronos_api",
            workspace_id=chain.workspace_id,
        )
    assert seq_scans("\n".join(plans), "execution_done", "jobs") == []
    return sum(
        int(line.rpartition("loops=")[2].rstrip(")"))
        for plan in plans
        for line in plan.splitlines()
        if "job_id_status_created_at_idx" in line and "loops=" in line
    )


def test_a_walk_asks_for_each_version_about_once(chain: Chain) -> None:
    # One lookup per version and status in each of at most two partitions, in which its hour and a half may lie; twice
    # at the end of a span.
    assert 0 < probes(chain, status="EXPIRED") <= 4 * VERSIONS
    assert 0 < probes(chain, status="SUCCESS") <= 1000  # a page of the newest: the versions of one to three days


def test_the_last_day_by_name_is_read_by_index(chain: Chain) -> None:
    plan = plan_of(chain.connection, "job_reads.get_job_statistics", {"job": "edited"}, workspace_id=chain.workspace_id)
    assert seq_scans(plan, "execution_done", "jobs") == []
    with chain.connection.transaction(force_rollback=True):
        counted = run_statement(
            chain.connection,
            "job_reads.get_job_statistics",
            {"job": "edited"},
            role="kronos_api",
            workspace_id=chain.workspace_id,
        )
    assert 35 <= sum(int(str(row[1])) for row in counted) <= 41
