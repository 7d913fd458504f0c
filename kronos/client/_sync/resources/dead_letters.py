"""Dead letters. Made by bin/client."""

from datetime import datetime
from typing import Unpack

from kronos.client._core.calls import AUTO, path_of, read, write
from kronos.client._sync.listing import Listing
from kronos.client._sync.resource import Resource
from kronos.client.bodies.dead_letters import LetterDiscard, LetterRedrive
from kronos.client.models.dead_letters import DeadLetterCount, DeadLetterGroups
from kronos.client.models.executions import Execution
from kronos.client.models.jobs import BulkOperation


class DeadLettersResource(Resource):
    """Failed executions that need attention, and operations on many of them."""

    def groups(
        self,
        *,
        endpoint: str | None = None,
        job: str | None = None,
        error_type: str | None = None,
        q: str | None = None,
        after: datetime | str | None = None,
        before: datetime | str | None = None,
    ) -> DeadLetterGroups:
        """Count dead letters by endpoint and error type.

        Needs the role `viewer`.
        """
        return self._transport.call(
            read(
                path_of(*self._base, "dead-letters", "groups"),
                {"endpoint": endpoint, "job": job, "error_type": error_type, "q": q, "after": after, "before": before},
            ),
            DeadLetterGroups,
        )

    def list(
        self,
        *,
        endpoint: str | None = None,
        job: str | None = None,
        error_type: str | None = None,
        q: str | None = None,
        after: datetime | str | None = None,
        before: datetime | str | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
    ) -> Listing[Execution]:
        """List executions that FAILED and were neither retried nor discarded, latest failure first.

        Needs the role `viewer`.
        """
        return Listing(
            self._transport,
            read(
                path_of(*self._base, "dead-letters"),
                {
                    "endpoint": endpoint,
                    "job": job,
                    "error_type": error_type,
                    "q": q,
                    "after": after,
                    "before": before,
                    "limit": page_size,
                    "cursor": cursor,
                },
            ),
            Execution,
        )

    def redrive(self, *, idempotency_key: str | None = AUTO, **fields: Unpack[LetterRedrive]) -> BulkOperation:
        """Make all dead letters that match a filter due again, oldest first. Each keeps its id.

        With validate_only, only count them.

        Needs the role `operator`.

        Where its answer is lost it is sent again under its `idempotency_key`: one is made unless that is
        None.
        """
        return self._transport.call(
            write(
                "POST",
                path_of(*self._base, "dead-letters", "redrive"),
                body={**fields, "validate_only": False},
                repeat="keyed",
                idempotency_key=idempotency_key,
            ),
            BulkOperation,
        )

    def count_redrive(self, **fields: Unpack[LetterRedrive]) -> DeadLetterCount:
        """Only count, or judge; nothing is done. Make all dead letters that match a filter due again, oldest
        first. Each keeps its id.

        With validate_only, only count them.

        Needs the role `operator`.

        Where its answer is lost it is sent again.
        """
        return self._transport.call(
            write(
                "POST",
                path_of(*self._base, "dead-letters", "redrive"),
                body={**fields, "validate_only": True},
                repeat="always",
            ),
            DeadLetterCount,
        )

    def discard(self, *, idempotency_key: str | None = AUTO, **fields: Unpack[LetterDiscard]) -> BulkOperation:
        """Discard all dead letters that match a filter. Their executions and attempts stay in the history.

        With validate_only, only count them.

        Needs the role `operator`.

        Where its answer is lost it is sent again under its `idempotency_key`: one is made unless that is
        None.
        """
        return self._transport.call(
            write(
                "POST",
                path_of(*self._base, "dead-letters", "discard"),
                body={**fields, "validate_only": False},
                repeat="keyed",
                idempotency_key=idempotency_key,
            ),
            BulkOperation,
        )

    def count_discard(self, **fields: Unpack[LetterDiscard]) -> DeadLetterCount:
        """Only count, or judge; nothing is done. Discard all dead letters that match a filter. Their
        executions and attempts stay in the history.

        With validate_only, only count them.

        Needs the role `operator`.

        Where its answer is lost it is sent again.
        """
        return self._transport.call(
            write(
                "POST",
                path_of(*self._base, "dead-letters", "discard"),
                body={**fields, "validate_only": True},
                repeat="always",
            ),
            DeadLetterCount,
        )
