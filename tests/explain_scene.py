"""A workspace with jobs for `explain`: why did they run or not run?"""

from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg
from psycopg.types.json import Jsonb

from sql_factory import value

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
FIELDS = {"job_id", "version_id", "at", "tick", "decision", "code", "because", "steps", "alerts"}


class Scene:
    """A workspace, its jobs, and the minute in which the test began."""

    def __init__(self, client: httpx.Client, connection: psycopg.Connection, workspace: str) -> None:
        self.client = client
        self.connection = connection
        self.workspace = workspace
        self.base = f"/v1/workspaces/{workspace}/jobs"
        self.minute: datetime = value(connection, "select date_trunc('minute', now())")

    def make(self, **body: Any) -> str:
        response = self.client.post(self.base, json={"endpoint": "sink", "trigger": "CRON"} | body)
        assert response.status_code == 201, response.text
        job_id: str = response.json()["job_id"]
        return job_id

    def make_old(self, pointer: datetime, **body: Any) -> str:
        """Make a job that is two years old and accounted for up to `pointer`, exclusive."""
        job_id = self.make(**({"cron": "* * * * *"} if "every" not in body else {}) | body)
        self.connection.execute(
            "update tests.jobs set ticks_from = '2024-01-01', created_at = '2024-01-01', next_tick_at = %s where "
            "job_id = %s",
            [pointer, job_id],
        )
        return job_id

    def ring(self, job_id: str, now: datetime | None = None) -> None:
        self.connection.execute(
            "select kronos.account_ticks(array[%s::uuid], coalesce(%s, clock_timestamp()))", [job_id, now]
        )

    def ring_twice_a_minute_apart(self, **body: Any) -> tuple[str, datetime, datetime]:
        first, second = self.minute - 10 * MINUTE, self.minute - 9 * MINUTE
        job_id = self.make_old(first, **body)
        self.ring(job_id, first)
        self.ring(job_id, second)
        return job_id, first, second

    def due(self, **body: Any) -> tuple[str, datetime]:
        """Make a job with one execution, for the minute before this one."""
        tick = self.minute - MINUTE
        job_id = self.make_old(tick, **body)
        self.ring(job_id, tick)
        return job_id, tick

    def explain(self, job: str, at: datetime | str | None = None, *, workspace: str | None = None) -> dict[str, Any]:
        base = self.base if workspace is None else f"/v1/workspaces/{workspace}/jobs"
        given = at.isoformat() if isinstance(at, datetime) else at
        response = self.client.get(f"{base}/{job}/explain", params={} if given is None else {"at": given})
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        assert set(answer) == FIELDS
        assert answer["because"][:1].isupper()
        assert answer["because"].endswith(".")
        for step in answer["steps"]:
            assert set(step) == {"step", "holds", "detail", "evidence"}
        return answer

    def told(self, job: str, at: datetime | str | None = None) -> tuple[str, str]:
        answer = self.explain(job, at)
        return answer["decision"], answer["code"]


def step_of(answer: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any]
    (found,) = (step for step in answer["steps"] if step["step"] == name)
    return found


_ENDED = """
insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, status,
                                   status_reason, scheduled_at, run_at, created_at, started_at, completed_at,
                                   attempt_count, max_attempts, tick_count, input)
select kronos.tick_id(job_id, %(tick)s), workspace_id, job_id, endpoint_id, 1, %(cause)s, %(status)s, %(reason)s,
       %(tick)s, %(tick)s, %(tick)s, %(tick)s, %(tick)s, 1, 5, %(count)s, '{}'
  from kronos.jobs
 where job_id = %(job_id)s
"""
OUTCOMES: list[tuple[str, str, dict[str, Any] | None, str]] = [
    ("SUCCESS", "SCHEDULE", None, "DELIVERED"),
    ("SUCCESS", "CATCH_UP", None, "LATE"),
    ("FAILED", "SCHEDULE", {"code": "attempts_exhausted", "detail": "answered 503"}, "FAILED"),
    ("CANCELLED", "SCHEDULE", {"code": "cancelled", "detail": "cancelled over the API"}, "CANCELLED"),
    ("EXPIRED", "SCHEDULE", {"code": "deadline_passed", "detail": "too old"}, "EXPIRED"),
    ("SKIPPED", "SCHEDULE", {"code": "overlap", "detail": "the run before it had not ended"}, "SKIPPED"),
    ("SKIPPED", "SCHEDULE", {"code": "workspace_suspended", "detail": "it was suspended"}, "PAUSED"),
    ("MISSED", "SCHEDULE", {"code": "missed", "policy": "SKIP"}, "MISSED"),
]


def end_tick(
    scene: Scene, job_id: str, tick: datetime, status: str, cause: str, reason: dict[str, Any] | None, count: int = 1
) -> None:
    params = {"job_id": job_id, "tick": tick, "status": status, "cause": cause, "count": count}
    scene.connection.execute(_ENDED, params | {"reason": Jsonb(reason) if reason else None})


def every_kind(scene: Scene) -> tuple[str, datetime]:
    """Make a job of two versions whose first version's ticks had every outcome. Return it and the first such tick."""
    first = scene.minute - 60 * MINUTE
    job_id = scene.make_old(scene.minute - 30 * MINUTE, name="report", overlap="QUEUE")
    for nth, (status, cause, reason, _) in enumerate(OUTCOMES):
        end_tick(scene, job_id, first + nth * MINUTE, status, cause, reason)
    tick = first + len(OUTCOMES) * MINUTE  # a pause of three ticks, in one row
    span = {"first": tick.isoformat(), "last": (tick + 2 * MINUTE).isoformat(), "count": 3}
    end_tick(scene, job_id, tick, "SKIPPED", "SCHEDULE", {"code": "paused", "detail": "it was paused", **span}, count=3)
    return job_id, first
