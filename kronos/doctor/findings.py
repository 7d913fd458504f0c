"""The findings of the doctor's checks: what was found, what it means, and how to fix it. No I/O."""

import re
from collections.abc import Iterator
from datetime import UTC, date, timedelta

from kronos import repeatables, system, tzdata
from kronos.counting import counted, plural
from kronos.doctor.facts import (
    BloatedTable,
    CronSettings,
    EntryDifference,
    FaultyJob,
    ForeignPartition,
    Ground,
    JobLedger,
    LeftBehind,
    MissingPrivilege,
    Orphan,
    OverdueJob,
    Partition,
    RetentionState,
    StaleZone,
)
from kronos.doctor.finding import LISTED, MIGRATE, Finding, ago, many, some

AHEAD = timedelta(weeks=4)  # partitions are created eight weeks ahead
BLOATED_ROWS = 100_000  # fewer dead rows than this are not reported
RETENTION_RUNS = timedelta(hours=3)  # it runs hourly
RETENTION_ENDS = timedelta(days=3)  # since the last run that left nothing to do: after an upgrade that takes longer
ZONES = timedelta(days=2)  # refresh_zones reads each zone once a day
_CLOCK_SECONDS = 5.0
_LOOK_AGAIN = {
    "": "see PostgreSQL's log, then run `kronos doctor` again",
    "55P03": "another session holds a lock on a table. Find it with: select pid, query from pg_stat_activity where pid "
    "in (select pid from pg_locks where mode = 'AccessExclusiveLock' and granted); end it, then run `kronos doctor` "
    "again",
}
_FIX = "run `kronos doctor --fix`, or wait a minute for the reaper"


def clock(sent_at: float, ground: Ground, *, answered_at: float) -> Finding:
    """Compare PostgreSQL's clock with this machine's, to within half a round trip."""
    ahead = ground.clock_seconds - (sent_at + answered_at) / 2
    slack = (answered_at - sent_at) / 2
    return Finding(
        check="clock",
        ok=abs(ahead) <= _CLOCK_SECONDS + slack,
        detail=f"PostgreSQL's clock is {abs(ahead):.3f} s {'ahead of' if ahead >= 0 else 'behind'} this machine's, ± "
        f"{slack:.3f} s",
        meaning="ticks follow PostgreSQL's clock, so jobs run that much early or late by the clocks of users and "
        "receivers",
        fix="synchronize the clocks of both machines, with chrony or systemd-timesyncd",
    )


def writes(is_read_only: bool) -> Finding:
    """Report whether PostgreSQL is a primary."""
    return Finding(
        check="writes",
        ok=not is_read_only,
        detail="PostgreSQL is a read-only standby" if is_read_only else "PostgreSQL accepts writes",
        meaning="nothing can be created, rung or delivered here; the other findings below describe the standby",
        fix="promote it, or point KRONOS_DATABASE_URL at the primary; the URL may list several hosts, separated by "
        "commas",
    )


def pg_cron(version: str | None, server_version: str, database: str) -> Finding:
    """Report whether the pg_cron extension is installed."""
    return Finding(
        check="pg_cron",
        ok=version is not None,
        detail=f"pg_cron {version} on PostgreSQL {server_version}{_degraded(version)}"
        if version
        else "pg_cron is not installed",
        meaning=f"without pg_cron in database {database} nothing rings",
        fix=f"add pg_cron to shared_preload_libraries, set cron.database_name = '{database}', restart "
        f"PostgreSQL; then {MIGRATE}",
    )


def launcher(has_launcher: bool, *, is_read_only: bool) -> Finding:
    """Report whether pg_cron's launcher is running. On a standby it never runs."""
    return Finding(
        check="launcher",
        ok=has_launcher or is_read_only,
        detail="pg_cron's launcher is running"
        if has_launcher
        else f"pg_cron's launcher is not running{', as on every standby' if is_read_only else ''}",
        meaning="no entry fires; while a worker is running, workers ring in pg_cron's place, a little late",
        fix="restart PostgreSQL, and check its log for the launcher's last messages",
    )


def ground(ground: Ground) -> Iterator[Finding]:
    """Check what everything else depends on."""
    yield writes(ground.is_read_only)
    yield pg_cron(ground.pg_cron_version, ground.server_version, ground.database)
    yield launcher(ground.has_launcher, is_read_only=ground.is_read_only)
    yield Finding(
        check="roles",
        ok=not ground.missing_roles,
        detail=f"missing: {', '.join(ground.missing_roles)}" if ground.missing_roles else "all four roles exist",
        meaning="the database was not migrated, or is a copy without its roles",
        fix=MIGRATE,
    )
    applied, wanted = ground.applied.removeprefix("sql/ "), repeatables.digest()
    yield Finding(
        check="schema",
        ok=ground.has_schema and applied == wanted,
        detail=f"functions at {applied or 'nothing'}, this release has {wanted}"
        if applied != wanted
        else f"at this release, {wanted}",
        meaning="the database's schema is not from the release of this command",
        fix=MIGRATE,
    )
    yield Finding(
        check="connection",
        ok=ground.may_own,
        detail=f"connected as {ground.connected_as}, who {'may' if ground.may_own else 'may not'} act as kronos_owner",
        meaning="this user cannot see data of all workspaces, so the checks that need it were skipped",
        fix="use the same KRONOS_DATABASE_URL as for `kronos migrate`",
    )


def _degraded(version: str | None) -> str:
    # The extension's own version: 1.4-1 for release 1.4.2.
    is_old = version is not None and tuple(int(part) for part in re.split(r"[.-]", version)[:2]) < (1, 5)
    return " (works with limits: no intervals below a minute; 1.6 or later is recommended)" if is_old else ""


def impossible(check: str, message: str, sqlstate: str | None) -> Finding:
    """Return the finding for a check that could not run."""
    is_missing = (sqlstate or "").startswith(("42", "3F"))
    return Finding(
        check=check,
        ok=False,
        detail=f"the check could not run: {message} ({sqlstate or 'no code'})",
        meaning="an object that a migration creates is missing, or this user may not use it"
        if is_missing
        else "PostgreSQL could not answer the check's query",
        fix=MIGRATE if is_missing else _LOOK_AGAIN.get(sqlstate or "", _LOOK_AGAIN[""]),
    )


def orphans(found: list[Orphan]) -> Finding:
    """Report entries whose role does not exist."""
    roles = sorted({each.username for each in found})
    listed = ", ".join("'" + role.replace("'", "''") + "'" for role in roles)
    text = (
        f"{counted(len(found), 'entry', 'entries')} of cron.job "
        f"{plural(len(found), 'belongs', 'belong')} to {plural(len(roles), 'a role', 'roles')} that no longer "
        f"{plural(len(roles), 'exists', 'exist')}: {some(roles)}"
    )
    return Finding(
        check="entry owners",
        ok=not found,
        detail=text if found else "the role of every entry exists",
        meaning="pg_cron's launcher exits every second, so no job fires",
        # shown to the operator, never run
        fix=f"as a superuser: delete from cron.job where username in ({listed});",  # noqa: S608
    )


def privileges(found: list[MissingPrivilege]) -> Finding:
    """Report privileges that a role lacks, and those that no role may have."""
    texts = [f"{each.role} {each.fault}" for each in found]
    return Finding(
        check="privileges",
        ok=not found,
        detail=some(texts) if found else "each role has the privileges it needs, and none bypasses row level security",
        meaning="alarms, requests or deliveries fail, or workspaces are not isolated from each other",
        fix=f"{MIGRATE}; if a role bypasses row level security, it must be a superuser's",
    )


def drift(found: list[EntryDifference]) -> Finding:
    """Report differences between jobs and entries."""
    texts = [f"{each.jobname}: {each.difference}" for each in found]
    return Finding(
        check="drift",
        ok=not found,
        detail=f"{many(found)} differences: {some(texts)}" if found else "cron.job matches the ACTIVE CRON jobs",
        meaning="a job is not rung, or an entry rings for no job",
        fix=_FIX,
    )


def faults(found: list[FaultyJob]) -> Finding:
    """Report jobs whose ticks cannot be accounted for."""
    texts = [f"{each.workspace}/{each.name or each.job_id}: {each.message} ({each.sqlstate})" for each in found]
    return Finding(
        check="malformed jobs",
        ok=not found,
        detail=f"{many(found)}: {some(texts)}" if found else "every job's ticks can be accounted for",
        meaning="these jobs do not run; all others do",
        fix="`kronos job edit JOB --cron EXPR`, or cancel the job and create it again",
    )


def left_behind(found: list[LeftBehind]) -> Finding:
    """Report unfinished rows of deleted workspaces and endpoints."""
    texts = [f"{each.kind} {each.id} of {each.workspace}, whose {each.deleted} was deleted" for each in found]
    return Finding(
        check="deletions",
        ok=not found,
        detail=f"{many(found)}: {some(texts)}" if found else "no deleted workspace or endpoint has unfinished rows",
        meaning="rows were written by hand or only partly restored: these never finish by themselves, and the API "
        "cannot reach them",
        fix="as kronos_owner, undo the deletion, cancel these rows over the API, then delete again: "
        "update kronos.workspaces set status = 'SUSPENDED', suspended_at = kronos.now(), deleted_at = null where slug "
        "= …; "
        "update kronos.endpoints set deleted_at = null where endpoint_id = …;",
    )


def overdue(found: list[OverdueJob]) -> Finding:
    """Report ticks that have been due for too long."""
    texts = [f"{each.workspace}/{each.name or each.job_id} for {each.overdue_seconds:.0f} s" for each in found]
    return Finding(
        check="overdue jobs",
        ok=not found,
        detail=f"{many(found)}: {some(texts)}" if found else "no tick has been due for longer than catch-up allows",
        meaning="neither alarms nor catch-up accounted for these ticks",
        fix="select kronos.catch_up(kronos.clock()); as kronos_owner, then see the checks launcher, heartbeat and "
        "malformed jobs",
    )


def zones(found: list[StaleZone]) -> Finding:
    """Report zones whose clock changes were not read lately."""
    texts = [f"{each.timezone} ({f'read {each.read_at:%Y-%m-%d}' if each.read_at else 'never read'})" for each in found]
    return Finding(
        check="time zones",
        ok=not found,
        detail=some(texts) if found else "every zone in use was read within two days",
        meaning="alarms of jobs in these zones may miss a clock change; their ticks then wait for catch-up",
        fix=_FIX,
    )


def zone_data(server: str | None, client: str | None, differing: list[str], *, today: date) -> Finding:
    """Compare both sides' time zone data, and report the age of PostgreSQL's. Old data is reported but does not fail
    the check: most of its rules still hold."""
    text = f"PostgreSQL has {server}" if server else "only superusers can see PostgreSQL's version (tzdata.zi, line 1)"
    text += f", this machine has {client}" if client else ", this machine's files name no version"
    if server is not None and tzdata.is_old(server, today):
        text += "; WARNING: it is more than a year old: update the package tzdata on PostgreSQL's machine"
    return Finding(
        check="time zone data",
        ok=not differing,
        detail=f"{text}; different UTC offsets here in {some(differing)}" if differing else text,
        meaning="jobs in these zones run at other times than clients here expect: one side has older files, or "
        "PostgreSQL has the old ones in memory",
        fix="update the package tzdata on both machines, then restart PostgreSQL: it caches the zones that its own "
        "settings name",
    )


def cron_settings(found: CronSettings) -> Finding:
    """Report pg_cron settings that change how it reads Kronos's entries."""
    wrong = system.misread_entries(found.cron_timezone, found.match_dom_and_dow)
    right = "pg_cron reads its entries in GMT, and its day fields as crontab does"
    return Finding(
        check="cron settings",
        ok=not wrong,
        detail="; ".join(wrong) or (right if found.is_visible else f"not visible to this user; assumed: {right}"),
        meaning="alarms ring too often, or not when they must, and ticks wait for catch-up",
        fix="alter system set cron.timezone = 'GMT'; alter system reset cron.match_dom_and_dow; and restart PostgreSQL",
    )


def partitions(found: list[Partition]) -> Finding:
    """Report missing partitions for the coming weeks."""
    return partitions_of([each.partition for each in found])


def partitions_of(missing: list[str]) -> Finding:
    """Report missing partitions that are given as texts."""
    return Finding(
        check="partitions",
        ok=not missing,
        detail=f"missing: {some(missing)}" if missing else f"the coming {AHEAD.days // 7} weeks have partitions",
        meaning="partitions are created eight weeks ahead, but these were not: a transaction holds a lock on the "
        "default partition, or nothing runs that creates them; "
        "rows without a partition go to the default partition, which cannot be dropped",
        fix="run `kronos doctor --fix`; if that creates none, end the oldest transaction in pg_stat_activity (order "
        "by xact_start)",
    )


def unnoted_partitions(found: list[Partition]) -> Finding:
    """Report partitions that were attached by hand."""
    return Finding(
        check="partition notes",
        ok=not found,
        detail=f"not noted: {some([each.partition for each in found])}"
        if found
        else "the contents of each partition are noted",
        meaning="these partitions were attached by hand, for example from a backup; lists of executions do not show "
        "their rows",
        fix="run `kronos doctor --fix`, or select kronos.note_partition('<name>') for each",
    )


def foreign_partitions(found: list[ForeignPartition]) -> Finding:
    """Report partitions that retention cannot drop."""
    texts = [f"{each.partition} (owner {each.owner})" for each in found]
    return Finding(
        check="partition owners",
        ok=not found,
        detail=f"not owned by kronos_owner: {some(texts)}" if found else "kronos_owner owns each partition",
        meaning="another role created or restored them; retention skips them, so they are never dropped, and a "
        "migration that changes history fails on them",
        fix=" ".join(f"alter table kronos.{each.partition} owner to kronos_owner;" for each in found) or "nothing",
    )


def retention(ran_seconds: float, done_seconds: float) -> Finding:
    """Report whether retention runs and keeps up."""
    runs = ran_seconds <= RETENTION_RUNS.total_seconds()
    keeps_up = done_seconds <= RETENTION_ENDS.total_seconds()
    return Finding(
        check="retention",
        ok=runs and keeps_up,
        detail=f"last ran {ago(ran_seconds)}, and last left nothing to do {ago(done_seconds)}",
        meaning="history grows: retention cannot keep up with its work, or cannot do it"
        if runs
        else "history grows: retention does not run",
        fix="`kronos retention run` does all of it now and reports what blocks it; its runs: "
        "select status, output, error from kronos.executions where job_id = (select job_id from kronos.jobs where "
        "name = 'retention') "
        "order by created_at desc limit 5;",
    )


def strays(found: RetentionState) -> Finding:
    """Report rows of the default partitions that belong in another partition."""
    stray = found.executions + found.attempts
    return Finding(
        check="default partitions",
        ok=stray == 0,
        detail=f"{stray}{' or more' if max(found.executions, found.attempts) >= LISTED else ''} "
        f"{plural(stray, 'row that belongs', 'rows that belong')} in a partition of "
        f"{plural(stray, 'its', 'their')} own week"
        if stray
        else "every row in them belongs there",
        meaning="these rows were written while their week had no partition; "
        "every query of history reads them, and retention deletes them row by row",
        fix="nothing, once partitions are created again (see the check partitions): retention deletes them when they "
        "are old enough",
    )


def growth(found: list[BloatedTable]) -> Finding:
    """Report tables with more dead rows than live ones."""
    texts = [
        f"{each.name}: {counted(each.dead_rows, 'dead row')}, {each.live_rows} live, {each.bytes // 1_000_000} MB"
        for each in found
    ]
    return Finding(
        check="growth",
        ok=not found,
        detail=some(texts) if found else "no table has more dead rows than live ones",
        meaning="statements read the dead rows too: autovacuum is off or behind, or an old transaction keeps dead rows "
        "from being removed",
        fix="end the oldest transaction in pg_stat_activity (order by xact_start), check pg_replication_slots, then "
        "vacuum the table",
    )


def ledger(checked: int, expected: int, wrong: list[JobLedger]) -> Finding:
    """Report the ledger of every job for the last 24 hours."""
    unaccounted, surplus = sum(each.unaccounted or 0 for each in wrong), sum(each.surplus or 0 for each in wrong)
    text = f"{expected} {plural(expected, 'tick')} of {checked} {plural(checked, 'job')} in 24 h"
    if not wrong:
        return Finding(check="ledger", ok=True, detail=f"{text}, each accounted for exactly once")
    text = f"{text}: {unaccounted} not accounted for, {counted(surplus, 'row that matches', 'rows that match')} no tick"
    return Finding(
        check="ledger",
        ok=False,
        detail=f"{text}; {some([_described(each) for each in wrong])}",
        meaning="rows were deleted or written by hand, or a job is malformed: what happened to these ticks is unknown",
        fix="`kronos job explain JOB --workspace W --at T` shows what is known about a tick; `kronos job backfill` "
        "runs a window again",
    )


def _described(each: JobLedger) -> str:
    name = f"{each.workspace}/{each.name or each.job_id}"
    if each.error is not None:
        return f"{name}: {each.error['message']}"
    first = min(at for at in (each.first_unaccounted, each.first_surplus) if at is not None)
    return (
        f"{name}: {each.unaccounted} unaccounted, {each.surplus} surplus, first at {first.astimezone(UTC).isoformat()}"
    )
