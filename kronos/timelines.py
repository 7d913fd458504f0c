"""Detect whether a PostgreSQL that accepts writes is the newest primary that this process has seen, or one that a
failover left behind.

Each promotion starts a timeline with a higher number, in the same system. An old primary that comes back accepts writes
on its old timeline, which no other server will have. A process that has seen a newer timeline does not use it.
"""

from dataclasses import field

from kronos.lines import Log
from kronos.records import dataclass
from kronos.unreachable import Unreachable

_log = Log("kronos.database")
READ = """
select (select system_identifier from pg_control_system()),
       case when pg_is_in_recovery() then null
            else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer end
"""
"""One row: the system, and its timeline, null on a standby. A hosted PostgreSQL with another log format may reject
it."""


@dataclass(slots=True)
class Timelines:
    """The newest timeline of each system that this process was connected to."""

    is_wary: bool = False
    """An old primary was seen: of several servers the first must not always be tried first."""
    _newest: dict[int, int] = field(default_factory=dict)

    def judge(self, system: int, timeline: int | None, server: str) -> Unreachable | None:
        """Return why this server must not be used; None if it may, which is recorded. `timeline` is None for a
        standby."""
        newest = self._newest.get(system, 0)
        if timeline is None or timeline >= newest:
            self._newest[system] = max(newest, timeline or 0)
            return None
        self.is_wary = True
        return Unreachable(
            kind="old_primary",
            outside="this PostgreSQL is a primary that a failover left behind: writes to it would be lost, so Kronos "
            "makes none",
            inside=f"{server} accepts writes on timeline {timeline}, but this process was connected to its successor "
            f"on timeline {newest}: a failover left it behind, and what is written there will be lost. Stop it, and "
            "make it a standby of the new primary (pg_rewind). If it is meant to be the primary, restart this process",
        )

    def forget(self) -> None:
        """Return to the state of a newly started process."""
        self._newest.clear()
        self.is_wary = False

    def could_not_read(self, error: Exception) -> None:
        """Record that this server's timeline is unknown: all that counts is whether it accepts writes."""
        _log.debug("timeline.unread", "the timeline cannot be read: %s", error)


SEEN = Timelines()
