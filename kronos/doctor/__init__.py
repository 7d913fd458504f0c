"""Check every precondition and invariant of an instance, each with its meaning and its fix: `kronos doctor`."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from kronos import (
    catalog,
    database_errors,
    errors,
    owner,
    pg_hba,
    readiness,
    reading,
    repeatables,
    ringing,
    session,
    tzdata,
)
from kronos.config import Settings
from kronos.database import Params
from kronos.doctor import (
    findings,
    fixes,
    instance,
    old_weeks,
    process,
    ringer,
    sealed,
    server,
    signs,
    silence,
    tables,
    work,
)
from kronos.doctor.checks import CHECKS
from kronos.doctor.facts import (
    AuditState,
    BrokenChain,
    Change,
    CronSettings,
    FaultyJob,
    ForeignPartition,
    Ground,
    JobLedger,
    JobTotal,
    LeftBehind,
    MissingPrivilege,
    Orphan,
    OverdueJob,
    PgCron,
    RetentionState,
    StaleZone,
    StepsUnderWay,
    TablePart,
    TimeZoneData,
    Waiting,
    Workers,
)
from kronos.doctor.finding import LISTED, Finding
from kronos.doctor.findings import AHEAD, BLOATED_ROWS, ZONES
from kronos.encryption import NO_KEYS, KeySource
from kronos.server_time import CLOCK
from kronos.sql import Row, Statement, statement

_BATCH = 200
_DAY = timedelta(hours=24)
_LOCK_TIMEOUT = "2s"  # a session that holds a table lock cannot block the other checks
_NEWEST = 1000  # rows of each audit chain

_GROUND = statement("doctor.get_ground", Ground)
_ORPHANS = statement("doctor.list_orphans", Orphan)
_PG_CRON = statement("doctor.get_pg_cron", PgCron)
_TZDATA = statement("doctor.get_tzdata", TimeZoneData)
_READINGS = statement("doctor.list_zone_readings", tzdata.ZoneReading)
_CRON_SETTINGS = statement("doctor.get_cron_settings", CronSettings)
_TABLE_PARTS = statement("doctor.list_table_parts", TablePart)
_PRIVILEGES = statement("doctor.list_missing_privileges", MissingPrivilege)
_RINGS = statement("doctor.list_missing_rings", MissingPrivilege)
_COUNT_JOBS = statement("doctor.count_jobs", JobTotal)
_LEDGERS = statement("doctor.check_ledgers", JobLedger)
_FAULTS = statement("doctor.list_faults", FaultyJob)
_LEFT_BEHIND = statement("doctor.list_left_behind", LeftBehind)
_OVERDUE_JOBS = statement("doctor.list_overdue", OverdueJob)
_ZONES_STALE = statement("doctor.list_stale_zones", StaleZone)
_STEPS = statement("doctor.list_steps", StepsUnderWay)
_WORKERS = statement("doctor.get_workers", Workers)
_WAITING = statement("doctor.list_waiting", Waiting)
_FOREIGN = statement("doctor.list_foreign_partitions", ForeignPartition)
_RETENTION = statement("doctor.get_retention", RetentionState)
_AUDIT = statement("doctor.get_audit", AuditState)
_CHAINS = statement("doctor.list_broken_chains", BrokenChain)

Connection = psycopg.Connection[tuple[object, ...]]
Progress = Callable[[int, int], None]


class Doctor:
    """One examination over one connection."""

    def __init__(self, connection: Connection, *, keys: KeySource, progress: Progress) -> None:
        """`keys` holds the encryption keys. `progress` is called with the number of jobs whose ledger was checked, and
        their total."""
        self._connection = connection
        self._keys = keys
        self._progress = progress

    def examine(self) -> Iterator[Finding]:
        """Yield the findings as they are made. Checks whose preconditions are missing are left out. Raises
        psycopg.Error."""
        sent_at = time.time()
        (ground,) = self._rows(_GROUND)
        yield findings.clock(sent_at, ground, answered_at=time.time())
        yield from findings.ground(ground)
        if ground.is_superuser and ground.pg_cron_version is not None:
            yield findings.orphans(self._rows(_ORPHANS))
        if not ground.has_schema or not ground.may_own or ground.pg_cron_version is None:
            return
        version = self._rows(_TZDATA)[0].version if ground.is_superuser else None
        setup, login = ringing.setup(self._connection)
        self._connection.execute("set role kronos_owner")
        for checks, made in self._steps(ground, version, setup, login):
            yield from self._guarded(checks, made)

    def _steps(
        self, ground: Ground, version: str | None, setup: ringing.Setup, login: pg_hba.Login | None
    ) -> Iterator[tuple[str, Callable[[], Iterator[Finding]]]]:
        """Return the checks that run as the owner: (the check to report if it cannot run, what makes its findings)."""

        def one(make: Callable[[], Finding]) -> Callable[[], Iterator[Finding]]:
            return lambda: iter([make()])

        yield "locks", lambda: server.sessions(self._rows(signs.SESSIONS)[0])  # first: these name the blocking sessions
        yield "blockers", lambda: server.blockers(self._rows(signs.BLOCKERS, stuck=signs.STUCK)[0])
        yield "objects", one(lambda: instance.objects(self._changes()))
        if ground.applied == repeatables.mark():  # another release's tables have other indexes and constraints
            yield "tables", one(lambda: tables.tables({each.name for each in self._rows(_TABLE_PARTS)}))
        yield "privileges", one(lambda: findings.privileges([*self._rows(_RINGS), *self._rows(_PRIVILEGES)]))
        yield "heartbeat", lambda: instance.ringing_here(ground, self._rows(_PG_CRON)[0], setup, login)
        yield "hold", one(lambda: instance.hold(is_held=self._rows(_PG_CRON)[0].is_held))
        yield "durability", self._server
        yield "launching", lambda: ringer.cron(self._rows(signs.CRON)[0])
        yield "leases", lambda: work.work(self._rows(signs.WORK)[0])
        yield "tasks", lambda: work.tasks(self._rows(signs.TASKS, limit=LISTED))
        yield "alert rules", lambda: work.alerting(self._rows(signs.ALERTING))
        yield "administrators", lambda: work.keys(self._rows(signs.KEYS)[0])
        yield "cron settings", one(lambda: findings.cron_settings(*self._rows(_CRON_SETTINGS)))
        yield "drift", one(lambda: findings.drift(self._rows(fixes.DRIFT, limit=LISTED)))
        yield "malformed jobs", one(lambda: findings.faults(self._rows(_FAULTS, limit=LISTED)))
        yield "deletions", one(lambda: findings.left_behind(self._rows(_LEFT_BEHIND, limit=LISTED)))
        yield "overdue jobs", one(lambda: findings.overdue(self._rows(_OVERDUE_JOBS, limit=LISTED)))
        yield "steps", one(lambda: instance.steps(self._rows(_STEPS, limit=LISTED)))
        yield "secrets", one(lambda: sealed.secrets(self._connection, self._keys))
        yield "workers", self._deliveries
        yield "time zones", one(lambda: findings.zones(self._rows(_ZONES_STALE, older_than=ZONES, limit=LISTED)))
        yield "time zone data", one(lambda: self._zone_data(version))
        yield "partitions", one(lambda: findings.partitions(self._rows(fixes.PARTITIONS, ahead=AHEAD, limit=LISTED)))
        yield "partition notes", one(lambda: findings.unnoted_partitions(self._rows(fixes.UNNOTED, limit=LISTED)))
        yield "partition owners", one(lambda: findings.foreign_partitions(self._rows(_FOREIGN, limit=LISTED)))
        yield "old weeks", one(lambda: old_weeks.old_weeks(self._connection))
        yield "retention", self._retention
        yield "audit", one(lambda: instance.audit(*self._rows(_AUDIT)))
        yield "audit chains", one(lambda: instance.chains(self._rows(_CHAINS, newest=_NEWEST, limit=LISTED)))
        yield "growth", one(lambda: findings.growth(self._rows(fixes.BLOATED, at_least=BLOATED_ROWS, limit=LISTED)))
        yield "ledger", one(self._ledger)

    def _guarded(self, check: str, make: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
        """Yield the check's findings. If it cannot run, yield one finding that says so: one fault must not hide the
        others."""
        try:
            yield from list(make())
        except psycopg.Error as error:
            if self._connection.closed:
                raise
            yield findings.impossible(check, error.diag.message_primary or str(error), error.sqlstate)

    def _changes(self) -> list[Change]:
        with self._connection.cursor(row_factory=class_row(Change)) as cursor:
            return cursor.execute(catalog.CHANGES).fetchall()

    def _deliveries(self) -> Iterator[Finding]:
        (workers,) = self._rows(_WORKERS)
        return instance.deliveries(
            workers.worker_sessions, self._rows(_WAITING, longer_than=readiness.WAITS_LONG, limit=LISTED)
        )

    def _zone_data(self, version: str | None) -> Finding:
        readings = tzdata.differing(self._rows(_READINGS))
        return findings.zone_data(
            tzdata.version_in(version), tzdata.client_version(), readings, today=datetime.now(UTC).date()
        )

    def _server(self) -> Iterator[Finding]:
        (found,) = self._rows(signs.SERVER)
        yield from server.server(found)
        faults = self._rows(signs.TABLES, rows=signs.ROWS, bytes=signs.BYTES)
        yield from server.tables(faults, is_autovacuum_on=found.is_autovacuum_on)
        (sessions,) = self._rows(signs.SESSIONS)
        if (room := process.disk(found.data_directory, is_local=sessions.is_local)) is not None:
            yield room

    def _retention(self) -> Iterator[Finding]:
        (found,) = self._rows(_RETENTION, limit=LISTED)
        yield findings.retention(found.ran_seconds, found.done_seconds)
        yield findings.strays(found)

    def fixed(self, *, dry_run: bool) -> Iterator[Finding]:
        """Yield what `--fix` did or would do, or why it failed. Raises psycopg.Error if the connection is lost."""

        def make() -> Iterator[Finding]:
            owner.act_as_owner(self._connection)
            all_of_it = fixes.Fixes(self._connection)
            told = f"it would {'; '.join(all_of_it.wanted())}" if dry_run else f"the reaper ran: {all_of_it.make()}"
            yield Finding(check="fix", ok=True, detail=told)

        yield from self._guarded("fix", make)
        self._connection.execute("reset role")

    def _rows(self, wanted: Statement[Row], **params: object) -> list[Row]:
        given: Params = params
        return session.rows(self._connection, wanted, given)

    def _ledger(self) -> Finding:
        """Check the last 24 hours of every job, in batches."""
        until = CLOCK.now()
        window = {"since": until - _DAY, "until": until}
        (total,) = self._rows(_COUNT_JOBS, since=window["since"])
        after, checked, expected, wrong = UUID(int=0), 0, 0, list[JobLedger]()
        self._progress(0, total.jobs)
        while batch := self._rows(_LEDGERS, after=after, count=_BATCH, **window):
            after, checked = batch[-1].job_id, checked + len(batch)
            expected += sum(each.expected for each in batch)
            wrong += [each for each in batch if each.unaccounted or each.surplus or each.error is not None]
            self._progress(checked, max(checked, total.jobs))
        return findings.ledger(checked, expected, wrong)


def examine(
    url: str,
    *,
    fix: bool,
    progress: Progress,
    keys: KeySource = NO_KEYS,
    dry_run: bool = False,
    settings: Settings | None = None,
) -> Iterator[Finding]:
    """Yield the findings of the instance at `url`, and of this process if `settings` are given. `keys` are the
    instance's encryption keys. `fix` first runs fixes.py; `dry_run` first reports what `fix` would do.
    Never raises: a failure is a finding."""
    watch: silence.Watch | None = None
    try:
        with session.connect(
            url, session.wanted(None), application_name="kronos-doctor", context=reading.context()
        ) as connection:
            watch = silence.Watch(connection, url)
            with watch:
                connection.execute(f"set lock_timeout = '{_LOCK_TIMEOUT}'".encode())
                doctor = Doctor(connection, keys=keys, progress=progress)
                if settings is not None:
                    from kronos.doctor import certified  # it loads the reader of certificates

                    yield from process.process(settings, is_server=False)
                    yield certified.database(url)
                if fix or dry_run:
                    yield from doctor.fixed(dry_run=dry_run)
                yield from doctor.examine()
    except (errors.SessionRefused, errors.Unconnected, psycopg.Error) as error:
        yield silence.finding(url) if watch is not None and watch.is_silent else _unanswered(error, url)


def _unanswered(error: errors.SessionRefused | errors.Unconnected | psycopg.Error, url: str) -> Finding:
    """Return the finding when PostgreSQL did not answer, or answered in a way that cannot be used."""
    if isinstance(error, errors.SessionRefused):
        return Finding(
            check="database", ok=False, detail=error.detail, meaning="results read in this session could not be trusted"
        )
    if isinstance(error, errors.Unconnected):
        from kronos.doctor import certified

        refusal = certified.refusal(url) if error.why.kind == "certificate" else None
        fix = process.ROOM if error.why.kind == "disk_full" else CHECKS["database"].remedy
        return Finding(
            check="database",
            ok=False,
            detail=f"its certificate is not trusted: {refusal[0]}" if refusal else error.said,
            meaning="no connection to PostgreSQL is possible with this KRONOS_DATABASE_URL",
            fix=refusal[1] if refusal else fix,
        )
    known = database_errors.from_database(error)
    return Finding(
        check="database",
        ok=False,
        detail=known.detail if error.sqlstate is None else f"{error.diag.message_primary} ({error.sqlstate})",
        meaning="PostgreSQL cannot be reached or queried with this KRONOS_DATABASE_URL",
        fix="check KRONOS_DATABASE_URL, and that PostgreSQL is running and accepts this user",
    )
