"""Backfills. Made by bin/client."""

from typing import Unpack
from uuid import UUID

from kronos.client._async.listing import AsyncListing
from kronos.client._async.resource import AsyncResource
from kronos.client._core.calls import AUTO, path_of, read, write
from kronos.client.bodies.backfills import BackfillCreate
from kronos.client.models.backfills import Backfill, BackfillCount


class AsyncBackfillsResource(AsyncResource):
    """A CRON job's ticks in a past window, delivered later."""

    async def create(
        self, job: UUID | str, *, idempotency_key: str | None = AUTO, **fields: Unpack[BackfillCreate]
    ) -> Backfill:
        """Run a CRON job's ticks of a past window.

        With validate_only, only count them. With a known idempotency key, return the backfill created
        before.

        Needs the role `operator`.

        Where its answer is lost it is sent again under its `idempotency_key`: one is made unless that is
        None.
        """
        return await self._transport.call(
            write(
                "POST",
                path_of(*self._base, "jobs", job, "backfill"),
                body={**fields, "validate_only": False},
                repeat="keyed",
                idempotency_key=idempotency_key,
            ),
            Backfill,
        )

    async def count(self, job: UUID | str, **fields: Unpack[BackfillCreate]) -> BackfillCount:
        """Only count, or judge; nothing is done. Run a CRON job's ticks of a past window.

        With validate_only, only count them. With a known idempotency key, return the backfill created
        before.

        Needs the role `operator`.

        Where its answer is lost it is sent again.
        """
        return await self._transport.call(
            write(
                "POST",
                path_of(*self._base, "jobs", job, "backfill"),
                body={**fields, "validate_only": True},
                repeat="always",
            ),
            BackfillCount,
        )

    def list(
        self, job: UUID | str, *, page_size: int | None = None, cursor: str | None = None
    ) -> AsyncListing[Backfill]:
        """List a job's backfills, newest first.

        Needs the role `viewer`.
        """
        return AsyncListing(
            self._transport,
            read(path_of(*self._base, "jobs", job, "backfills"), {"limit": page_size, "cursor": cursor}),
            Backfill,
        )

    async def get(self, backfill: UUID | str) -> Backfill:
        """Get a backfill and the progress of its executions.

        Needs the role `viewer`.
        """
        return await self._transport.call(read(path_of(*self._base, "backfills", backfill)), Backfill)

    async def cancel(self, backfill: UUID | str) -> Backfill:
        """Cancel a backfill: waiting executions are cancelled, running ones finish.

        Needs the role `operator`.

        Where its answer is lost it is sent again.
        """
        return await self._transport.call(
            write("POST", path_of(*self._base, "backfills", backfill, "cancel"), repeat="always"), Backfill
        )
