"""Findings about PostgreSQL itself: faults that appear without any change to Kronos. No I/O."""

from collections.abc import Iterator

from kronos.counting import counted
from kronos.doctor.finding import Finding, ago, some
from kronos.doctor.signs import BlockerSigns, ServerSigns, SessionSigns, TableFault

_CONNECTIONS = 0.9
_OPEN_SECONDS = 600.0
_WAITING_SECONDS = 30.0
_LAG_SECONDS = 60.0
_SLOT_BYTES = 1_000_000_000
# PostgreSQL stops accepting writes three million before 2^31; autovacuum begins to freeze at 200 million.
_AGE = 1_000_000_000
# The share of the lock table that a statement over all of history may use: a lock per table and index.
_LOCKABLE = 0.5
_HIDDEN = "not visible to this user: `kronos migrate` as a superuser grants it"


def sessions(found: SessionSigns) -> Iterator[Finding]:
    """Yield the findings about connections, and about sessions that block others."""
    yield Finding(
        check="connections",
        ok=found.connections < _CONNECTIONS * found.max_connections,
        detail=f"{found.connections} of {found.max_connections} connections are in use",
        meaning="soon PostgreSQL refuses API processes and workers, and pg_cron, which connects for its alarms",
        fix="close idle connections (pg_stat_activity), lower KRONOS_DATABASE_POOL_SIZE, or raise max_connections and "
        "restart PostgreSQL",
    )
    is_open = (found.oldest_seconds or 0) > _OPEN_SECONDS
    yield Finding(
        check="transactions",
        ok=not is_open,
        detail=f"the oldest, {found.oldest}, began {ago(found.oldest_seconds or 0)}"
        if is_open
        else ("none has been open for long" if found.sees_activity else _HIDDEN),
        meaning="while it is open, dead rows cannot be removed, so the queue gets slower; it may also hold locks",
        fix="end it: select pg_terminate_backend(<its process>); then find the program that does not commit",
    )
    is_left = (found.prepared_seconds or 0) > _OPEN_SECONDS
    yield Finding(
        check="prepared",
        ok=not is_left,
        detail=f"{found.prepared} are prepared, the oldest {ago(found.prepared_seconds or 0)}"
        if is_left
        else "none was left behind",
        meaning="they keep their locks and dead rows, even through restarts, until they are ended by hand. Kronos "
        "prepares none",
        fix="select gid, prepared, owner from pg_prepared_xacts; then rollback prepared '<gid>';",
    )
    waits = (found.waiting_seconds or 0) > _WAITING_SECONDS
    yield Finding(
        check="locks",
        ok=not waits,
        detail=f"{_many_wait(found.waiting)}, the first for {found.waiting_seconds or 0:.0f} s, for {found.waiting_for}"
        if waits
        else "none has waited for long",
        meaning="another session holds a lock on a table or a row, and alarms, requests or deliveries wait behind it",
        fix="select pid, pg_blocking_pids(pid), query from pg_stat_activity where wait_event_type = 'Lock'; then "
        "select pg_terminate_backend(<pid>) for the process that blocks others and waits for none",
    )
    yield Finding(
        check="encryption",
        ok=found.is_encrypted or found.is_local,
        detail="this connection is encrypted"
        if found.is_encrypted
        else f"this connection is not encrypted{', but it does not leave this machine' if found.is_local else ''}",
        meaning="others on the network can read inputs, and passwords that are sent in clear text",
        fix="set sslmode=verify-full and sslrootcert in KRONOS_DATABASE_URL, and use hostssl lines in pg_hba.conf",
    )


def blockers(found: BlockerSigns) -> Iterator[Finding]:
    """Yield the findings about a session that others wait for, and about those that do not answer."""
    blocks = (found.blocking_seconds or 0) > _WAITING_SECONDS
    yield Finding(
        check="blockers",
        ok=not blocks,
        detail=f"{_many_wait(found.blocked)} for {found.blocker}, whose transaction began "
        f"{ago(found.blocking_seconds or 0)}"
        if blocks
        else "no session that others wait for has been in its transaction for long",
        meaning="requests, alarms or deliveries that need what it has locked fail one after the other",
        fix="end it: select pg_terminate_backend(<its process>); if it stays, it is stopped: on PostgreSQL's machine, "
        "kill -CONT <its process>",
    )
    yield Finding(
        check="stuck sessions",
        ok=not found.stuck,
        detail=f"{found.stuck}, the first for {found.stuck_seconds or 0:.0f} s: {found.stuck_session}"
        if found.stuck
        else "each session of Kronos keeps its time limits",
        meaning="PostgreSQL would have ended its statement by now: its process is stopped or hangs, and keeps its "
        "locks",
        fix=f"select pg_terminate_backend({found.stuck_pid}); if it stays, on PostgreSQL's machine: "
        f"kill -CONT {found.stuck_pid}; if it still stays, it hangs in a read or write: look at the disk, then restart "
        "PostgreSQL",
    )


def _many_wait(number: int) -> str:
    """Return how many sessions wait, as the subject of a sentence."""
    return counted(number, "session waits", "sessions wait")


def server(found: ServerSigns) -> Iterator[Finding]:
    """Yield the findings about durability, replication and the server's limits."""
    yield from _kept(found)
    yield from _beside(found)
    age = max(found.frozen_age, found.multixact_age)
    yield Finding(
        check="wraparound",
        ok=age < _AGE,
        detail=f"the oldest database is {age // 1_000_000} million transactions old, of at most 2,146",
        meaning="close to the limit PostgreSQL accepts no writes until old rows are frozen: autovacuum is not keeping "
        "up",
        fix="end old and prepared transactions, drop unread replication slots, then run `vacuumdb --all --freeze`",
    )
    yield Finding(
        check="lock table",
        ok=found.relations < _LOCKABLE * found.lockable,
        detail=f"Kronos has {found.relations} tables and indexes; the server has room for {found.lockable} locks",
        meaning='a query over all of history, or a dump, fails with "out of shared memory"',
        fix=f"alter system set max_locks_per_transaction = {max(128, found.relations // 20)}; and restart PostgreSQL; "
        "or shorten retention",
    )
    yield Finding(
        check="collation",
        ok=found.collation_change is None,
        detail=f"the operating system now sorts text differently than when the indexes were built: "
        f"{found.collation_change}"
        if found.collation_change
        else "text sorts as it did when the indexes were built",
        meaning="text indexes may miss rows, and unique ones may allow duplicates: names, slugs, keys",
        fix="reindex database <name>; alter database <name> refresh collation version;",
    )
    yield Finding(
        check="pending restart",
        ok=not found.pending_restart,
        detail=f"changed, but not in effect yet: {some(found.pending_restart)}"
        if found.pending_restart
        else "no changed setting waits for a restart",
        meaning="the next restart, whatever its reason, also applies these changes",
        fix="restart PostgreSQL at a time of your choice; ticks that come due meanwhile are caught up",
    )


def _kept(found: ServerSigns) -> Iterator[Finding]:
    """Yield the findings about what survives a crash."""
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
        meaning="a crash loses commits of about the last half second: new jobs, and results of deliveries, which are "
        "then made again",
        fix="alter system reset synchronous_commit; select pg_reload_conf();",
    )


def _beside(found: ServerSigns) -> Iterator[Finding]:
    """Yield the findings about standbys, slots and archives."""
    yield Finding(
        check="synchronous standby",
        ok=found.standbys_there or not found.standbys_wanted,
        detail="commits wait for a standby, and none is connected"
        if found.standbys_wanted and not found.standbys_there
        else ("one is connected" if found.standbys_wanted else "commits do not wait for a standby"),
        meaning="each commit waits forever: nothing is created, fired or delivered",
        fix="start the standby, or alter system reset synchronous_standby_names; select pg_reload_conf();",
    )
    yield Finding(
        check="replication lag",
        ok=(found.lag_seconds or 0) <= _LAG_SECONDS,
        detail=f"the standby that is furthest behind is {found.lag_seconds:.0f} s behind"
        if found.lag_seconds is not None
        else "no standby reports a lag",
        meaning="a failover now loses that much, and the primary answers replica reads",
        fix="check the standby's log and disk, and look for queries there that block replay",
    )
    is_kept = (found.slot_bytes or 0) > _SLOT_BYTES
    yield Finding(
        check="replication slots",
        ok=not is_kept,
        detail=f"nothing reads {some(found.slots)}, so {(found.slot_bytes or 0) // 1_000_000} MB of WAL are kept"
        if is_kept
        else "none keeps WAL that nothing reads",
        meaning="the disk fills up until PostgreSQL stops, and dead rows are kept",
        fix="start its reader, or select pg_drop_replication_slot('<slot>'); max_slot_wal_keep_size sets a limit",
    )
    yield Finding(
        check="archive",
        ok=found.archive_fails_seconds is None,
        detail=f"archiving fails; it last worked {ago(found.archive_fails_seconds)}, or earlier"
        if found.archive_fails_seconds is not None
        else "WAL is archived, or archiving is off",
        meaning="no point in time since then can be restored, and WAL fills the disk",
        fix="see PostgreSQL's log for why archive_command fails (pg_stat_archiver), and fix it; archiving then resumes",
    )


def tables(found: list[TableFault], *, is_autovacuum_on: bool) -> Iterator[Finding]:
    """Yield the findings about tables with wrong settings, without statistics, or bloated."""

    def of(fault: str) -> list[str]:
        return [each.name for each in found if each.fault == fault]

    yield Finding(
        check="unlogged",
        ok=not of("UNLOGGED"),
        detail=f"unlogged: {some(of('UNLOGGED'))}" if of("UNLOGGED") else "each table is logged",
        meaning="a crash of PostgreSQL empties it, and standbys do not have its rows",
        fix=_each(of("UNLOGGED"), "alter table kronos.{} set logged;"),
    )
    off = of("UNVACUUMED")
    yield Finding(
        check="autovacuum",
        ok=is_autovacuum_on and not off,
        detail="autovacuum or track_counts is off"
        if not is_autovacuum_on
        else (f"it skips {some(off)}" if off else "on, for each table"),
        meaning="dead rows are not removed: claims get slower by the hour, and transaction IDs run out",
        fix="alter system set autovacuum = on; alter system set track_counts = on; select pg_reload_conf();"
        if not is_autovacuum_on
        else "run `kronos doctor --fix`, or " + _each(off, "alter table kronos.{} reset (autovacuum_enabled);"),
    )
    yield Finding(
        check="statistics",
        ok=not of("UNKNOWN"),
        detail=f"never analyzed: {some(of('UNKNOWN'))}" if of("UNKNOWN") else "each large table was analyzed",
        meaning="without statistics, as after a restore or an upgrade of PostgreSQL, statements read whole tables",
        fix="run `kronos doctor --fix`, or " + _each(of("UNKNOWN"), "analyze kronos.{};"),
    )
    bloated = [each for each in found if each.fault == "BLOATED"]
    texts = [f"{each.name}: {(each.bytes or 0) // 1_000_000} MB for {counted(each.live, 'row')}" for each in bloated]
    yield Finding(
        check="bloat",
        ok=not bloated,
        detail=some(texts) if bloated else "each table is about as large as its rows",
        meaning="a burst of rows or an old transaction left free space: it is reused, but scans read it until then",
        fix="in a quiet minute, because it locks the table: " + _each(of("BLOATED"), "vacuum full kronos.{};"),
    )


def _each(names: list[str], statement: str) -> str:
    return " ".join(statement.format(name) for name in names) or "nothing"
