"""Findings about a job's surroundings: whether pg_cron's alarms start, what was changed by hand, whether any worker
delivers. No I/O."""

from collections.abc import Iterator

from kronos import pg_hba, readiness, ringing
from kronos.counting import counted
from kronos.doctor.facts import AuditState, BrokenChain, Change, Ground, PgCron, StepsUnderWay, Waiting
from kronos.doctor.finding import MIGRATE, Finding, many, some

# Suspending 200,000 jobs takes workers alone five minutes, at 50 ms of each quarter of a second.
_STEPS_SECONDS = 900
# Workers seal the audit every few seconds, the lease-keeper every minute.
_UNSEALED_SECONDS = 600
# pg_cron's messages when its own login or worker failed. Any other message comes from the alarm's statement.
_NOT_STARTED = ("connection failed", "could not start background process", "job startup timeout")
_SWITCHED = {
    "row level security": "row level security is off on {}",
    "forced row level security": "row level security is not forced on {}",
    "enabled": "{} is switched off, or on only for other sessions",
}


def ringing_here(
    ground: Ground, pg_cron: PgCron, setup: ringing.Setup, login: pg_hba.Login | None
) -> Iterator[Finding]:
    """Report whether pg_cron rings in this database, and if not, why."""
    served = pg_cron.served_database
    is_here = served in (None, ground.database)
    yield Finding(
        check="cron.database_name",
        ok=is_here,
        detail=f"pg_cron serves {served}, this is {ground.database}" if served else "not visible to this user",
        meaning="pg_cron rings in another database",
        fix=f"set cron.database_name = '{ground.database}' and restart PostgreSQL",
    )
    yield internal_jobs(pg_cron.internal_jobs, pg_cron.internal_entries)
    alarms = (
        _alarms(pg_cron, setup, login) if is_here else Finding(check="alarms", ok=True, detail=f"they ring in {served}")
    )
    yield alarms
    yield heartbeat(pg_cron.silent_seconds, do_alarms_begin=alarms.ok)


def internal_jobs(jobs: int, entries: int) -> Finding:
    """Report whether each internal job has its entry."""
    return Finding(
        check="internal jobs",
        ok=jobs > 0 and entries == jobs,
        detail=f"{entries} of {jobs} internal jobs have an entry",
        meaning="no entries are repaired, no missed ticks caught up, no leases of dead workers ended",
        fix=MIGRATE,
    )


def heartbeat(silent_seconds: float, *, do_alarms_begin: bool) -> Finding:
    """Report how long pg_cron has been silent."""
    stands_in = "; while a worker is running, workers ring in its place, a little late"
    return Finding(
        check="heartbeat",
        ok=silent_seconds <= readiness.SILENT_AFTER.total_seconds(),
        # Never "rang": silence starts no earlier than PostgreSQL itself, or than the creation of the internal jobs.
        detail=f"pg_cron has been silent for {silent_seconds:.0f} s",
        meaning=("pg_cron is frozen or behind" if do_alarms_begin else "pg_cron's alarms fail, see the check alarms")
        + stands_in,
        fix="with pg_cron 1.6.1 or later: select pg_terminate_backend(pid) from pg_stat_activity where backend_type = "
        "'pg_cron launcher'; "
        "with an older one restart PostgreSQL"
        if do_alarms_begin
        else "follow the check alarms; pg_cron then rings at the next minute",
    )


def hold(*, is_held: bool) -> Finding:
    """Report whether the instance is held."""
    return Finding(
        check="hold",
        ok=not is_held,
        detail="kronos.hold is on" if is_held else "the instance is not held: it fires and delivers",
        meaning="no tick is accounted for and nothing is delivered, as intended for a copy that runs next to its "
        "original",
        fix="start `kronos up` without --hold; on your own server: alter database … reset kronos.hold, then restart "
        "the workers",
    )


def _alarms(pg_cron: PgCron, setup: ringing.Setup, login: pg_hba.Login | None) -> Finding:
    """Report whether alarms start: from pg_cron's log if it stopped ringing, from pg_hba.conf if it never rang."""
    ended, failed, message = pg_cron.alarms_ended, pg_cron.alarms_failed, pg_cron.alarm_message
    is_refused = login is not None and login.verdict == "refused" and pg_cron.silent_seconds > ringing.HEARD_SECONDS
    has_failed = pg_cron.alarm_failure is not None
    if not has_failed and not is_refused and not (login is not None and login.verdict == "refused" and ended == failed):
        failed_alarms = (
            f"{failed} of the newest {ended} in pg_cron's log failed, the last of these with {message!r}"
            if failed
            else ""
        )
        return Finding(
            check="alarms", ok=True, detail=failed_alarms or f"none of the newest {ended} in pg_cron's log failed"
        )
    why = f": {login.why}" if login is not None and login.verdict != "accepted" else ""
    is_ours = has_failed and pg_cron.alarm_failure not in _NOT_STARTED
    return Finding(
        check="alarms",
        ok=False,
        detail=f"the newest alarms fail with {pg_cron.alarm_failure!r}{'' if is_ours else why}"
        if has_failed
        else f"none can begin{why}",
        meaning="pg_cron cannot start any job's tick, however often it tries; while a worker is running, workers ring "
        "in its place, a little late",
        fix=f"{MIGRATE}; PostgreSQL's log has its error" if is_ours else ringing.what_to_write(setup, login),
    )


def objects(found: list[Change]) -> Finding:
    """Report what differs from the state that the newest upgrade left. Objects that others added are ignored, except
    policies and triggers on Kronos's tables."""
    items = [
        _described(each) for each in found if each.differs != ["new"] or each.object.startswith(("policy ", "trigger "))
    ]
    is_lost = any(each.differs == ["gone"] and each.object.startswith("table ") for each in found)
    return Finding(
        check="objects",
        ok=not items,
        detail=some(items)
        if items
        else "functions, views, rights, policies and triggers are as the newest migrate left them",
        meaning="the schema was changed by hand, or only partly restored: workspace isolation, row checks or ringing "
        "may not work",
        fix="restore the backup: no migration recreates a table that is gone" if is_lost else MIGRATE,
    )


def _described(change: Change) -> str:
    if change.differs == ["gone"]:
        return f"{change.object} is gone"
    if change.differs == ["new"]:
        return f"{change.object} is not this release's"
    switched = [text.format(change.object) for name, text in _SWITCHED.items() if name in change.differs]
    return ", ".join(switched) or f"{change.object} differs in its {' and '.join(change.differs)}"


def steps(found: list[StepsUnderWay]) -> Finding:
    """Report suspensions, resumptions and cancellations whose steps are not done. Only late ones fail the check."""
    is_late = any(each.seconds > _STEPS_SECONDS for each in found)
    items = [
        f"{each.kind} of {each.workspace if each.job_id is None else f'{each.workspace}/{each.job_id}'} for "
        f"{each.seconds:.0f} s, {each.remaining} left" + (f", {each.last_error['message']}" if each.last_error else "")
        for each in found
    ]
    return Finding(
        check="steps",
        ok=not is_late,
        detail=some(items) if items else "no suspension, resumption or cancellation is in progress",
        meaning="the change is in force and no tick is lost; but entries of suspended jobs still ring without effect, "
        "resumed jobs have no entry yet, or executions of a cancelled job are still listed",
        fix="start a worker: it continues the steps several times a second; if one is running, see the error",
    )


def workers(worker_sessions: int) -> Finding:
    """Report whether any worker is connected."""
    return Finding(
        check="workers",
        ok=worker_sessions > 0,
        detail=f"workers hold {counted(worker_sessions, 'session')}"
        if worker_sessions
        else "no worker is connected to this database",
        meaning="executions are created, but no worker delivers them",
        fix="start `kronos worker`; if one is running, see its log: is its KRONOS_DATABASE_URL this database?",
    )


def deliveries(worker_sessions: int, waiting: list[Waiting]) -> Iterator[Finding]:
    """Report whether workers deliver in time. Executions that wait for a limit of their own endpoint or workspace are
    reported but do not fail the check."""
    yield workers(worker_sessions)
    late = [each for each in waiting if each.waits_for is None or each.unserved_group is not None]
    items = [
        f"{each.workspace}/{each.endpoint} for {each.seconds:.0f} s"
        + (f" ({each.waits_for})" if each.waits_for is not None else "")
        for each in late
    ]
    others = [
        f"{each.workspace}/{each.endpoint} for {each.seconds:.0f} s: {each.waits_for}"
        for each in waiting
        if each.waits_for is not None and each.unserved_group is None
    ]
    limit = readiness.WAITS_LONG.total_seconds()
    endpoints = "endpoint" if len(late) == 1 else "endpoints"
    waits = (
        f"due executions of {many(late)} {endpoints} wait for a worker: {some(items)}"
        if late
        else f"none has waited for a worker for {limit:.0f} s"
    )
    yield Finding(
        check="queue",
        ok=not late,
        detail=waits + (f"; these wait for their own limits: {some(others)}" if others else ""),
        meaning="deliveries are late: no worker is running, or those that are running are busy, stuck, or of a release "
        "that this database does not know",
        fix="start workers, or raise KRONOS_WORKER_CONCURRENCY; restart a worker that holds sessions but delivers "
        "nothing; for a group that no worker serves start `kronos worker --group NAME`",
    )


def audit(found: AuditState) -> Finding:
    """Report whether changes reach the audit's chains."""
    return Finding(
        check="audit",
        ok=found.oldest_seconds <= _UNSEALED_SECONDS,
        detail=f"{counted(found.unsealed, 'row is', 'rows are')} not sealed, the oldest for "
        f"{found.oldest_seconds:.0f} s"
        if found.unsealed
        else "every row is sealed",
        meaning="users who may delete rows of kronos.audit_pending can remove them unnoticed: sealing fails, or "
        "neither a worker nor the internal job lease-keeper is running",
        fix="PostgreSQL's log has the reason (search for: kronos: the audit cannot be sealed); "
        "`select kronos.seal_audit(1000);` tries it now",
    )


def chains(found: list[BrokenChain]) -> Finding:
    """Report audit chains that differ from what was sealed."""
    texts = [f"{each.workspace}: {each.fault}" for each in found]
    return Finding(
        check="audit chains",
        ok=not found,
        detail=some(texts) if found else "the newest rows of each chain are as they were sealed",
        meaning="a user with write access to the database has changed or deleted sealed rows",
        fix="`kronos audit verify` against your last export shows the number from which on they differ; the original "
        "rows are in that export, or in a backup",
    )
