"""A Kronos whose old weeks are in another database: its rows, and how they end (test_distribution.py)."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import psycopg

from factory import EndpointRow, add_endpoint
from kronos import distribution
from sql_factory import Connection, acting_as, value, values

WEEK = timedelta(weeks=1)
WEEKS = (8, 7)
ROWS = """
insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, status,
    status_reason, scheduled_at, run_at, created_at, started_at, completed_at, attempt_count, max_attempts, input)
select id, %(workspace)s, id, %(endpoint)s, 1, 'API', (array['SUCCESS', 'SUCCESS', 'MISSED', 'FAILED'])[1 + n %% 4],
       '{}', at, at, at, at, at, 1, 5, '{"text": "it''s \\\\ ü"}'
  from generate_series(1, %(count)s) as n
 cross join lateral (select %(at)s::timestamptz + n * interval '1 hour' as at) as each
 cross join lateral (select overlay(overlay(kronos.uuid7_floor(at)::text placing '7' from 15)
                                    placing left(%(workspace)s::text, 8) from 25)::uuid as id) as named
"""
ATTEMPTS = """
insert into kronos.attempt (execution_id, claim_token, workspace_id, attempt_number, status, started_at, completed_at,
    worker_id)
select execution_id, gen_random_uuid(), workspace_id, 1, 'FAILED', started_at, completed_at, 'w'
  from kronos.execution_done
 where workspace_id = %(workspace)s and status <> 'MISSED' and execution_id >= kronos.uuid7_floor(%(at)s)
   and execution_id < kronos.uuid7_floor(%(at)s + interval '7 days')
"""
ALL = "select md5(string_agg(each::text, ',' order by execution_id)), count(*) from {} as each"
PLACES = (
    "select tableoid::regclass::text as place, status, count(*) from kronos.execution_done group by 1, 2 order by 1, 2"
)


class MovedWeeks:
    """A Kronos with two old weeks, and the server that they are moved to."""

    def __init__(self, near: Connection, url: str, history_url: str) -> None:
        self.near, self.url, self.history_url = near, url, history_url
        self.monday: datetime = value(near, "select date_trunc('week', now())")
        near.execute("update kronos.retention set success_days = 400, failure_days = 400")
        self.endpoint: EndpointRow = add_endpoint(near)
        self.doomed: EndpointRow = add_endpoint(near)
        near.execute("update kronos.workspaces set created_at = now() - interval '20 weeks'")
        for weeks in WEEKS:
            self.add_week(weeks)

    def add_week(self, weeks: int) -> datetime:
        """Add a week with forty executions per workspace, and their attempts."""
        begins = self.monday - weeks * WEEK
        with acting_as(self.near, "kronos_owner"):
            for table in ("execution_done", "attempt"):
                self._partition(table, begins)
        for each in (self.endpoint, self.doomed):
            which = {"workspace": each.workspace_id, "endpoint": each.endpoint_id, "at": begins, "count": 40}
            self.near.execute(ROWS, which)
            self.near.execute(ATTEMPTS, {"workspace": each.workspace_id, "at": begins})
        return begins

    def _partition(self, table: str, begins: datetime) -> None:
        bounds = values(
            self.near, "select kronos.uuid7_floor(at) from unnest(%s::timestamptz[]) as at", [[begins, begins + WEEK]]
        )
        self.near.execute(
            f"create table kronos.{table}_{begins:%Y%m%d} partition of kronos.{table}"
            f" for values from ('{bounds[0]}') to ('{bounds[1]}')"
        )

    def run(self) -> distribution.Report:
        return distribution.distribute(self.url, self.history_url, keep_weeks=5)

    def far(self, query: str) -> Any:
        with psycopg.connect(self.history_url) as far:
            return far.execute(query.encode()).fetchall()


def make_live(scene: MovedWeeks, execution_id: uuid.UUID) -> None:
    scene.near.execute(
        """
        insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
            scheduled_at, run_at, visible_at, max_attempts, max_crashes, timeout_ms, input)
        values (%s, %s, %s, %s, 1, 'API', now(), now(), now(), 5, 3, 5000, '{}')
        """,
        [execution_id, scene.endpoint.workspace_id, execution_id, scene.endpoint.endpoint_id],
    )


ENDED = """
with ended as (delete from kronos.execution_live where execution_id = %s returning *)
insert into kronos.execution_done
select done.* from ended
 cross join lateral kronos.archived(ended::kronos.execution_live, 'SUCCESS', null, null, null) as done
    on conflict do nothing
"""


def end(scene: MovedWeeks, execution_id: uuid.UUID) -> str:
    """End it, and return where its row is stored."""
    scene.near.execute(ENDED, [execution_id])
    place: str = value(
        scene.near, "select tableoid::regclass::text from kronos.execution_done where execution_id = %s", [execution_id]
    )
    return place
