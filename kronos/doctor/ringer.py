"""Findings about how pg_cron is set up. No I/O."""

from collections.abc import Iterator

from kronos.doctor.finding import MIGRATE, Finding
from kronos.doctor.signs import CronSetup

_LOG_BYTES = 1_000_000_000
_HIDDEN = "not visible to this user: `kronos migrate` as a superuser grants it"


def cron(found: CronSetup) -> Iterator[Finding]:
    """Yield the findings about its settings, slots, log and version, and about the limits of its role."""
    yield Finding(
        check="launching",
        ok=found.launches_jobs is not False,
        detail="cron.launch_active_jobs is off"
        if found.launches_jobs is False
        else ("pg_cron starts the entries of its database" if found.is_visible else _HIDDEN),
        meaning="pg_cron starts no entry; while a worker is running, workers ring in its place, a little late",
        fix="alter system reset cron.launch_active_jobs; select pg_reload_conf();",
    )
    yield _slots(found)
    yield Finding(
        check="cron limits",
        ok=not found.limits,
        detail=f"for kronos_cron: {', '.join(found.limits)}" if found.limits else "no firing can wait forever",
        meaning="a firing that waits occupies one of pg_cron's slots; once all are occupied, no job fires",
        fix=f"{MIGRATE}; if a limit was changed by hand, first: alter role kronos_cron reset all, and the same in this "
        "database",
    )
    yield Finding(
        check="cron log",
        ok=found.logs_runs is not False,
        detail="cron.log_run is off"
        if found.logs_runs is False
        else ("pg_cron logs each run" if found.is_visible else _HIDDEN),
        meaning="only PostgreSQL's log shows why an alarm failed",
        fix="alter system set cron.log_run = on; and restart PostgreSQL",
    )
    size = found.log_bytes or 0
    yield Finding(
        check="cron log size",
        ok=size < _LOG_BYTES,
        detail=f"cron.job_run_details has {size // 1_000_000} MB",
        meaning="each firing writes to it six times. Retention deletes Kronos's own rows; the rest belong to others",
        fix="delete from cron.job_run_details where end_time < current_date - 7; then vacuum full it",
    )
    yield Finding(
        check="cron version",
        ok=found.available is None or found.installed == found.available,
        detail=f"the extension is {found.installed}, its files are {found.available}"
        if found.installed != found.available
        else f"{found.installed}, the same as its files",
        meaning="the package was upgraded, but the database still has the previous version's functions and tables",
        fix="as a superuser: alter extension pg_cron update;",
    )


def _slots(found: CronSetup) -> Finding:
    """Report whether pg_cron has a slot free for what is due."""
    slots, is_full = found.max_running, found.max_running is not None and found.running >= found.max_running
    is_short = bool(found.is_by_workers) and slots is not None and found.max_processes <= slots
    return Finding(
        check="cron slots",
        ok=not is_full and not is_short,
        detail=f"max_worker_processes is {found.max_processes}, cron.max_running_jobs {slots}"
        if is_short
        else f"{found.running} of {slots if slots is not None else 'an unknown number of'} slots are in use",
        meaning="pg_cron starts no further alarm until a command ends: an entry that is not Kronos's runs for long or "
        "waits, or there are too few background workers",
        fix="select command, start_time from cron.job_run_details where status = 'running'; end what hangs there; or "
        "raise cron.max_running_jobs and max_worker_processes, and restart PostgreSQL",
    )
