"""Dead letters for tests: executions that failed for good."""

import httpx
import psycopg

from repeated import repeated

_END = """
with gone as (
    delete from kronos.execution_live as live
     using kronos.endpoints as endpoint, kronos.workspaces as workspace
     where endpoint.endpoint_id = live.endpoint_id and endpoint.name = %(endpoint)s
       and workspace.workspace_id = live.workspace_id and workspace.slug = %(workspace)s
    returning live.*
)
insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, status,
                                   status_reason, scheduled_at, run_at, created_at, started_at, attempt_count,
                                   max_attempts, input, error)
select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, 'FAILED',
       '{"code": "attempts_exhausted"}', scheduled_at, run_at, created_at, now(), 5, max_attempts, input,
       jsonb_build_object('type', %(error_type)s::text, 'message', %(message)s::text)
  from gone
returning execution_id
"""
_DUE = """
select operation.operation_id
  from kronos.operations as operation
  join kronos.workspaces as workspace using (workspace_id)
 where workspace.slug = %s and operation.status = 'RUNNING' and operation.kind in ('REDRIVE', 'DISCARD')
   and operation.next_at <= kronos.clock() and (operation.kind = 'DISCARD' or workspace.status = 'ACTIVE')
"""


class Failing:
    """Makes executions of a workspace and fails them."""

    def __init__(self, api: httpx.Client, superuser: psycopg.Connection, base: str) -> None:
        self._api = api
        self._superuser = superuser
        self._base = base

    def one_shots(self, number: int, endpoint: str = "sink", **error: str) -> list[str]:
        """Make one-shot executions and fail them. Return their ids."""
        for _ in range(number):
            made = self._api.post(f"{self._base}/jobs", json={"endpoint": endpoint, "trigger": "IMMEDIATE"})
            assert made.status_code == 201, made.text
        return self.fail(endpoint, **error)

    def fail(self, endpoint: str = "sink", error_type: str = "http_status", message: str = "it said 500") -> list[str]:
        """End the endpoint's waiting executions as FAILED."""
        params = {
            "endpoint": endpoint,
            "workspace": self._base.rpartition("/")[2],
            "error_type": error_type,
            "message": message,
        }
        return [str(row[0]) for row in self._superuser.execute(_END, params)]

    def steps(self) -> None:
        """Run all steps that this workspace's operations have due now. One call may do another workspace's, and ends
        after a quarter of a second.
        """
        repeated(
            lambda: self._superuser.execute("select kronos.advance_operations(1000)"),
            lambda _: self._superuser.execute(_DUE, [self._base.rpartition("/")[2]]).fetchone() is None,
        )
