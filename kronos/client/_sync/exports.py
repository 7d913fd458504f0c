"""The export of an audit, read line by line."""

from collections.abc import Generator

from kronos.client._core.events import AuditLine
from kronos.client._sync.resource import Resource
from kronos.client._sync.streams import audit_lines


class AuditExports(Resource):
    """Calls of an audit other than its lists."""

    def export(self, *, cursor: int | None = None) -> Generator[AuditLine, None]:
        """Iterate over the sealed rows in the order of their chain, after the row with the number `cursor`. Only a
        few rows are in memory at a time.

        After a lost connection, continues after the last row received. Creations of one-shots are not sealed: list
        them with `list(object_type="one_shot")`.
        """
        return audit_lines(self._transport, self._base, cursor=cursor)
