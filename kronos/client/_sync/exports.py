"""The export of an audit, which comes line by line."""

from collections.abc import Generator

from kronos.client._core.events import AuditLine
from kronos.client._sync.resource import Resource
from kronos.client._sync.streams import audit_lines


class AuditExports(Resource):
    """What an audit has besides its pages."""

    def export(self, *, cursor: int | None = None) -> Generator[AuditLine, None]:
        """Sealed rows as they are chained, the oldest first, behind the row whose number is `cursor`. Memory
        holds some of them at once.

        Where the connection is lost it goes on behind the last row that came. Who made one-shots is not sealed: that
        is `list(object_type="one_shot")`.
        """
        return audit_lines(self._transport, self._base, cursor=cursor)
