"""Configs. Made by bin/client."""

from typing import Unpack
from uuid import UUID

from kronos.client._core.calls import AUTO, path_of, read, write
from kronos.client._sync.listing import Listing
from kronos.client._sync.resource import Resource
from kronos.client.bodies.configs import ConfigCreate, ConfigPut
from kronos.client.models.configs import Config


class ConfigsResource(Resource):
    """Values that templates of endpoints hold."""

    def create(self, *, idempotency_key: str | None = AUTO, **fields: Unpack[ConfigCreate]) -> Config:
        """Make a config; with a known idempotency key, the one that it made.

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
        """Configs of a workspace, newest first.

        Needs the role `viewer`.
        """
        return Listing(
            self._transport, read(path_of(*self._base, "configs"), {"limit": page_size, "cursor": cursor}), Config
        )

    def get(self, name: UUID | str) -> Config:
        """One config, at its present version.

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
        """Make a config, or its next version; executions that exist keep the values that they have.

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
        """Delete a config that no endpoint names.

        Needs the role `admin`.

        Where its answer is lost it is sent again.
        """
        self._transport.do(write("DELETE", path_of(*self._base, "configs", name), repeat="always", if_match=if_match))
