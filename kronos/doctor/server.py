"""Findings about PostgreSQL itself: what breaks at night though nobody has touched Kronos. No I/O."""

from collections.abc import Iterator

from kronos.doctor.finding import Finding, ago, some
from kronos.doctor.signs import ServerSigns, SessionSigns, TableFault

_CONNECTIONS = 0.9
_OPEN_SECONDS = 600.0
_WAITING_SECONDS = 30.0
_LAG_SECONDS = 60.0
_SLOT_BYTES = 1_000_000_000
# PostgreSQL takes no more writes three million before 2^31; autovacuum begins at 200 million.
_AGE = 1_000_000_000
# Of a statement that reads all of history: a lock for each table and index, and others want some too.
_LOCKABLE = 0.5
_HIDDEN = "not for this user's eyes: a superuser's `kronos migrate` grants it"


def sessions(found: SessionSigns) -> Iterator[Finding]:
    """Who is connected, and who keeps others waiting."""
    yield Finding(
        check="connections",
        ok=found.connections < _CONNECTIONS * found.max_connections,
        detail=f"{found.connections} of {found.max_connections} connections are taken",
        meaning="API processes and workers are soon refused, and pg_cron, which connects for its alarms",
        fix="close what is idle (pg_stat_activity), lower KRONOS_DATABASE_POOL_SIZE, or raise max_connections and "
        "restart PostgreSQL",
    )
    is_open = (found.oldest_seconds or 0) > _OPEN_SECONDS
    yield Finding(
        check="transactions",
        ok=not is_open,
        detail=f"the oldest, {found.oldest}, began {ago(found.oldest_seconds or 0)}"
        if is_open
        else ("none is open for long" if found.sees_activity else _HIDDEN),
        meaning="dead rows cannot be removed while it is open, so the queue gets slower; it may hold locks",
        fix="end it: select pg_terminate_backend(<its process>); then look for what forgets to commit",
    )
    is_left = (found.prepared_seconds or 0) > _OPEN_SECONDS
    yield Finding(
        check="prepared",
        ok=not is_left,
        detail=f"{found.prepared} are prepared, the oldest {ago(found.prepared_seconds or 0)}"
        if is_left
        else "none was left behind",
        meaning="they hold their locks and dead rows through restarts, until somebody ends them. Kronos prepares none",
        fix="select gid, prepared, owner from pg_prepared_xacts; then rollback prepared '<gid>';",
    )
    waits = (found.waiting_seconds or 0) > _WAITING_SECONDS
    yield Finding(
        check="locks",
        ok=not waits,
        detail=f"{found.waiting} sessions wait, the first for {found.waiting_seconds or 0:.0f} s, for "
        f"{found.waiting_for}"
        if waits
        else "none has waited for long",
        meaning="somebody holds a table or a row, and alarms, requests or deliveries stand behind it",
        fix="select pid, pg_blocking_pids(pid), query from pg_stat_activity where wait_event_type = 'Lock'; then "
        "select pg_terminate_backend(<pid>) of who blocks others and waits for nobody",
    )
    yield Finding(
        check="encryption",
        ok=found.is_encrypted or found.is_local,
        detail="this connection is encrypted"
        if found.is_encrypted
        else f"this connection is not encrypted{', and leaves no machine' if found.is_local else ''}",
        meaning="who is on the network reads inputs, and passwords that are sent as they are",
        fix="sslmode=verify-full and sslrootcert in KRONOS_DATABASE_URL, hostssl lines in pg_hba.conf",
    )


def server(found: ServerSigns) -> Iterator[Finding]:
    """Whether what is written stays, and the server can go on for long."""
    yield from _kept(found)
    yield from _beside(found)
    age = max(found.frozen_age, found.multixact_age)
    yield Finding(
        check="wraparound",
        ok=age < _AGE,
        detail=f"the oldest database remembers {age // 1_000_000} million transactions, of 2,146 at most",
        meaning="near the end PostgreSQL takes no more writes, until old rows are frozen: autovacuum does not get on",
        fix="end old and prepared transactions, drop unread replication slots, then `vacuumdb --all --freeze`",
    )
    yield Finding(
        check="lock table",
        ok=found.relations < _LOCKABLE * found.lockable,
        detail=f"Kronos has {found.relations} tables and indexes, the server room for {found.lockable} locks",
        meaning='a look at all of history, or a dump, ends with "out of shared memory"',
        fix=f"alter system set max_locks_per_transaction = {max(128, found.relations // 20)}; and restart PostgreSQL; "
        "or keep history for less long",
    )
    yield Finding(
        check="collation",
        ok=found.collation_change is None,
        detail=f"the operating system sorts text otherwise than when indexes were made: {found.collation_change}"
        if found.collation_change
        else "text is sorted as it was when its indexes were made",
        meaning="indexes of text may find nothing, and unique ones let doubles in: names, slugs, keys",
        fix="reindex database <name>; alter database <name> refresh collation version;",
    )
    yield Finding(
        check="pending restart",
        ok=not found.pending_restart,
        detail=f"changed, and not yet in force: {some(found.pending_restart)}"
        if found.pending_restart
        else "no changed setting waits for a restart",
        meaning="the next restart, whoever asks for it, changes more than it was meant to",
        fix="restart PostgreSQL at a time of your choice; ticks that are due meanwhile are caught up",
    )


def _kept(found: ServerSigns) -> Iterator[Finding]:
    """What a crash leaves."""
    off = [
        name for name, is_on in (("fsync", found.is_fsync_on), ("full_page_writes", found.are_pages_whole)) if not is_on
    ]
    yield Finding(
        check="durability",
        ok=not off,
        detail=f"{' and '.join(off)} off" if off else "fsync and full_page_writes are on",
        meaning="a crash of the machine may destroy the whole database",
        fix="".join(f"alter system set {name} = on; " for name in off or ["fsync"]) + "select pg_reload_conf();",
    )
    yield Finding(
        check="commits",
        ok=found.commits != "off",
        detail=f"synchronous_commit is {found.commits}",
        meaning="a crash loses what was committed within the last half second: jobs that were just made, and the ends "
        "of deliveries, which are then made once more",
        fix="alter system reset synchronous_commit; select pg_reload_conf();",
    )


def _beside(found: ServerSigns) -> Iterator[Finding]:
    """Standbys, slots and archives."""
    yield Finding(
        check="synchronous standby",
        ok=found.standbys_there or not found.standbys_wanted,
        detail="commits wait for a standby, and none is connected"
        if found.standbys_wanted and not found.standbys_there
        else ("one is connected" if found.standbys_wanted else "commits wait for none"),
        meaning="each commit waits for ever: nothing is made, fired or delivered",
        fix="start the standby, or alter system reset synchronous_standby_names; select pg_reload_conf();",
    )
    yield Finding(
        check="replication lag",
        ok=(found.lag_seconds or 0) <= _LAG_SECONDS,
        detail=f"the standby that is furthest behind is {found.lag_seconds:.0f} s behind"
        if found.lag_seconds is not None
        else "no standby is seen to be behind",
        meaning="a fail-over now loses that much, and replica reads are answered by the primary",
        fix="look at the standby's log, its disk, and for queries there that hold up the replay",
    )
    is_kept = (found.slot_bytes or 0) > _SLOT_BYTES
    yield Finding(
        check="replication slots",
        ok=not is_kept,
        detail=f"nobody reads {some(found.slots)}, and {(found.slot_bytes or 0) // 1_000_000} MB of WAL are kept for it"
        if is_kept
        else "none keeps WAL that nobody reads",
        meaning="the disk fills until PostgreSQL stops, and dead rows are kept",
        fix="start who reads it, or select pg_drop_replication_slot('<slot>'); max_slot_wal_keep_size bounds it",
    )
    yield Finding(
        check="archive",
        ok=found.archive_fails_seconds is None,
        detail=f"nothing has been archived since {ago(found.archive_fails_seconds)}, and it fails"
        if found.archive_fails_seconds is not None
        else "WAL is archived, or is not to be",
        meaning="there is no way back to a moment since then, and WAL fills the disk",
        fix="PostgreSQL's log says why archive_command fails (pg_stat_archiver); mend it, it goes on by itself",
    )


def tables(found: list[TableFault], *, is_autovacuum_on: bool) -> Iterator[Finding]:
    """Tables that are not as they have to be."""

    def of(fault: str) -> list[str]:
        return [each.name for each in found if each.fault == fault]

    yield Finding(
        check="unlogged",
        ok=not of("UNLOGGED"),
        detail=f"unlogged: {some(of('UNLOGGED'))}" if of("UNLOGGED") else "each table is logged",
        meaning="a crash of PostgreSQL empties it, and a standby has nothing of it",
        fix=_each(of("UNLOGGED"), "alter table kronos.{} set logged;"),
    )
    off = of("UNVACUUMED")
    yield Finding(
        check="autovacuum",
        ok=is_autovacuum_on and not off,
        detail="autovacuum or track_counts is off"
        if not is_autovacuum_on
        else (f"it passes over {some(off)}" if off else "it is on, for each table"),
        meaning="dead rows stay: claims get slower by the hour, and transaction ids run out",
        fix="alter system set autovacuum = on; alter system set track_counts = on; select pg_reload_conf();"
        if not is_autovacuum_on
        else "run `kronos doctor --fix`, or " + _each(off, "alter table kronos.{} reset (autovacuum_enabled);"),
    )
    yield Finding(
        check="statistics",
        ok=not of("UNKNOWN"),
        detail=f"never analysed: {some(of('UNKNOWN'))}" if of("UNKNOWN") else "each large table was analysed",
        meaning="after a restore or an upgrade of PostgreSQL there are none, and statements read whole tables",
        fix="run `kronos doctor --fix`, or " + _each(of("UNKNOWN"), "analyze kronos.{};"),
    )
    bloated = [each for each in found if each.fault == "BLOATED"]
    texts = [f"{each.name}: {(each.bytes or 0) // 1_000_000} MB for {each.live} rows" for each in bloated]
    yield Finding(
        check="bloat",
        ok=not bloated,
        detail=some(texts) if bloated else "each table is about as large as what is in it",
        meaning="space that a flood or an old transaction left: it is used again, and read through meanwhile",
        fix="when there is a quiet minute, for it locks the table: " + _each(of("BLOATED"), "vacuum full kronos.{};"),
    )


def _each(names: list[str], statement: str) -> str:
    return " ".join(statement.format(name) for name in names) or "nothing"
