"""What API processes read of the database (kronos/gauges.py)."""

from kronos.metrics.definition import Metric

DATABASE_UP = Metric(
    name="kronos_database_up",
    kind="gauge",
    place="database",
    help="1 where PostgreSQL answered all that is read of it for these metrics, else 0: those below are missing then.",
)
READ_SECONDS = Metric(
    name="kronos_database_read_seconds",
    kind="gauge",
    place="database",
    help="How long reading what is below took.",
)
READ_AGE = Metric(
    name="kronos_database_read_age_seconds",
    kind="gauge",
    place="database",
    help="How long ago that was: it is kept for 10 s.",
)
SELDOM_AGE = Metric(
    name="kronos_database_seldom_age_seconds",
    kind="gauge",
    place="database",
    help="How long ago what changes slowly was read: sizes of the history, time zone data, quotas of alarms, findings. "
    "It is every ten minutes, beside the scrapes; where it never was, how long this process has run.",
)
SCHEMA_INFO = Metric(
    name="kronos_schema_info",
    kind="gauge",
    place="database",
    labels=("revision", "postgresql", "pg_cron"),
    help="1; the newest migration, and the versions of PostgreSQL and pg_cron.",
)
HELD = Metric(
    name="kronos_instance_held",
    kind="gauge",
    place="database",
    help="1 while the instance is held: no tick is accounted for and nothing is delivered.",
)
READ_ONLY = Metric(
    name="kronos_database_read_only",
    kind="gauge",
    place="database",
    help="1 while PostgreSQL refuses each write.",
)
RECENT_TICKS = Metric(
    name="kronos_recent_ticks",
    kind="gauge",
    place="database",
    labels=("disposition",),
    most=6,
    help="Ticks and one-shots that ended within the last 60 s, by what became of them: success, failed, cancelled, "
    "skipped, missed, expired. Read of the ledger: of up to 10,000 executions.",
)
RECENT_CUT = Metric(
    name="kronos_recent_ticks_cut",
    kind="gauge",
    place="database",
    help="1 where more than 10,000 executions ended within the last 60 s, so that not all are counted.",
)
TICK_LAG = Metric(
    name="kronos_tick_lag_seconds",
    kind="gauge",
    place="database",
    labels=("stage", "quantile"),
    most=9,
    help="Of the ticks of schedules among these: recorded, from the instant to the row; claimed, from there to a "
    "worker; answered, from there to the end. Half of them, 99 of 100, and all (1) took no longer.",
)
WAITING = Metric(
    name="kronos_queue_due",
    kind="gauge",
    place="database",
    labels=("transport",),
    most=4,
    help="Executions that are due and not claimed, by the transport of their endpoints; counted up to 10,000 in all.",
)
WAITING_SECONDS = Metric(
    name="kronos_queue_oldest_seconds",
    kind="gauge",
    place="database",
    labels=("transport",),
    most=4,
    help="How long the one that has waited longest has waited, for whatever reason.",
)
WORKSPACE_WAITING = Metric(
    name="kronos_workspace_queue_due",
    kind="gauge",
    place="database",
    labels=("workspace",),
    most=20,
    names_tenants=True,
    help="The same by workspace: of the 20 that wait longest, the rest as other. Only for the instance's key.",
)
WORKSPACE_WAITING_SECONDS = Metric(
    name="kronos_workspace_queue_oldest_seconds",
    kind="gauge",
    place="database",
    labels=("workspace",),
    most=20,
    names_tenants=True,
    help="The longest wait in these workspaces. Only for the instance's key.",
)
STARVED = Metric(
    name="kronos_endpoints_without_worker",
    kind="gauge",
    place="database",
    help="Endpoints whose due executions have waited for more than 60 s for nothing but a worker.",
)
STARVED_SECONDS = Metric(
    name="kronos_endpoints_without_worker_seconds",
    kind="gauge",
    place="database",
    help="The longest of these waits; 0 where there is none.",
)
UNSERVED = Metric(
    name="kronos_worker_groups_unserved",
    kind="gauge",
    place="database",
    help="Groups of workers that waiting executions name and that no connected worker serves.",
)
CLAIMED = Metric(
    name="kronos_executions_claimed",
    kind="gauge",
    place="database",
    help="Executions that workers have under way; counted up to 10,000.",
)
WORKERS = Metric(
    name="kronos_workers",
    kind="gauge",
    place="database",
    help="Workers that are connected.",
)
OVERDUE = Metric(
    name="kronos_jobs_overdue",
    kind="gauge",
    place="database",
    help="Jobs whose tick nobody has accounted for 150 s after it was due; counted up to 10,000.",
)
OVERDUE_SECONDS = Metric(
    name="kronos_jobs_overdue_seconds",
    kind="gauge",
    place="database",
    help="The longest of these; 0 where there is none.",
)
DEAD_LETTERS = Metric(
    name="kronos_dead_letters",
    kind="gauge",
    place="database",
    help="Executions that failed for good and were neither redriven nor discarded; counted up to 10,000.",
)
SILENT_SECONDS = Metric(
    name="kronos_pg_cron_silent_seconds",
    kind="gauge",
    place="database",
    help="How long pg_cron has rung no internal job. One rings each minute.",
)
LAUNCHER = Metric(
    name="kronos_pg_cron_launcher",
    kind="gauge",
    place="database",
    help="1 where pg_cron's launcher runs.",
)
ALARMS = Metric(
    name="kronos_pg_cron_alarms_total",
    kind="counter",
    place="database",
    help="The number of pg_cron's newest run of an alarm of ours: its rate is that of alarms, others' entries "
    "included. 0 where pg_cron keeps no log.",
)
HEARTBEATS = Metric(
    name="kronos_heartbeats",
    kind="gauge",
    place="database",
    labels=("state",),
    most=7,
    help="Heartbeats, of up to 10,000, by how they are: up, down, late, running, unknown, new, paused.",
)
HEARTBEATS_UNACCOUNTED = Metric(
    name="kronos_heartbeats_unaccounted_seconds",
    kind="gauge",
    place="database",
    help="How long ago the tick was to be missed that nobody has accounted for and that waits longest; each minute "
    "all are. 0 where none waits.",
)
INCIDENTS = Metric(
    name="kronos_incidents_open",
    kind="gauge",
    place="database",
    labels=("severity",),
    most=4,
    help="Incidents of alert rules that are not over, of up to 10,000, by severity: info, warning, error, critical.",
)
ALARM_QUOTA = Metric(
    name="kronos_alarm_quota_used_ratio",
    kind="gauge",
    place="database",
    help="How full the fullest workspace's max_alarms_per_minute is: at 1 no job is added to its most crowded minute. "
    "Of the 50 workspaces whose jobs are most beside this quota, every ten minutes; 0 where none has it.",
)
WORKSPACE_ALARM_QUOTA = Metric(
    name="kronos_workspace_alarm_quota_used_ratio",
    kind="gauge",
    place="database",
    labels=("workspace",),
    most=50,
    names_tenants=True,
    help="The same of each. Only for the instance's key.",
)
ALARMS_ENDED = Metric(
    name="kronos_pg_cron_recent_alarms",
    kind="gauge",
    place="database",
    help="Of the newest 200 alarms, those that have ended.",
)
ALARMS_FAILED = Metric(
    name="kronos_pg_cron_recent_alarms_failed",
    kind="gauge",
    place="database",
    help="Of these, those that failed.",
)
CRON_RUNNING = Metric(
    name="kronos_pg_cron_running",
    kind="gauge",
    place="database",
    help="Commands that pg_cron runs now.",
)
CRON_LIMIT = Metric(
    name="kronos_pg_cron_running_max",
    kind="gauge",
    place="database",
    help="How many it may run at once: cron.max_running_jobs. Missing where it does not say.",
)
INTERNAL_JOBS = Metric(
    name="kronos_internal_jobs",
    kind="gauge",
    place="database",
    help="Internal jobs that are to ring.",
)
INTERNAL_ENTRIES = Metric(
    name="kronos_internal_job_entries",
    kind="gauge",
    place="database",
    help="Of these, those with an entry in pg_cron.",
)
REAPED_SECONDS = Metric(
    name="kronos_reaper_age_seconds",
    kind="gauge",
    place="database",
    help="How long ago the reaper last compared jobs with pg_cron's entries; it does each minute. Missing after ten.",
)
DRIFT_MENDED = Metric(
    name="kronos_drift_mended",
    kind="gauge",
    place="database",
    help="Differences between jobs and entries that it put right then.",
)
DRIFT_LEFT = Metric(
    name="kronos_drift_left",
    kind="gauge",
    place="database",
    help="Differences that it left to the next minute.",
)
RETENTION_AGE = Metric(
    name="kronos_retention_age_seconds",
    kind="gauge",
    place="database",
    help="How long ago retention last left nothing to do. It runs each hour.",
)
PARTITIONS = Metric(
    name="kronos_history_partitions",
    kind="gauge",
    place="database",
    help="Partitions of executions and attempts; read each ten minutes, as are the two that follow.",
)
HISTORY_BYTES = Metric(
    name="kronos_history_bytes",
    kind="gauge",
    place="database",
    help="What they take on disk, with their indexes.",
)
COVERED_SECONDS = Metric(
    name="kronos_history_partitions_ahead_seconds",
    kind="gauge",
    place="database",
    help="How far ahead there are partitions; they are made eight weeks ahead.",
)
UNSEALED = Metric(
    name="kronos_audit_unsealed",
    kind="gauge",
    place="database",
    help="Rows of the audit that are in no chain yet; counted up to 10,000.",
)
FINDINGS = Metric(
    name="kronos_findings",
    kind="gauge",
    place="database",
    labels=("severity",),
    most=3,
    help="Checks of the doctor's, of those that the API makes, that do not hold: critical, warning, notice. Looked at "
    "each 10 minutes.",
)
TZDATA_AGE = Metric(
    name="kronos_timezone_data_age_seconds",
    kind="gauge",
    place="database",
    help="At least so old is the time zone data that this process and, as far as it can tell, PostgreSQL read: a "
    "release names its year, so it counts from the end of that year. Missing where no file says.",
)
TZDATA_DIFFERS = Metric(
    name="kronos_timezone_data_differing_zones",
    kind="gauge",
    place="database",
    help="Time zones in use that PostgreSQL reads otherwise than this process.",
)

DATABASE = (
    DATABASE_UP,
    READ_SECONDS,
    READ_AGE,
    SELDOM_AGE,
    SCHEMA_INFO,
    HELD,
    READ_ONLY,
    RECENT_TICKS,
    RECENT_CUT,
    TICK_LAG,
    WAITING,
    WAITING_SECONDS,
    WORKSPACE_WAITING,
    WORKSPACE_WAITING_SECONDS,
    STARVED,
    STARVED_SECONDS,
    UNSERVED,
    CLAIMED,
    WORKERS,
    OVERDUE,
    OVERDUE_SECONDS,
    DEAD_LETTERS,
    SILENT_SECONDS,
    LAUNCHER,
    ALARMS,
    HEARTBEATS,
    HEARTBEATS_UNACCOUNTED,
    INCIDENTS,
    ALARM_QUOTA,
    WORKSPACE_ALARM_QUOTA,
    ALARMS_ENDED,
    ALARMS_FAILED,
    CRON_RUNNING,
    CRON_LIMIT,
    INTERNAL_JOBS,
    INTERNAL_ENTRIES,
    REAPED_SECONDS,
    DRIFT_MENDED,
    DRIFT_LEFT,
    RETENTION_AGE,
    PARTITIONS,
    HISTORY_BYTES,
    COVERED_SECONDS,
    UNSEALED,
    TZDATA_AGE,
    TZDATA_DIFFERS,
    FINDINGS,
)
