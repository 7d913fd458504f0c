"""Findings about how pg_cron is set up. No I/O."""

from collections.abc import Iterator

from kronos.doctor.finding import MIGRATE, Finding
from kronos.doctor.signs import CronSetup

_LOG_BYTES = 1_000_000_000
_HIDDEN = "not for this user's eyes: a superuser's `kronos migrate` grants it"


def cron(found: CronSetup) -> Iterator[Finding]:
    """Its settings, its slots, its log, its version, and the limits of its role."""
    yield Finding(
        check="launching",
        ok=found.launches_jobs is not False,
        detail="cron.launch_active_jobs is off"
        if found.launches_jobs is False
        else ("its entries are launched" if found.is_visible else _HIDDEN),
        meaning="pg_cron starts no entry; workers ring in its place, a little late, while one runs",
        fix="alter system reset cron.launch_active_jobs; select pg_reload_conf();",
    )
    yield _slots(found)
    yield Finding(
        check="cron limits",
        ok=not found.limits,
        detail=f"of kronos_cron {', '.join(found.limits)}" if found.limits else "no firing waits for ever",
        meaning="one firing that waits keeps one of pg_cron's slots, and when all are kept nobody's job fires",
        fix=f"{MIGRATE}; where one is off: alter role kronos_cron reset all, first, and in this database, too",
    )
    yield Finding(
        check="cron log",
        ok=found.logs_runs is not False,
        detail="cron.log_run is off" if found.logs_runs is False else ("it is kept" if found.is_visible else _HIDDEN),
        meaning="why an alarm fails can be read in PostgreSQL's log alone",
        fix="alter system set cron.log_run = on; and restart PostgreSQL",
    )
    size = found.log_bytes or 0
    yield Finding(
        check="cron log size",
        ok=size < _LOG_BYTES,
        detail=f"cron.job_run_details has {size // 1_000_000} MB",
        meaning="each firing writes it six times. Retention takes what is Kronos' own; the rest is of other entries",
        fix="delete from cron.job_run_details where end_time < current_date - 7; then vacuum full it",
    )
    yield Finding(
        check="cron version",
        ok=found.available is None or found.installed == found.available,
        detail=f"the extension is {found.installed}, its files are {found.available}"
        if found.installed != found.available
        else f"{found.installed}, as its files",
        meaning="the package was upgraded, and the database still has the functions and tables of the one before",
        fix="as a superuser: alter extension pg_cron update;",
    )


def _slots(found: CronSetup) -> Finding:
    """Whether pg_cron can begin what is due."""
    slots, is_full = found.max_running, found.max_running is not None and found.running >= found.max_running
    is_short = bool(found.is_by_workers) and slots is not None and found.max_processes <= slots
    return Finding(
        check="cron slots",
        ok=not is_full and not is_short,
        detail=f"max_worker_processes is {found.max_processes}, cron.max_running_jobs {slots}"
        if is_short
        else f"{found.running} commands run, of {slots if slots is not None else 'a number not shown here'}",
        meaning="pg_cron starts no further alarm until a command ends: some entry, not Kronos' own, runs for long or "
        "waits, or workers are too few",
        fix="select command, start_time from cron.job_run_details where status = 'running'; end what hangs there; or "
        "raise cron.max_running_jobs and max_worker_processes, and restart PostgreSQL",
    )
