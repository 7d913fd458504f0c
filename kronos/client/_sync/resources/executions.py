"""Executions. Made by bin/client."""

from datetime import datetime
from typing import Unpack
from uuid import UUID

from kronos.client._core.calls import AUTO, path_of, read, write
from kronos.client._sync.listing import Listing
from kronos.client._sync.resource import Resource
from kronos.client.bodies.executions import ExecutionRetry
from kronos.client.bodies.words import ExecutionStatus
from kronos.client.models.executions import Attempt, Execution, LogLine
from kronos.client.models.page import Page


class ExecutionsResource(Resource):
    """Each time that a job was due, and the attempts to deliver it."""

    def list(
        self,
        *,
        page_size: int | None = None,
        cursor: str | None = None,
        status: ExecutionStatus | None = None,
        scheduled_after: datetime | str | None = None,
        scheduled_before: datetime | str | None = None,
        job: str | None = None,
        caused_by: UUID | str | None = None,
        endpoint: str | None = None,
        q: str | None = None,
    ) -> Listing[Execution]:
        """List the executions of a workspace, newest first.

        Needs the role `viewer`.
        """
        return Listing(
            self._transport,
            read(
                path_of(*self._base, "executions"),
                {
                    "limit": page_size,
                    "cursor": cursor,
                    "status": status,
                    "scheduled_after": scheduled_after,
                    "scheduled_before": scheduled_before,
                    "job": job,
                    "caused_by": caused_by,
                    "endpoint": endpoint,
                    "q": q,
                },
            ),
            Execution,
        )

    def get(self, execution: UUID | str) -> Execution:
        """Get an execution.

        Needs the role `viewer`.
        """
        return self._transport.call(read(path_of(*self._base, "executions", execution)), Execution)

    def cancel(self, execution: UUID | str) -> Execution:
        """Cancel an execution.

        200: it is CANCELLED. 202: a worker is delivering it. The worker aborts the request, and the
        attempt records what is known. A response that arrived before counts.

        Needs the role `operator`.

        Where its answer is lost it is sent again.
        """
        return self._transport.call(
            write("POST", path_of(*self._base, "executions", execution, "cancel"), repeat="always"), Execution
        )

    def retry(
        self, execution: UUID | str, *, idempotency_key: str | None = AUTO, **fields: Unpack[ExecutionRetry]
    ) -> Execution:
        """Make a failed, cancelled or expired execution due again. It keeps its id.

        Needs the role `operator`.

        Where its answer is lost it is sent again under its `idempotency_key`: one is made unless that is
        None.
        """
        return self._transport.call(
            write(
                "POST",
                path_of(*self._base, "executions", execution, "retry"),
                body=fields,
                repeat="keyed",
                idempotency_key=idempotency_key,
            ),
            Execution,
        )

    def attempts(
        self, execution: UUID | str, *, page_size: int | None = None, cursor: str | None = None
    ) -> Listing[Attempt]:
        """List an execution's attempts, oldest first.

        Needs the role `viewer`.
        """
        return Listing(
            self._transport,
            read(path_of(*self._base, "executions", execution, "attempts"), {"limit": page_size, "cursor": cursor}),
            Attempt,
        )

    def logs(self, execution: UUID | str) -> Page[LogLine]:
        """List the events of an execution in order, including its last 200 attempts.

        Needs the role `viewer`.
        """
        return self._transport.call(read(path_of(*self._base, "executions", execution, "logs")), Page[LogLine])
