"""The doctor's cheap checks, which the API runs on every read of the instance's status (docs/doctor.md). They use the
same code as `kronos doctor`. Their findings are for the instance's administrator."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from kronos import system
from kronos.config import Settings
from kronos.counting import counted
from kronos.database import InstanceView
from kronos.doctor import findings, instance, process, ringer, server, signs, work
from kronos.doctor.checks import Severity
from kronos.doctor.facts import CronSettings, StepsUnderWay
from kronos.doctor.finding import LISTED, Finding, some
from kronos.records import dataclass
from kronos.server_time import CLOCK
from kronos.system import HistoryEnd, KeptHistory, PendingWork, Status, ZoneData

# Without a working resolver each lookup takes its 10 to 30 s. The status does not wait that long, and abandoned
# lookups must not block other work of the process.
_CERTIFICATE_SECONDS = 5.0
_LOOKER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="certificates")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFinding:
    """A check's result: whether it passed, and what was found. meaning, fix: null if it passed."""

    check: str
    severity: Severity
    ok: bool
    detail: str
    meaning: str | None
    fix: str | None


def shown(found: Finding) -> ShownFinding:
    """Return the finding as callers see it."""
    return ShownFinding(
        check=found.check,
        severity=found.severity,
        ok=found.ok,
        detail=found.detail,
        meaning=None if found.ok else found.meaning,
        fix=None if found.ok else found.fix,
    )


async def ask(
    view: InstanceView,
    settings: Settings,
    *,
    status: Status,
    zones: ZoneData,
    steps: list[PendingWork],
    kept: KeptHistory,
    ends: list[HistoryEnd],
) -> list[ShownFinding]:
    """Return the findings of these checks: failed ones first, the most severe before the others. Raises
    DatabaseUnavailable."""
    now = CLOCK.now()
    (sessions,) = await view.rows(signs.SESSIONS, {})
    (blocking,) = await view.rows(signs.BLOCKERS, {"stuck": signs.STUCK})
    (about,) = await view.rows(signs.SERVER, {})
    (cron,) = await view.rows(signs.CRON, {})
    (what,) = await view.rows(signs.WORK, {})
    (keys,) = await view.rows(signs.KEYS, {})
    tables = await view.rows(signs.TABLES, {"rows": signs.ROWS, "bytes": signs.BYTES})
    tasks = await view.rows(signs.TASKS, {"limit": LISTED})
    alerting = await view.rows(signs.ALERTING, {})
    found = [
        *_of_status(status, zones),
        instance.steps([_step(each, now) for each in steps if each.operation_id is None]),
        *server.sessions(sessions),
        *server.blockers(blocking),
        *server.server(about),
        *server.tables(tables, is_autovacuum_on=about.is_autovacuum_on),
        *ringer.cron(cron),
        *work.work(what),
        *work.tasks(tasks),
        *work.alerting(alerting),
        *work.keys(keys),
        findings.retention((now - kept.ran_at).total_seconds(), (now - kept.done_at).total_seconds()),
        partitions(ends, now),
        *process.process(settings),
        await _certificates(settings.database_url.get_secret_value(), now),
    ]
    worst = ("critical", "warning", "notice")
    return [shown(each) for each in sorted(found, key=lambda each: (each.ok, worst.index(each.severity)))]


def _database_certificates(url: str, now: datetime) -> Finding:
    from kronos.doctor import certified  # it loads the reader of certificates, which few processes need

    return certified.database(url, now)


async def _certificates(url: str, now: datetime) -> Finding:
    look = asyncio.get_running_loop().run_in_executor(_LOOKER, _database_certificates, url, now)
    try:
        return await asyncio.wait_for(look, _CERTIFICATE_SECONDS)
    except TimeoutError:
        return Finding(
            check="database certificates",
            ok=True,  # other checks report an unavailable server or name
            detail=f"unknown: no answer within {_CERTIFICATE_SECONDS:g} s; check that host names resolve here",
        )


async def count(
    view: InstanceView, settings: Settings, *, zones: ZoneData, kept: KeptHistory, ends: list[HistoryEnd]
) -> dict[Severity, int]:
    """Return the number of failed checks per severity. Raises DatabaseUnavailable."""
    found = await ask(
        view,
        settings,
        status=await system.status(view),
        zones=zones,
        steps=await system.steps(view),
        kept=kept,
        ends=ends,
    )
    worst: tuple[Severity, ...] = ("critical", "warning", "notice")
    return {severity: sum(not each.ok and each.severity == severity for each in found) for severity in worst}


def _of_status(found: Status, zones: ZoneData) -> Iterator[Finding]:
    """Yield the findings that follow from the instance's status."""
    yield findings.writes(found.is_read_only)
    yield findings.pg_cron(found.pg_cron_version, found.postgresql_version, "this one")
    yield findings.launcher(found.has_launcher, is_read_only=found.is_read_only)
    yield instance.internal_jobs(found.internal_jobs, found.internal_entries)
    alarms = Finding(
        check="alarms",
        ok=found.alarm_failure is None,
        detail="the newest did not fail" if found.alarm_failure is None else f"they fail with {found.alarm_failure!r}",
        meaning="pg_cron cannot start any job's tick; while a worker is running, workers ring in its place, a little "
        "late",
        fix="run `kronos doctor`: it prints what to change, and where",
    )
    yield alarms
    yield instance.heartbeat(found.pg_cron_silent_seconds, do_alarms_begin=alarms.ok)
    yield instance.hold(is_held=found.is_held)
    yield Finding(
        check="overdue jobs",
        ok=found.overdue_jobs == 0,
        detail=f"{found.overdue_jobs}, for {found.overdue_seconds or 0:.0f} s"
        if found.overdue_jobs
        else "no tick has been due for longer than catch-up allows",
        meaning="neither alarms nor catch-up accounted for these ticks",
        fix="run `kronos doctor`: it names them; see the checks launcher, heartbeat and tasks",
    )
    yield findings.cron_settings(
        CronSettings(
            cron_timezone=found.cron_timezone,
            match_dom_and_dow=found.match_dom_and_dow,
            is_visible=found.cron_timezone is not None,
        )
    )
    yield instance.workers(found.worker_sessions)
    yield _queue(found)
    yield findings.zone_data(zones.postgresql_version, zones.client_version, zones.differs_in, today=CLOCK.now().date())


def _queue(found: Status) -> Finding:
    groups = f"; no worker serves the groups {some(found.unserved_groups)}" if found.unserved_groups else ""
    return Finding(
        check="queue",
        ok=not found.waiting_endpoints and not found.unserved_groups,
        detail=f"due executions of {counted(found.waiting_endpoints, 'endpoint')} wait for a worker, the oldest for "
        f"{found.waiting_seconds or 0:.0f} s{groups}"
        if found.waiting_endpoints or groups
        else "nothing waits for a worker",
        meaning="deliveries are late, or are not made",
        fix="start workers, or raise KRONOS_WORKER_CONCURRENCY; for a group start `kronos worker --group NAME`",
    )


def _step(each: PendingWork, now: datetime) -> StepsUnderWay:
    return StepsUnderWay(
        kind=each.kind,
        workspace=each.workspace,
        job_id=each.job_id,
        remaining=each.remaining,
        since=each.since,
        last_error=each.last_error,
        seconds=(now - each.since).total_seconds(),
    )


def partitions(found: list[HistoryEnd], now: datetime) -> Finding:
    """Report whether the coming weeks have partitions, judged by the last one that exists."""
    ends = {"executions": now, "attempts": now} | {each.history: each.until_at for each in found}
    short = [f"{name} from {end:%Y-%m-%d}" for name, end in ends.items() if end < now + findings.AHEAD]
    return findings.partitions_of(short)
