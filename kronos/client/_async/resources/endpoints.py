"""Endpoints. Made by bin/client."""

from typing import Unpack
from uuid import UUID

from kronos.client._async.listing import AsyncListing
from kronos.client._async.resource import AsyncResource
from kronos.client._core.calls import AUTO, path_of, read, write
from kronos.client.bodies.endpoints import EndpointCreate, EndpointDisable, EndpointPut, EndpointRender, EndpointTest
from kronos.client.models.endpoints import (
    Endpoint,
    Rendered,
    RenderedEntry,
    RenderedMail,
    RenderedRecord,
    SigningKeys,
    SpecVerdict,
    TriedDelivery,
)


class AsyncEndpointsResource(AsyncResource):
    """Where deliveries go."""

    async def create(self, *, idempotency_key: str | None = AUTO, **fields: Unpack[EndpointCreate]) -> Endpoint:
        """Create an endpoint. With a known idempotency key, return the endpoint created before.

        Needs the role `admin`.

        Where its answer is lost it is sent again under its `idempotency_key`: one is made unless that is
        None.
        """
        return await self._transport.call(
            write(
                "POST", path_of(*self._base, "endpoints"), body=fields, repeat="keyed", idempotency_key=idempotency_key
            ),
            Endpoint,
        )

    def list(self, *, page_size: int | None = None, cursor: str | None = None) -> AsyncListing[Endpoint]:
        """List the endpoints of a workspace, newest first.

        Needs the role `viewer`.
        """
        return AsyncListing(
            self._transport, read(path_of(*self._base, "endpoints"), {"limit": page_size, "cursor": cursor}), Endpoint
        )

    async def get(self, name: UUID | str) -> Endpoint:
        """Get the current version of an endpoint.

        Needs the role `viewer`.
        """
        return await self._transport.call(read(path_of(*self._base, "endpoints", name)), Endpoint)

    async def put(
        self,
        name: UUID | str,
        *,
        force: bool | None = None,
        if_match: int | str | None = None,
        only_new: bool = False,
        **fields: Unpack[EndpointPut],
    ) -> Endpoint:
        """Create an endpoint, or its next version. Existing executions keep their version.

        Needs the role `admin`.

        Where its answer is lost it is sent again.
        """
        return await self._transport.call(
            write(
                "PUT",
                path_of(*self._base, "endpoints", name),
                body=fields,
                query={"force": force},
                repeat="always",
                if_match=if_match,
                only_new=only_new,
            ),
            Endpoint,
        )

    async def check(
        self,
        name: UUID | str,
        *,
        force: bool | None = None,
        if_match: int | str | None = None,
        only_new: bool = False,
        **fields: Unpack[EndpointPut],
    ) -> SpecVerdict:
        """Only count, or judge; nothing is done. Create an endpoint, or its next version. Existing
        executions keep their version.

        Needs the role `admin`.

        Where its answer is lost it is sent again.
        """
        return await self._transport.call(
            write(
                "PUT",
                path_of(*self._base, "endpoints", name),
                body=fields,
                query={"force": force, "validate_only": True},
                repeat="always",
                if_match=if_match,
                only_new=only_new,
            ),
            SpecVerdict,
        )

    async def delete(self, name: UUID | str, *, if_match: int | str | None = None) -> None:
        """Delete an endpoint that no live job uses.

        Needs the role `admin`.

        Where its answer is lost it is sent again.
        """
        await self._transport.do(
            write("DELETE", path_of(*self._base, "endpoints", name), repeat="always", if_match=if_match)
        )

    async def signing_keys(self, name: UUID | str) -> SigningKeys:
        """List the keys that sign an endpoint's deliveries, newest first. For v1a: the keys that receivers
        verify with.

        Needs the role `viewer`.
        """
        return await self._transport.call(read(path_of(*self._base, "endpoints", name, "signing-keys")), SigningKeys)

    async def render(
        self, name: UUID | str, **fields: Unpack[EndpointRender]
    ) -> Rendered | RenderedEntry | RenderedRecord | RenderedMail:
        """Render what would be sent for an input. Secrets are masked.

        Needs the role `admin`.

        Where its answer is lost it is sent again.
        """
        made: Rendered | RenderedEntry | RenderedRecord | RenderedMail = await self._transport.either(
            write("POST", path_of(*self._base, "endpoints", name, "render"), body=fields, repeat="always"),
            Rendered,
            RenderedEntry,
            RenderedRecord,
            RenderedMail,
        )
        return made

    async def test(
        self, name: UUID | str, *, idempotency_key: str | None = AUTO, **fields: Unpack[EndpointTest]
    ) -> TriedDelivery:
        """Send one test delivery now, through a worker, and return the response.

        202: the delivery is still in progress. It is attempted once, and is CANCELLED if no worker takes
        it in time.

        Needs the role `admin`.

        Where its answer is lost it is sent again under its `idempotency_key`: one is made unless that is
        None.
        """
        return await self._transport.call(
            write(
                "POST",
                path_of(*self._base, "endpoints", name, "test"),
                body=fields,
                repeat="keyed",
                idempotency_key=idempotency_key,
            ),
            TriedDelivery,
        )

    async def enable(self, name: UUID | str) -> Endpoint:
        """Resume deliveries to an endpoint, whatever stopped them: failures, a 410, a slow-down or a person.

        Needs the role `admin`.

        Where its answer is lost it is sent again.
        """
        return await self._transport.call(
            write("POST", path_of(*self._base, "endpoints", name, "enable"), repeat="always"), Endpoint
        )

    async def disable(self, name: UUID | str, **fields: Unpack[EndpointDisable]) -> Endpoint:
        """Stop deliveries to an endpoint until it is enabled by hand. Deliveries in progress finish
        normally.

        Needs the role `admin`.

        Where its answer is lost it is sent again.
        """
        return await self._transport.call(
            write("POST", path_of(*self._base, "endpoints", name, "disable"), body=fields, repeat="always"), Endpoint
        )
