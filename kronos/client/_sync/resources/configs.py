"""Configs. Made by bin/client."""

from typing import Unpack
from uuid import UUID

from kronos.client._core.calls import AUTO, path_of, read, write
from kronos.client._sync.listing import Listing
from kronos.client._sync.resource import Resource
from kronos.client.bodies.configs import ConfigCreate, ConfigPut
from kronos.client.models.configs import Config


class ConfigsResource(Resource):
    """Values that endpoint templates use."""

    def create(self, *, idempotency_key: str | None = AUTO, **fields: Unpack[ConfigCreate]) -> Config:
        """Create a config. With a known idempotency key, return the config created before.

        Needs the role `admin`.

        Where its answer is lost it is sent again under its `idempotency_key`: one is made unless that is
        None.
        """
        return self._transport.call(
            write(
                "POST", path_of(*self._base, "configs"), body=fields, repeat="keyed", idempotency_key=idempotency_key
            ),
            Config,
        )

    def list(self, *, page_size: int | None = None, cursor: str | None = None) -> Listing[Config]:
        """List the configs of a workspace, newest first.

        Needs the role `viewer`.
        """
        return Listing(
            self._transport, read(path_of(*self._base, "configs"), {"limit": page_size, "cursor": cursor}), Config
        )

    def get(self, name: UUID | str) -> Config:
        """Get the current version of a config.

        Needs the role `viewer`.
        """
        return self._transport.call(read(path_of(*self._base, "configs", name)), Config)

    def put(
        self,
        name: UUID | str,
        *,
        if_match: int | str | None = None,
        only_new: bool = False,
        **fields: Unpack[ConfigPut],
    ) -> Config:
        """Create a config, or its next version. Existing executions keep their values.

        Needs the role `admin`.

        Where its answer is lost it is sent again.
        """
        return self._transport.call(
            write(
                "PUT",
                path_of(*self._base, "configs", name),
                body=fields,
                repeat="always",
                if_match=if_match,
                only_new=only_new,
            ),
            Config,
        )

    def delete(self, name: UUID | str, *, if_match: int | str | None = None) -> None:
        """Delete a config that no endpoint uses.

        Needs the role `admin`.

        Where its answer is lost it is sent again.
        """
        self._transport.do(write("DELETE", path_of(*self._base, "configs", name), repeat="always", if_match=if_match))
