"""The list of the doctor's checks: what each verifies, its severity, its fix, and whether the API runs it too.
`kronos doctor`, GET /v1/system/status, the System page and docs/doctor.md all use this list."""

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

from kronos.records import dataclass

Severity: TypeAlias = Literal["critical", "warning", "notice"]
SEVERITIES: Final[dict[Severity, str]] = {
    "critical": "ticks, deliveries, data or workspace isolation are in danger now",
    "warning": "it works, but late, degraded, or not for much longer",
    "notice": "for the administrator to know and decide; never a failure",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check. is_asked: the API runs it too, on every read of the status; the others run only in the command.
    is_fixed: `kronos doctor --fix` repairs it, as far as that is safe."""

    name: str
    area: str
    severity: Severity
    looks_at: str
    remedy: str
    is_asked: bool
    is_fixed: bool


def _of(area: str, rows: Iterable[tuple[str, Severity, str, str, str]]) -> Iterable[tuple[str, Check]]:
    """Turn rows of (name, severity, marks, looks_at, remedy) into checks. Marks: A = the API runs it, F = --fix."""
    for name, severity, marks, looks_at, remedy in rows:
        yield (
            name,
            Check(
                name=name,
                area=area,
                severity=severity,
                looks_at=looks_at,
                remedy=remedy,
                is_asked="A" in marks,
                is_fixed="F" in marks,
            ),
        )


# fmt: off
CHECKS: Final[dict[str, Check]] = {
    **dict(_of("PostgreSQL", (
        ("database", "critical", "", "the database answers at KRONOS_DATABASE_URL",
         "correct KRONOS_DATABASE_URL, or fix what blocks the connection"),
        ("clock", "critical", "", "this machine's clock and PostgreSQL's differ by at most 5 s",
         "run chrony or systemd-timesyncd on both"),
        ("writes", "critical", "A", "it is a primary, and accepts writes", "promote it, or point the URL at a primary"),
        ("connections", "warning", "A", "a tenth of max_connections is free",
         "close idle connections, lower KRONOS_DATABASE_POOL_SIZE, or raise max_connections"),
        ("transactions", "warning", "A", "no transaction has been open for more than 10 minutes",
         "select pg_terminate_backend(<pid>)"),
        ("prepared", "warning", "A", "no prepared transaction is older than 10 minutes",
         "rollback prepared '<gid>'"),
        ("locks", "warning", "A", "no session has waited for a lock for more than 30 s",
         "end the session that holds it: pg_blocking_pids(<pid>)"),
        ("blockers", "warning", "A", "no session that others wait for has been in its transaction for more than 30 s",
         "select pg_terminate_backend(<pid>)"),
        ("stuck sessions", "critical", "A", "no session of Kronos has run past its time limit",
         "select pg_terminate_backend(<pid>), then kill -CONT <pid>"),
        ("durability", "critical", "A", "fsync and full_page_writes are on", "alter system set fsync = on"),
        ("commits", "notice", "A", "a commit waits until it is on disk (synchronous_commit)",
         "alter system reset synchronous_commit"),
        ("synchronous standby", "critical", "A", "if commits wait for a standby, one is connected",
         "start it, or alter system reset synchronous_standby_names"),
        ("replication lag", "warning", "A", "no standby is more than 60 s behind", "see the standby's log and disk"),
        ("replication slots", "critical", "A", "no slot without a reader keeps more than 1 GB of WAL",
         "select pg_drop_replication_slot('<slot>')"),
        ("archive", "warning", "A", "WAL archiving works, if it is on", "see PostgreSQL's log, fix archive_command"),
        ("wraparound", "critical", "A", "no database is close to running out of transaction IDs",
         "end old transactions, then vacuum (freeze)"),
        ("autovacuum", "critical", "AF", "autovacuum and track_counts are on, also for each of Kronos's tables",
         "alter system set autovacuum = on; for a table `kronos doctor --fix`"),
        ("lock table", "warning", "A", "max_locks_per_transaction leaves room for every table and index of history",
         "alter system set max_locks_per_transaction, and restart"),
        ("collation", "critical", "A", "text sorts as it did when the indexes were built",
         "reindex database, then alter database … refresh collation version"),
        ("pending restart", "notice", "A", "no changed setting waits for a restart", "restart PostgreSQL"),
        ("encryption", "warning", "A", "the connection to another machine is encrypted",
         "sslmode=verify-full in KRONOS_DATABASE_URL"),
        ("database certificates", "critical", "A",
         "PostgreSQL's certificate is trusted, and none of its or this process's certificates expires within 14 days",
         "renew it, or correct the host, chain or authority that the finding names"),
        ("disk", "critical", "", "the data directory's disk has a tenth, or 10 GB, free (on PostgreSQL's machine)",
         "free space there"),
    ))),
    **dict(_of("pg_cron", (
        ("pg_cron", "critical", "A", "the extension is installed in this database",
         "shared_preload_libraries, cron.database_name, restart, `kronos migrate`"),
        ("launcher", "critical", "A", "its launcher is running", "restart PostgreSQL"),
        ("cron.database_name", "critical", "", "it rings in this database", "set cron.database_name, restart"),
        ("launching", "critical", "A", "cron.launch_active_jobs is on",
         "alter system reset cron.launch_active_jobs, and reload"),
        ("internal jobs", "critical", "A", "each internal job has its entry", "`kronos migrate`"),
        ("alarms", "critical", "A", "alarms start, and do not fail", "change pg_hba.conf or rights as it prints"),
        ("heartbeat", "critical", "A", "it rang within the last 90 s", "end its launcher, or restart PostgreSQL"),
        ("cron slots", "warning", "A", "cron.max_running_jobs has a free slot, and enough background workers",
         "raise cron.max_running_jobs, or max_worker_processes; restart"),
        ("cron settings", "warning", "A", "it reads entries in GMT, and day fields as crontab does",
         "reset cron.timezone and cron.match_dom_and_dow, restart"),
        ("cron limits", "warning", "A", "its role has time limits, so that no firing waits forever",
         "`kronos migrate`"),
        ("cron log", "notice", "A", "cron.log_run is on, so that the reason of a failed alarm is recorded",
         "alter system set cron.log_run = on, and restart"),
        ("cron log size", "warning", "A", "cron.job_run_details has less than 1 GB",
         "delete old rows of other entries from cron.job_run_details, then vacuum"),
        ("cron version", "warning", "A", "the extension is as new as its package's files",
         "alter extension pg_cron update"),
        ("entry owners", "critical", "", "the role of each entry exists", "delete from cron.job where username = …"),
        ("drift", "warning", "F", "cron.job matches the ACTIVE CRON jobs", "`kronos doctor --fix`, or the reaper"),
    ))),
    **dict(_of("Schema", (
        ("connection", "warning", "", "the command may act as kronos_owner", "use the URL of `kronos migrate`"),
        ("roles", "critical", "", "the four roles exist", "`kronos migrate`"),
        ("schema", "critical", "", "the database is at this release", "`kronos migrate`"),
        ("objects", "critical", "", "functions, views and rights are as migrate left them", "`kronos migrate`"),
        ("tables", "critical", "", "each index and constraint exists, and is valid", "the statement that it prints"),
        ("privileges", "critical", "", "each role has the privileges it needs, and none bypasses row level security",
         "`kronos migrate`"),
        ("unlogged", "critical", "A", "no table of Kronos loses its rows in a crash",
         "alter table kronos.<name> set logged"),
        ("statistics", "warning", "AF", "the planner has statistics of each large table", "analyze kronos.<name>"),
        ("bloat", "warning", "A", "no table is twenty times as large as its rows", "vacuum full kronos.<name>"),
        ("growth", "warning", "F", "no table has more dead rows than live ones", "end old transactions, then vacuum"),
    ))),
    **dict(_of("Jobs", (
        ("hold", "critical", "A", "the instance fires and delivers", "`kronos up` without --hold"),
        ("malformed jobs", "warning", "", "each job's ticks can be accounted for", "`kronos job edit JOB --cron EXPR`"),
        ("overdue jobs", "critical", "AF", "no tick has been due for more than 150 s", "`kronos doctor --fix`"),
        ("ledger", "critical", "", "each tick of 24 hours is accounted for once", "`kronos job explain`, backfill"),
        ("steps", "warning", "A", "suspensions and cancellations make progress", "start a worker"),
        ("tasks", "critical", "A", "internal jobs succeed", "see the error, also in PostgreSQL's log"),
        ("operations", "warning", "A", "operations, deletions of workspaces and backfills make progress",
         "start a worker"),
        ("alert rules", "critical", "A", "alert rules are evaluated, and alerts sent, within five minutes",
         "`kronos doctor`: tasks, heartbeat, transactions"),
        ("heartbeat ticks", "critical", "A", "ticks of heartbeats are accounted for within five minutes",
         "`kronos doctor`: tasks, heartbeat"),
        ("alert deliveries", "warning", "A", "no alert of the last day is a dead letter",
         "fix the endpoint, `kronos dead-letter redrive`"),
        ("deletions", "warning", "", "no deleted workspace or endpoint has unfinished rows",
         "the statements that it prints"),
        ("missed wave", "notice", "A", "missed deliveries are made within the hour",
         "KRONOS_CATCH_UP_STAGGER_SECONDS, `kronos migrate`"),
        ("time zones", "warning", "F", "each zone in use was read within two days", "`kronos doctor --fix`"),
        ("time zone data", "critical", "A", "PostgreSQL and this process have the same zone rules",
         "update tzdata on both"),
    ))),
    **dict(_of("Deliveries", (
        ("workers", "critical", "A", "a worker is connected", "start `kronos worker`"),
        ("queue", "critical", "A", "no execution waits for a worker for more than a minute, or for a group without one",
         "start workers, or `kronos worker --group NAME`"),
        ("leases", "critical", "AF", "expired leases are ended", "start a worker, see heartbeat"),
        ("lost attempts", "warning", "A", "fewer than ten attempts of the last hour were lost with their worker",
         "see the workers' logs and memory"),
        ("late results", "warning", "A", "fewer than ten results of the last hour came after their lease expired",
         "raise the endpoint's timeout_ms, or lower KRONOS_WORKER_CONCURRENCY"),
        ("dead letters", "warning", "A", "fewer than 100 are from the last hour, and fewer than 10,000 are open",
         "`kronos dead-letter groups`, then redrive or discard"),
        ("endpoints", "warning", "A", "no endpoint is slowed down or disabled", "`kronos endpoint enable`"),
        ("quotas", "warning", "A", "no workspace has used nine tenths of its daily executions",
         "`kronos workspace quotas W`"),
    ))),
    **dict(_of("History", (
        ("partitions", "critical", "AF", "the coming four weeks have partitions", "`kronos doctor --fix`"),
        ("partition notes", "warning", "F", "the contents of each partition are noted", "`kronos doctor --fix`"),
        ("partition owners", "warning", "", "kronos_owner owns each partition", "the statement that it prints"),
        ("old weeks", "warning", "", "weeks on other machines can be read",
         "start the servers of KRONOS_HISTORY_URL, `kronos migrate --distributed`"),
        ("default partitions", "warning", "", "they hold no row that belongs in another partition",
         "nothing: the rows age out"),
        ("retention", "warning", "A", "retention runs, and finishes its work", "`kronos retention run`"),
        ("audit", "warning", "F", "changes are sealed within 10 minutes", "select kronos.seal_audit(1000)"),
        ("audit chains", "critical", "", "the newest 1,000 rows of each chain are as they were sealed",
         "`kronos audit verify`, and the last export"),
    ))),
    **dict(_of("Keys", (
        ("administrators", "warning", "A", "a key of the instance works for at least 14 more days",
         "`kronos key create --instance`"),
        ("burnt keys", "critical", "A", "no working key was used in a URL", "`kronos key rotate`"),
        ("ending keys", "warning", "A", "no key in use expires within 7 days", "`kronos key rotate`"),
        ("secrets", "critical", "", "each secret can be decrypted, with the first encryption key",
         "the key that it names, `kronos secrets rotate`"),
        ("key file", "critical", "A", "no other user can read the encryption keys", "chmod 600"),
    ))),
    **dict(_of("This process", (
        ("settings", "warning", "A", "each KRONOS_* variable is a setting of this release", "correct its name"),
        ("egress", "warning", "A", "deliveries cannot reach a whole address family, nor a cloud's metadata",
         "list smaller networks in KRONOS_EGRESS_ALLOW"),
        ("certificates", "warning", "A", "no certificate of KRONOS_CA_FILE expires within 30 days", "renew it"),
        ("metrics", "notice", "A", "metrics can be read without a key (KRONOS_METRICS_PORT)", "set it"),
        ("fix", "warning", "", "--fix could make every repair", "see its message"),
    ))),
}
# fmt: on
