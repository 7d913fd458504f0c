"""Incidents. Made by bin/client."""

from typing import Literal, Unpack
from uuid import UUID

from kronos.client._async.listing import AsyncListing
from kronos.client._async.resource import AsyncResource
from kronos.client._core.calls import path_of, read, write
from kronos.client.bodies.alerts import IncidentAcknowledge, IncidentSnooze
from kronos.client.models.alerts import Incident


class AsyncIncidentsResource(AsyncResource):
    """The API's incidents."""

    def list(
        self,
        *,
        page_size: int | None = None,
        cursor: str | None = None,
        status: Literal["OPEN", "ACKNOWLEDGED", "RESOLVED", "LIVE"] | None = None,
        rule: str | None = None,
        job: str | None = None,
        heartbeat: str | None = None,
    ) -> AsyncListing[Incident]:
        """List incidents, newest first.

        Needs the role `viewer`.
        """
        return AsyncListing(
            self._transport,
            read(
                path_of(*self._base, "incidents"),
                {
                    "limit": page_size,
                    "cursor": cursor,
                    "status": status,
                    "rule": rule,
                    "job": job,
                    "heartbeat": heartbeat,
                },
            ),
            Incident,
        )

    async def get(self, incident: UUID | str) -> Incident:
        """Get an incident and the last notifications sent about it.

        Needs the role `viewer`.
        """
        return await self._transport.call(read(path_of(*self._base, "incidents", incident)), Incident)

    async def acknowledge(self, incident: UUID | str, **fields: Unpack[IncidentAcknowledge]) -> Incident:
        """Acknowledge an incident, which stops its notifications. The first acknowledgement is kept.

        Needs the role `operator`.

        Where its answer is lost it is sent again.
        """
        return await self._transport.call(
            write("POST", path_of(*self._base, "incidents", incident, "acknowledge"), body=fields, repeat="always"),
            Incident,
        )

    async def snooze(self, incident: UUID | str, **fields: Unpack[IncidentSnooze]) -> Incident:
        """Stop an incident's notifications until a given time.

        If the incident is still open and unacknowledged then, one more notification is sent.

        Needs the role `operator`.

        Where its answer is lost it is sent again.
        """
        return await self._transport.call(
            write("POST", path_of(*self._base, "incidents", incident, "snooze"), body=fields, repeat="always"), Incident
        )
