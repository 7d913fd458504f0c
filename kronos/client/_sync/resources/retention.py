"""Retention. Made by bin/client."""

from typing import Unpack

from kronos.client._core.calls import path_of, read, write
from kronos.client._sync.resource import Resource
from kronos.client.bodies.retention import RetentionPut
from kronos.client.models.retention import Retention


class RetentionResource(Resource):
    """How long history is kept."""

    def get(self) -> Retention:
        """Get how long the workspace's history is kept.

        Needs the role `viewer`.
        """
        return self._transport.call(read(path_of(*self._base, "retention")), Retention)

    def put(self, *, if_match: int | str | None = None, **fields: Unpack[RetentionPut]) -> Retention:
        """Set the workspace's retention. A value that is omitted or null uses the instance's setting.

        Needs the role `admin`.

        Where its answer is lost it is sent again.
        """
        return self._transport.call(
            write("PUT", path_of(*self._base, "retention"), body=fields, repeat="always", if_match=if_match), Retention
        )
