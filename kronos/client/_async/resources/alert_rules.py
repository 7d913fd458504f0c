"""Alert rules. Made by bin/client."""

from typing import Unpack
from uuid import UUID

from kronos.client._async.listing import AsyncListing
from kronos.client._async.resource import AsyncResource
from kronos.client._core.calls import path_of, read, write
from kronos.client.bodies.alerts import AlertRulePut
from kronos.client.bodies.apply import AlertRuleCreate
from kronos.client.models.alerts import AlertRule


class AsyncAlertRulesResource(AsyncResource):
    """The API's alert_rules."""

    async def create(self, **fields: Unpack[AlertRuleCreate]) -> AlertRule:
        """Create an alert rule. It considers only what ends after its creation.

        Needs the role `admin`.

        Where its answer is lost it is not sent again: look whether it was done.
        """
        return await self._transport.call(
            write("POST", path_of(*self._base, "alert-rules"), body=fields, repeat="never"), AlertRule
        )

    def list(self, *, page_size: int | None = None, cursor: str | None = None) -> AsyncListing[AlertRule]:
        """List the alert rules of a workspace, newest first.

        Needs the role `viewer`.
        """
        return AsyncListing(
            self._transport,
            read(path_of(*self._base, "alert-rules"), {"limit": page_size, "cursor": cursor}),
            AlertRule,
        )

    async def get(self, name: UUID | str) -> AlertRule:
        """Get an alert rule.

        Needs the role `viewer`.
        """
        return await self._transport.call(read(path_of(*self._base, "alert-rules", name)), AlertRule)

    async def put(
        self,
        name: UUID | str,
        *,
        if_match: int | str | None = None,
        only_new: bool = False,
        **fields: Unpack[AlertRulePut],
    ) -> AlertRule:
        """Create an alert rule, or its next version.

        If the new version selects or judges differently, the rule's incidents end without a notification.

        Needs the role `admin`.

        Where its answer is lost it is sent again.
        """
        return await self._transport.call(
            write(
                "PUT",
                path_of(*self._base, "alert-rules", name),
                body=fields,
                repeat="always",
                if_match=if_match,
                only_new=only_new,
            ),
            AlertRule,
        )

    async def delete(self, name: UUID | str, *, if_match: int | str | None = None) -> None:
        """Delete an alert rule. Its incidents end without a notification.

        Needs the role `admin`.

        Where its answer is lost it is sent again.
        """
        await self._transport.do(
            write("DELETE", path_of(*self._base, "alert-rules", name), repeat="always", if_match=if_match)
        )
