"""Payload specs. Made by bin/client."""

from typing import Unpack
from uuid import UUID

from kronos.client._async.listing import AsyncListing
from kronos.client._async.resource import AsyncResource
from kronos.client._core.calls import AUTO, path_of, read, write
from kronos.client.bodies.payload_specs import PayloadSpecCreate, PayloadSpecPut
from kronos.client.models.endpoints import SpecVerdict
from kronos.client.models.payload_specs import PayloadSpec


class AsyncPayloadSpecsResource(AsyncResource):
    """JSON Schemas that inputs are validated against."""

    async def create(self, *, idempotency_key: str | None = AUTO, **fields: Unpack[PayloadSpecCreate]) -> PayloadSpec:
        """Create a payload spec. With a known idempotency key, return the payload spec created before.

        Needs the role `admin`.

        Where its answer is lost it is sent again under its `idempotency_key`: one is made unless that is
        None.
        """
        return await self._transport.call(
            write(
                "POST",
                path_of(*self._base, "payload-specs"),
                body=fields,
                repeat="keyed",
                idempotency_key=idempotency_key,
            ),
            PayloadSpec,
        )

    def list(self, *, page_size: int | None = None, cursor: str | None = None) -> AsyncListing[PayloadSpec]:
        """List the payload specs of a workspace, newest first.

        Needs the role `viewer`.
        """
        return AsyncListing(
            self._transport,
            read(path_of(*self._base, "payload-specs"), {"limit": page_size, "cursor": cursor}),
            PayloadSpec,
        )

    async def get(self, name: UUID | str) -> PayloadSpec:
        """Get the current version of a payload spec.

        Needs the role `viewer`.
        """
        return await self._transport.call(read(path_of(*self._base, "payload-specs", name)), PayloadSpec)

    async def put(
        self,
        name: UUID | str,
        *,
        force: bool | None = None,
        if_match: int | str | None = None,
        only_new: bool = False,
        **fields: Unpack[PayloadSpecPut],
    ) -> PayloadSpec:
        """Create a payload spec, or its next version if every live job's input is valid against it.

        Needs the role `admin`.

        Where its answer is lost it is sent again.
        """
        return await self._transport.call(
            write(
                "PUT",
                path_of(*self._base, "payload-specs", name),
                body=fields,
                query={"force": force},
                repeat="always",
                if_match=if_match,
                only_new=only_new,
            ),
            PayloadSpec,
        )

    async def check(
        self,
        name: UUID | str,
        *,
        force: bool | None = None,
        if_match: int | str | None = None,
        only_new: bool = False,
        **fields: Unpack[PayloadSpecPut],
    ) -> SpecVerdict:
        """Only count, or judge; nothing is done. Create a payload spec, or its next version if every live
        job's input is valid against it.

        Needs the role `admin`.

        Where its answer is lost it is sent again.
        """
        return await self._transport.call(
            write(
                "PUT",
                path_of(*self._base, "payload-specs", name),
                body=fields,
                query={"force": force, "validate_only": True},
                repeat="always",
                if_match=if_match,
                only_new=only_new,
            ),
            SpecVerdict,
        )

    async def delete(self, name: UUID | str, *, if_match: int | str | None = None) -> None:
        """Delete a payload spec that no endpoint uses.

        Needs the role `admin`.

        Where its answer is lost it is sent again.
        """
        await self._transport.do(
            write("DELETE", path_of(*self._base, "payload-specs", name), repeat="always", if_match=if_match)
        )
