"""The export of an audit, read line by line."""

from collections.abc import AsyncGenerator

from kronos.client._async.resource import AsyncResource
from kronos.client._async.streams import audit_lines
from kronos.client._core.events import AuditLine


class AsyncAuditExports(AsyncResource):
    """Calls of an audit other than its lists."""

    def export(self, *, cursor: int | None = None) -> AsyncGenerator[AuditLine, None]:
        """Iterate over the sealed rows in the order of their chain, after the row with the number `cursor`. Only a
        few rows are in memory at a time.

        After a lost connection, continues after the last row received. Creations of one-shots are not sealed: list
        them with `list(object_type="one_shot")`.
        """
        return audit_lines(self._transport, self._base, cursor=cursor)
