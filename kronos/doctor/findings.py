"""What each check of the doctor finds, means, and what puts it right. No I/O."""

import re
from collections.abc import Iterator
from datetime import UTC, date, timedelta

from kronos import repeatables, system, tzdata
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

AHEAD = timedelta(weeks=4)  # partitions are made eight weeks ahead
BLOATED_ROWS = 100_000  # dead rows that are worth a word
RETENTION_RUNS = timedelta(hours=3)  # it runs hourly
RETENTION_ENDS = timedelta(days=3)  # a run that leaves nothing to do: the first ones after an upgrade take longer
ZONES = timedelta(days=2)  # refresh_zones reads each once a day
_CLOCK_SECONDS = 5.0
_LOOK_AGAIN = {
    "": "see PostgreSQL's log, and run `kronos doctor` again",
    "55P03": "somebody holds a table locked: select pid, query from pg_stat_activity where pid in (select pid from "
    "pg_locks where mode = 'AccessExclusiveLock' and granted); end that, and run `kronos doctor` again",
}
_FIX = "run `kronos doctor --fix`, or wait a minute for the reaper"


def clock(sent_at: float, ground: Ground, *, answered_at: float) -> Finding:
    """The difference of clocks, as exactly as half a round trip allows."""
    ahead = ground.clock_seconds - (sent_at + answered_at) / 2
    slack = (answered_at - sent_at) / 2
    return Finding(
        check="clock",
        ok=abs(ahead) <= _CLOCK_SECONDS + slack,
        detail=f"PostgreSQL's clock is {abs(ahead):.3f} s {'ahead of' if ahead >= 0 else 'behind'} this machine's, ± "
        f"{slack:.3f} s",
        meaning="ticks go by PostgreSQL's clock, so jobs run that much early or late by the clocks of people and "
        "receivers",
        fix="let both machines keep time, with chrony or systemd-timesyncd",
    )


def writes(is_read_only: bool) -> Finding:
    """Whether it is a primary."""
    return Finding(
        check="writes",
        ok=not is_read_only,
        detail="PostgreSQL is a standby, it takes no writes" if is_read_only else "PostgreSQL takes writes",
        meaning="nothing can be made, rung or delivered here; what else is found below is the standby's own",
        fix="promote it, or let KRONOS_DATABASE_URL name the primary; several hosts, separated by commas, may stand "
        "in it",
    )


def pg_cron(version: str | None, server_version: str, database: str) -> Finding:
    """Whether the extension is there."""
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
    """Whether pg_cron runs; on a standby it never does."""
    return Finding(
        check="launcher",
        ok=has_launcher or is_read_only,
        detail="pg_cron's launcher runs"
        if has_launcher
        else f"pg_cron's launcher does not run{', as on every standby' if is_read_only else ''}",
        meaning="no entry fires; workers ring in its place, a little late, while one runs",
        fix="restart PostgreSQL, and look for the launcher's last words in its log",
    )


def ground(ground: Ground) -> Iterator[Finding]:
    """What nothing works without."""
    yield writes(ground.is_read_only)
    yield pg_cron(ground.pg_cron_version, ground.server_version, ground.database)
    yield launcher(ground.has_launcher, is_read_only=ground.is_read_only)
    yield Finding(
        check="roles",
        ok=not ground.missing_roles,
        detail=f"missing: {', '.join(ground.missing_roles)}" if ground.missing_roles else "all four are there",
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
        meaning="the database is not at the release of this command",
        fix=MIGRATE,
    )
    yield Finding(
        check="connection",
        ok=ground.may_own,
        detail=f"connected as {ground.connected_as}, who {'may' if ground.may_own else 'may not'} act as kronos_owner",
        meaning="what concerns all workspaces cannot be seen, so it was not checked",
        fix="use the KRONOS_DATABASE_URL that `kronos migrate` is run with",
    )


def _degraded(version: str | None) -> str:
    # The extension's own version: 1.4-1 for the release 1.4.2.
    is_old = version is not None and tuple(int(part) for part in re.split(r"[.-]", version)[:2]) < (1, 5)
    return " (it works, degraded: no intervals below a minute; 1.6 or later is recommended)" if is_old else ""


def impossible(check: str, message: str, sqlstate: str | None) -> Finding:
    """A check that could not be made."""
    is_missing = (sqlstate or "").startswith(("42", "3F"))
    return Finding(
        check=check,
        ok=False,
        detail=f"could not be looked at: {message} ({sqlstate or 'no code'})",
        meaning="something that a migration makes is missing, or may not be used"
        if is_missing
        else "PostgreSQL could not answer",
        fix=MIGRATE if is_missing else _LOOK_AGAIN.get(sqlstate or "", _LOOK_AGAIN[""]),
    )


def orphans(found: list[Orphan]) -> Finding:
    """Entries whose role is gone."""
    roles = sorted({each.username for each in found})
    listed = ", ".join("'" + role.replace("'", "''") + "'" for role in roles)
    text = f"{len(found)} entries of cron.job are of roles that are gone: {some(roles)}"
    return Finding(
        check="entry owners",
        ok=not found,
        detail=text if found else "every entry's role is there",
        meaning="pg_cron's launcher ends each second, so no job fires",
        # words for a person, not run
        fix=f"as a superuser: delete from cron.job where username in ({listed});",  # noqa: S608
    )


def privileges(found: list[MissingPrivilege]) -> Finding:
    """What each role can do, and none may."""
    texts = [f"{each.role} {each.fault}" for each in found]
    return Finding(
        check="privileges",
        ok=not found,
        detail=some(texts) if found else "each role can do what it must, and none is past row level security",
        meaning="alarms, requests or deliveries fail, or workspaces are not kept apart",
        fix=f"{MIGRATE}, a superuser's where a role is past row level security",
    )


def drift(found: list[EntryDifference]) -> Finding:
    """Jobs against entries."""
    texts = [f"{each.jobname}: {each.difference}" for each in found]
    return Finding(
        check="drift",
        ok=not found,
        detail=f"{many(found)} differences: {some(texts)}" if found else "cron.job is the set of ACTIVE CRON jobs",
        meaning="a job is not rung for, or an alarm rings for no job",
        fix=_FIX,
    )


def faults(found: list[FaultyJob]) -> Finding:
    """Jobs whose ticks cannot be accounted for."""
    texts = [f"{each.workspace}/{each.name or each.job_id}: {each.message} ({each.sqlstate})" for each in found]
    return Finding(
        check="malformed jobs",
        ok=not found,
        detail=f"{many(found)}: {some(texts)}" if found else "every job's ticks could be accounted for",
        meaning="these jobs do not run; the others do",
        fix="PATCH the job's cron, or cancel it and create it again",
    )


def left_behind(found: list[LeftBehind]) -> Finding:
    """What deleted workspaces and endpoints left unfinished."""
    texts = [f"{each.kind} {each.id} of {each.workspace}, whose {each.deleted} was deleted" for each in found]
    return Finding(
        check="deletions",
        ok=not found,
        detail=f"{many(found)}: {some(texts)}" if found else "nothing unfinished is of a deleted workspace or endpoint",
        meaning="rows were written by hand or restored in part: these never end by themselves, and cannot be reached "
        "over the API",
        fix="as kronos_owner, bring back what was deleted, cancel these over the API, and delete it again: "
        "update kronos.workspaces set status = 'SUSPENDED', suspended_at = kronos.now(), deleted_at = null where slug "
        "= …; "
        "update kronos.endpoints set deleted_at = null where endpoint_id = …;",
    )


def overdue(found: list[OverdueJob]) -> Finding:
    """Ticks that are due for too long."""
    texts = [f"{each.workspace}/{each.name or each.job_id} since {each.overdue_seconds:.0f} s" for each in found]
    return Finding(
        check="overdue jobs",
        ok=not found,
        detail=f"{many(found)}: {some(texts)}" if found else "no tick has waited for longer than catch-up leaves any",
        meaning="neither alarms nor catch-up accounted for these ticks",
        fix="select kronos.catch_up(kronos.clock()); as kronos_owner, and see launcher, heartbeat and malformed jobs",
    )


def zones(found: list[StaleZone]) -> Finding:
    """Time zones' clock changes."""
    texts = [f"{each.timezone} ({f'read {each.read_at:%Y-%m-%d}' if each.read_at else 'never read'})" for each in found]
    return Finding(
        check="time zones",
        ok=not found,
        detail=some(texts) if found else "every zone in use was read within two days",
        meaning="alarms of jobs in these zones may miss a change of clocks, and their ticks wait for catch-up",
        fix=_FIX,
    )


def zone_data(server: str | None, client: str | None, differing: list[str], *, today: date) -> Finding:
    """Whose time zone data says what, and how old PostgreSQL's is. An old one is reported and no failure: most of its
    rules hold."""
    text = f"PostgreSQL's is {server}" if server else "PostgreSQL's is shown to superusers alone (tzdata.zi, line 1)"
    text += f", this machine's {client}" if client else ", this machine's names no version"
    if server is not None and tzdata.is_old(server, today):
        text += "; WARNING: it is older than a year: update the package tzdata where PostgreSQL runs"
    return Finding(
        check="time zone data",
        ok=not differing,
        detail=f"{text}; other distances from UTC here in {some(differing)}" if differing else text,
        meaning="jobs of these zones run at other times than clients here believe: one side's files are older, or in "
        "PostgreSQL's memory",
        fix="update the package tzdata on both machines, then restart PostgreSQL: it keeps zones that its own "
        "settings name",
    )


def cron_settings(found: CronSettings) -> Finding:
    """How pg_cron reads what we write."""
    wrong = system.misread_entries(found.cron_timezone, found.match_dom_and_dow)
    right = "pg_cron reads its entries in GMT, and its day fields as crontab does"
    return Finding(
        check="cron settings",
        ok=not wrong,
        detail="; ".join(wrong)
        or (right if found.is_visible else f"not for this user's eyes; taken for granted: {right}"),
        meaning="alarms ring too often, or not at all where they must, and ticks wait for catch-up",
        fix="alter system set cron.timezone = 'GMT'; alter system reset cron.match_dom_and_dow; and restart PostgreSQL",
    )


def partitions(found: list[Partition]) -> Finding:
    """The coming weeks' partitions."""
    return partitions_of([each.partition for each in found])


def partitions_of(missing: list[str]) -> Finding:
    """The same, as texts say what is missing."""
    return Finding(
        check="partitions",
        ok=not missing,
        detail=f"missing: {some(missing)}" if missing else f"the coming {AHEAD.days // 7} weeks have theirs",
        meaning="they are made eight weeks ahead, and were not: a transaction has the default partition locked, or "
        "nobody makes them; "
        "rows without one go to the default partition, which cannot be dropped",
        fix="run `kronos doctor --fix`; where that makes none, end the oldest transaction of pg_stat_activity (order "
        "by xact_start)",
    )


def unnoted_partitions(found: list[Partition]) -> Finding:
    """Partitions that somebody has attached."""
    return Finding(
        check="partition notes",
        ok=not found,
        detail=f"not noted: {some([each.partition for each in found])}"
        if found
        else "what each partition holds is noted",
        meaning="somebody has attached them, restored from a backup say; lists of executions do not show what is in "
        "them",
        fix="run `kronos doctor --fix`, or select kronos.note_partition('<name>') for each",
    )


def foreign_partitions(found: list[ForeignPartition]) -> Finding:
    """Partitions that retention cannot drop."""
    texts = [f"{each.partition} ({each.owner}'s)" for each in found]
    return Finding(
        check="partition owners",
        ok=not found,
        detail=f"not kronos_owner's: {some(texts)}" if found else "each partition is kronos_owner's",
        meaning="another role made or restored them; retention passes over them, they are never dropped, and a "
        "migration that changes history stops at them",
        fix=" ".join(f"alter table kronos.{each.partition} owner to kronos_owner;" for each in found) or "nothing",
    )


def retention(ran_seconds: float, done_seconds: float) -> Finding:
    """Whether history is aged out."""
    runs = ran_seconds <= RETENTION_RUNS.total_seconds()
    keeps_up = done_seconds <= RETENTION_ENDS.total_seconds()
    return Finding(
        check="retention",
        ok=runs and keeps_up,
        detail=f"ran {ago(ran_seconds)}, and left nothing to do {ago(done_seconds)}",
        meaning="history grows: retention has more to do than it gets done, or cannot do it"
        if runs
        else "history grows: retention does not run",
        fix="`kronos retention run` does all of it now and says what keeps it from it; its runs: "
        "select status, output, error from kronos.executions where job_id = (select job_id from kronos.jobs where "
        "name = 'retention') "
        "order by created_at desc limit 5;",
    )


def strays(found: RetentionState) -> Finding:
    """Whether history can go by partitions."""
    stray = found.executions + found.attempts
    return Finding(
        check="default partitions",
        ok=stray == 0,
        detail=f"{stray}{' or more' if max(found.executions, found.attempts) >= LISTED else ''} rows that belong into "
        "partitions"
        if stray
        else "they hold nothing that belongs into a partition",
        meaning="rows came while their time had no partition; "
        "they are read with every look at history, and go one by one",
        fix="nothing, once partitions are made again (see partitions): they go when they are old enough",
    )


def growth(found: list[BloatedTable]) -> Finding:
    """Tables that are larger than what they hold."""
    texts = [
        f"{each.name}: {each.dead_rows} dead rows, {each.live_rows} live, {each.bytes // 1_000_000} MB"
        for each in found
    ]
    return Finding(
        check="growth",
        ok=not found,
        detail=some(texts) if found else "no table holds more dead rows than live ones",
        meaning="statements read what is dead: autovacuum is off or behind, or an old transaction keeps dead rows "
        "from being removed",
        fix="end the oldest transaction of pg_stat_activity (order by xact_start), look at pg_replication_slots; then "
        "vacuum the table",
    )


def ledger(checked: int, expected: int, wrong: list[JobLedger]) -> Finding:
    """The last 24 hours of every job."""
    unaccounted, surplus = sum(each.unaccounted or 0 for each in wrong), sum(each.surplus or 0 for each in wrong)
    text = f"{expected} {'tick' if expected == 1 else 'ticks'} of {checked} {'job' if checked == 1 else 'jobs'} in 24 h"
    if not wrong:
        return Finding(check="ledger", ok=True, detail=f"{text}, each accounted for exactly once")
    text = f"{text}: {unaccounted} not accounted for, {surplus} accounted for without being one"
    return Finding(
        check="ledger",
        ok=False,
        detail=f"{text}; {some([_described(each) for each in wrong])}",
        meaning="rows were deleted or written by hand, or a job is malformed: what became of these ticks cannot be "
        "known",
        fix="`kronos job explain JOB --workspace W --at T` says what is known of a tick; POST …/backfill runs a "
        "window again",
    )


def _described(each: JobLedger) -> str:
    name = f"{each.workspace}/{each.name or each.job_id}"
    if each.error is not None:
        return f"{name}: {each.error['message']}"
    first = min(at for at in (each.first_unaccounted, each.first_surplus) if at is not None)
    return (
        f"{name}: {each.unaccounted} unaccounted, {each.surplus} surplus, first at {first.astimezone(UTC).isoformat()}"
    )
