"""The export of an audit, which comes line by line."""

from collections.abc import AsyncGenerator

from kronos.client._async.resource import AsyncResource
from kronos.client._async.streams import audit_lines
from kronos.client._core.events import AuditLine


class AsyncAuditExports(AsyncResource):
    """What an audit has besides its pages."""

    def export(self, *, cursor: int | None = None) -> AsyncGenerator[AuditLine, None]:
        """Sealed rows as they are chained, the oldest first, behind the row whose number is `cursor`. Memory
        holds some of them at once.

        Where the connection is lost it goes on behind the last row that came. Who made one-shots is not sealed: that
        is `list(object_type="one_shot")`.
        """
        return audit_lines(self._transport, self._base, cursor=cursor)
