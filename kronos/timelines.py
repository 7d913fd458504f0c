"""Whether a PostgreSQL that takes writes is the newest primary that this process has met, or one that a fail-over left
behind.

Each promotion begins a timeline of a higher number, in the same system. An old primary that comes back by itself takes
writes, on its old timeline, that no other server will have: who has met a newer one does not use it.
"""

from dataclasses import dataclass, field

from kronos.lines import Log
from kronos.unreachable import Unreachable

_log = Log("kronos.database")
READ = """
select (select system_identifier from pg_control_system()),
       case when pg_is_in_recovery() then null
            else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer end
"""
"""One row: the system, and its timeline, null of a standby. A service that has changed how PostgreSQL keeps its log may
refuse it."""


@dataclass(slots=True)
class Timelines:
    """The newest timeline of each system that this process was connected to."""

    is_wary: bool = False
    """An old primary was met: of several servers not always the first is to be tried first."""
    _newest: dict[int, int] = field(default_factory=dict)

    def judge(self, system: int, timeline: int | None, server: str) -> Unreachable | None:
        """Why this server is not to be used; None where it may be, which is remembered. `timeline` is None of a
        standby."""
        newest = self._newest.get(system, 0)
        if timeline is None or timeline >= newest:
            self._newest[system] = max(newest, timeline or 0)
            return None
        self.is_wary = True
        return Unreachable(
            kind="old_primary",
            outside="this PostgreSQL is a primary that a fail-over left behind: its writes would be lost, so none are "
            "made",
            inside=f"{server} takes writes on timeline {timeline}, and this process was connected to its successor on "
            f"timeline {newest}: a fail-over left it behind, and what is written there will be lost. Stop it, and make "
            "it a standby of the new primary (pg_rewind). If it is meant to be the primary, start this process anew",
        )

    def forget(self) -> None:
        """As a process that has just started."""
        self._newest.clear()
        self.is_wary = False

    def could_not_read(self, error: Exception) -> None:
        """It cannot be told of this server: there is nothing to go by but its word that it takes writes."""
        _log.debug("timeline.unread", "the timeline cannot be read: %s", error)


SEEN = Timelines()
