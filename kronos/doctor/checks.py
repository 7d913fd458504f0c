"""The doctor's checks, each once: what it looks at, how bad it is where it does not hold, what puts it right, and who
asks it. `kronos doctor`, GET /v1/system/status, the System page and docs/doctor.md go by this list."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Severity: TypeAlias = Literal["critical", "warning", "notice"]
SEVERITIES: Final[dict[Severity, str]] = {
    "critical": "ticks, deliveries, data or the walls between workspaces are in danger now",
    "warning": "it works, but late, degraded, or not for much longer",
    "notice": "worth knowing, and for its administrator to decide; it fails nothing",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check. is_asked: the API asks it as well, each time that the status is read; the others are the command's.
    is_fixed: `kronos doctor --fix` puts it right, as far as that is safe."""

    name: str
    area: str
    severity: Severity
    looks_at: str
    remedy: str
    is_asked: bool
    is_fixed: bool


def _of(area: str, rows: Iterable[tuple[str, Severity, str, str, str]]) -> Iterable[tuple[str, Check]]:
    """Rows of (name, severity, marks, looks_at, remedy); marks: A is asked by the API, F is fixed by --fix."""
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
        ("database", "critical", "", "the database answers, as KRONOS_DATABASE_URL says",
         "correct KRONOS_DATABASE_URL, or what stands in the way there"),
        ("clock", "critical", "", "this machine's clock and PostgreSQL's differ by 5 s at most",
         "chrony or systemd-timesyncd on both"),
        ("writes", "critical", "A", "it is a primary, and takes writes", "promote it, or name the primary"),
        ("connections", "warning", "A", "a tenth of max_connections is free",
         "close what is idle, lower KRONOS_DATABASE_POOL_SIZE, or raise max_connections"),
        ("transactions", "warning", "A", "no transaction is open for more than 10 minutes",
         "select pg_terminate_backend(<pid>)"),
        ("prepared", "warning", "A", "no prepared transaction was left behind for 10 minutes",
         "rollback prepared '<gid>'"),
        ("locks", "warning", "A", "no session waits for a lock for more than 30 s",
         "end who holds it: pg_blocking_pids(<pid>)"),
        ("durability", "critical", "A", "fsync and full_page_writes are on", "alter system set fsync = on"),
        ("commits", "notice", "A", "a commit waits until it is on disk (synchronous_commit)",
         "alter system reset synchronous_commit"),
        ("synchronous standby", "critical", "A", "where commits wait for a standby, one is there",
         "start it, or alter system reset synchronous_standby_names"),
        ("replication lag", "warning", "A", "no standby is more than 60 s behind", "see the standby's log and disk"),
        ("replication slots", "critical", "A", "no slot that nobody reads keeps more than 1 GB of WAL",
         "select pg_drop_replication_slot('<slot>')"),
        ("archive", "warning", "A", "WAL is archived, where that is on", "see PostgreSQL's log, mend archive_command"),
        ("wraparound", "critical", "A", "no database is near the end of its transaction ids",
         "end old transactions, then vacuum (freeze)"),
        ("autovacuum", "critical", "AF", "autovacuum and track_counts are on, for each of Kronos' tables too",
         "alter system set autovacuum = on; for a table `kronos doctor --fix`"),
        ("lock table", "warning", "A", "max_locks_per_transaction has room for every table and index of history",
         "alter system set max_locks_per_transaction, and restart"),
        ("collation", "critical", "A", "text is sorted as it was when its indexes were made",
         "reindex database, then alter database … refresh collation version"),
        ("pending restart", "notice", "A", "no changed setting waits for a restart", "restart PostgreSQL"),
        ("encryption", "warning", "A", "the connection to another machine is encrypted",
         "sslmode=verify-full in KRONOS_DATABASE_URL"),
        ("database certificates", "critical", "A",
         "what PostgreSQL shows now is trusted, and no certificate by which it or this process is ends within 14 days",
         "renew it, or what it says of host, chain or authority"),
        ("disk", "critical", "", "the disk of the data directory has a tenth, or 10 GB, free (on its machine)",
         "make room there"),
    ))),
    **dict(_of("pg_cron", (
        ("pg_cron", "critical", "A", "the extension is in this database",
         "shared_preload_libraries, cron.database_name, restart, `kronos migrate`"),
        ("launcher", "critical", "A", "its launcher runs", "restart PostgreSQL"),
        ("cron.database_name", "critical", "", "it rings in this database", "set cron.database_name, restart"),
        ("launching", "critical", "A", "cron.launch_active_jobs is on",
         "alter system reset cron.launch_active_jobs, and reload"),
        ("internal jobs", "critical", "A", "each internal job has its entry", "`kronos migrate`"),
        ("alarms", "critical", "A", "alarms begin, and do not fail", "what it says of pg_hba.conf or the rights"),
        ("heartbeat", "critical", "A", "it has rung within 90 s", "end its launcher, or restart PostgreSQL"),
        ("cron slots", "warning", "A", "not all of cron.max_running_jobs are taken, and workers are enough for them",
         "raise cron.max_running_jobs, or max_worker_processes; restart"),
        ("cron settings", "warning", "A", "it reads entries in GMT, and day fields as crontab does",
         "reset cron.timezone and cron.match_dom_and_dow, restart"),
        ("cron limits", "warning", "A", "its role has limits of time, so that no firing waits for ever",
         "`kronos migrate`"),
        ("cron log", "notice", "A", "cron.log_run is on, so that it can be said why an alarm failed",
         "alter system set cron.log_run = on, and restart"),
        ("cron log size", "warning", "A", "cron.job_run_details has less than 1 GB",
         "delete others' old rows from cron.job_run_details, then vacuum"),
        ("cron version", "warning", "A", "the extension is as new as the files of its package",
         "alter extension pg_cron update"),
        ("entry owners", "critical", "", "the role of each entry is there", "delete from cron.job where username = …"),
        ("drift", "warning", "F", "cron.job is the set of ACTIVE CRON jobs", "`kronos doctor --fix`, or the reaper"),
    ))),
    **dict(_of("Schema", (
        ("connection", "warning", "", "the command may act as kronos_owner", "use the URL of `kronos migrate`"),
        ("roles", "critical", "", "the four roles are there", "`kronos migrate`"),
        ("schema", "critical", "", "the database is at this release", "`kronos migrate`"),
        ("objects", "critical", "", "functions, views and rights are as migrate left them", "`kronos migrate`"),
        ("tables", "critical", "", "each index and constraint is there, and valid", "the statement that it prints"),
        ("privileges", "critical", "", "each role may do what it must, and none is past row level security",
         "`kronos migrate`"),
        ("unlogged", "critical", "A", "no table of Kronos loses its rows in a crash",
         "alter table kronos.<name> set logged"),
        ("statistics", "warning", "AF", "the planner knows each large table", "analyze kronos.<name>"),
        ("bloat", "warning", "A", "no table is twenty times as large as what is in it", "vacuum full kronos.<name>"),
        ("growth", "warning", "F", "no table has more dead rows than live ones", "end old transactions, then vacuum"),
    ))),
    **dict(_of("Jobs", (
        ("hold", "critical", "A", "the instance fires and delivers", "`kronos up` without --hold"),
        ("malformed jobs", "warning", "", "each job's ticks can be accounted for", "PATCH the job's cron"),
        ("overdue jobs", "critical", "AF", "no tick is due for more than 150 s", "`kronos doctor --fix`"),
        ("ledger", "critical", "", "each tick of 24 hours is accounted for once", "`kronos job explain`, backfill"),
        ("steps", "warning", "A", "suspensions and cancellations get on", "start a worker"),
        ("tasks", "critical", "A", "internal jobs succeed", "what its error says, in PostgreSQL's log too"),
        ("operations", "warning", "A", "operations, deletions of workspaces and backfills get on", "start a worker"),
        ("alert rules", "critical", "A", "alert rules are judged, and alerts sent, within five minutes",
         "`kronos doctor`: tasks, heartbeat, transactions"),
        ("heartbeat ticks", "critical", "A", "ticks of heartbeats are accounted for within five minutes",
         "`kronos doctor`: tasks, heartbeat"),
        ("alert deliveries", "warning", "A", "no alert of the last day is a dead letter",
         "mend the endpoint, `kronos dead-letter redrive`"),
        ("deletions", "warning", "", "nothing unfinished is of what was deleted", "the statements that it prints"),
        ("missed wave", "notice", "A", "missed deliveries are made within the hour",
         "KRONOS_CATCH_UP_STAGGER_SECONDS, `kronos migrate`"),
        ("time zones", "warning", "F", "each zone in use was read within two days", "`kronos doctor --fix`"),
        ("time zone data", "critical", "A", "PostgreSQL and this process read zones alike", "update tzdata on both"),
    ))),
    **dict(_of("Deliveries", (
        ("workers", "critical", "A", "a worker is connected", "start `kronos worker`"),
        ("queue", "critical", "A", "nothing waits for a worker for more than a minute, nor for a group without one",
         "start workers, or `kronos worker --group NAME`"),
        ("leases", "critical", "AF", "leases that ended are taken back", "start a worker, see heartbeat"),
        ("lost attempts", "warning", "A", "fewer than ten attempts of the last hour were lost with their worker",
         "see the workers' logs and memory"),
        ("late results", "warning", "A", "fewer than ten results of the last hour came after their lease",
         "raise the endpoint's timeout_ms, or lower KRONOS_WORKER_CONCURRENCY"),
        ("dead letters", "warning", "A", "fewer than 100 came in the last hour, and fewer than 10,000 wait",
         "`kronos dead-letter groups`, then redrive or discard"),
        ("endpoints", "warning", "A", "no endpoint is slowed down or disabled", "`kronos endpoint enable`"),
        ("quotas", "warning", "A", "no workspace has used nine tenths of its executions of the day",
         "PATCH the workspace's quotas"),
    ))),
    **dict(_of("History", (
        ("partitions", "critical", "AF", "the coming four weeks have theirs", "`kronos doctor --fix`"),
        ("partition notes", "warning", "F", "what each partition holds is noted", "`kronos doctor --fix`"),
        ("partition owners", "warning", "", "each partition is kronos_owner's", "the statement that it prints"),
        ("old weeks", "warning", "", "weeks that lie on other machines can be read",
         "start the servers of KRONOS_HISTORY_URL, `kronos migrate --distributed`"),
        ("default partitions", "warning", "", "nothing there belongs into a partition", "nothing: it ages out"),
        ("retention", "warning", "A", "retention runs, and comes to an end", "`kronos retention run`"),
        ("audit", "warning", "F", "changes are sealed within 10 minutes", "select kronos.seal_audit(1000)"),
        ("audit chains", "critical", "", "the newest 1,000 rows of each chain are as they were sealed",
         "`kronos audit verify`, and the last export"),
    ))),
    **dict(_of("Keys", (
        ("administrators", "warning", "A", "a key of the instance works, for 14 days yet",
         "`kronos key create --instance`"),
        ("burnt keys", "critical", "A", "no key that stood in a URL works yet", "`kronos key rotate`"),
        ("ending keys", "warning", "A", "no key in use ends within 7 days", "`kronos key rotate`"),
        ("secrets", "critical", "", "each secret can be opened, under the first encryption key",
         "the key that it names, `kronos secrets rotate`"),
        ("key file", "critical", "A", "nobody else can read the encryption keys", "chmod 600"),
    ))),
    **dict(_of("This process", (
        ("settings", "warning", "A", "each KRONOS_* variable is a setting of this release", "correct its name"),
        ("egress", "warning", "A", "deliveries reach no whole family of addresses, nor a cloud's metadata",
         "name smaller networks in KRONOS_EGRESS_ALLOW"),
        ("certificates", "warning", "A", "no certificate of KRONOS_CA_FILE ends within 30 days", "renew it"),
        ("metrics", "notice", "A", "metrics can be read without a key (KRONOS_METRICS_PORT)", "set it"),
        ("fix", "warning", "", "what --fix had to do could be done", "what it says"),
    ))),
}
# fmt: on
