"""The repairs of `kronos doctor --fix`. They change only what is Kronos's own, can be repeated safely, and remove
nothing. Each reports what it did, or would do."""

from collections.abc import Iterator

from psycopg import sql as composed

from kronos import session
from kronos.doctor import signs
from kronos.doctor.facts import BloatedTable, EntryDifference, Made, Partition, Reaped
from kronos.doctor.finding import LISTED, some
from kronos.doctor.findings import AHEAD, BLOATED_ROWS
from kronos.model import JsonObject
from kronos.sql import Row, Statement, statement

DRIFT = statement("doctor_fixes.list_drift", EntryDifference)
PARTITIONS = statement("doctor_fixes.list_missing_partitions", Partition)
UNNOTED = statement("doctor_fixes.list_unnoted_partitions", Partition)
_NOTE_PARTITION = statement("doctor_fixes.note_partition", Made)
BLOATED = statement("doctor_fixes.list_bloated", BloatedTable)
_REAP = statement("doctor_fixes.reap", Reaped)
_CATCH_UP = statement("doctor_fixes.catch_up", Made)
_KEEP_LEASES = statement("doctor_fixes.keep_leases", Reaped)
_SEAL = statement("doctor_fixes.seal_audit", Made)
_ADD_PARTITIONS = statement("doctor_fixes.add_partitions", Made)


class Fixes:
    """Repairs over one connection, which acts as kronos_owner and commits each statement."""

    def __init__(self, connection: session.Connection) -> None:
        """Only keep the connection."""
        self._connection = connection

    def wanted(self) -> Iterator[str]:
        """Yield what would be done, a clause each. Changes nothing. Raises psycopg.Error."""
        drift = self._rows(DRIFT, limit=LISTED)
        yield f"run the reaper, for {len(drift)} differences between jobs and entries"
        yield "account for ticks that are due, end expired leases, seal the audit"
        if missing := self._rows(PARTITIONS, ahead=AHEAD, limit=LISTED):
            yield f"create partitions: {some([each.partition for each in missing])}"
        if unnoted := self._rows(UNNOTED, limit=LISTED):
            yield f"note partitions: {some([each.partition for each in unnoted])}"
        for text in self._of_tables():
            yield text.as_string(self._connection)

    def make(self) -> JsonObject:
        """Make the repairs, and return their counts. Raises psycopg.Error.

        The reaper is run again for as long as it leaves less and less.
        """
        (reaped,) = self._rows(_REAP)
        counts, left = reaped.counts, _left(reaped.counts)
        while left:
            (reaped,) = self._rows(_REAP)
            done = {key: counts.get(key, 0) + value for key, value in reaped.counts.items() if isinstance(value, int)}
            counts = counts | reaped.counts | done
            if _left(reaped.counts) >= left:
                break
            left = _left(reaped.counts)
        more: JsonObject = {
            "caught_up": self._rows(_CATCH_UP)[0].made,
            "sealed": self._sealed(),  # before the lease-keeper, which also seals but does not report it
            "leases": self._rows(_KEEP_LEASES)[0].counts,
            "partitions": self._partitions(),
            "noted": self._noted(),
            "tables": self._tables(),
        }
        return counts | more

    def _sealed(self) -> int:
        sealed = 0
        while (made := self._rows(_SEAL)[0].made) > 0:
            sealed += made
        return sealed

    def _partitions(self) -> int:
        partitions = 0
        while (made := self._rows(_ADD_PARTITIONS)[0].made) > 0:
            partitions += made
        return partitions

    def _noted(self) -> int:
        unnoted = self._rows(UNNOTED, limit=LISTED)
        for each in unnoted:
            self._rows(_NOTE_PARTITION, partition=each.partition)
        return len(unnoted)

    def _tables(self) -> list[str]:
        made = []
        for text in self._of_tables():
            self._connection.execute(text)
            made.append(text.as_string(self._connection))
        return made

    def _of_tables(self) -> list[composed.Composed]:
        """Return statements that repair the maintenance of Kronos's own tables, not pg_cron's. None blocks for long:
        vacuum and analyze lock out neither readers nor writers."""
        faults = self._rows(signs.TABLES, rows=signs.ROWS, bytes=signs.BYTES)
        bloated = self._rows(BLOATED, at_least=BLOATED_ROWS, limit=LISTED)
        texts = {
            "UNVACUUMED": composed.SQL("alter table {} reset (autovacuum_enabled)"),
            "UNKNOWN": composed.SQL("analyze {}"),
        }
        return [
            *(texts[each.fault].format(composed.Identifier("kronos", each.name)) for each in faults
              if each.fault in texts),
            *(composed.SQL("vacuum {}").format(composed.Identifier("kronos", each.name)) for each in bloated
              if each.name not in ("job", "job_run_details")),
        ]  # fmt: skip

    def _rows(self, wanted: Statement[Row], **params: object) -> list[Row]:
        return session.rows(self._connection, wanted, params)


def _left(counts: JsonObject) -> int:
    return sum(counts["left"].values())
