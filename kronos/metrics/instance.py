"""The metrics that API processes read from the database (kronos/gauges.py)."""

from kronos.metrics.definition import Metric

DATABASE_UP = Metric(
    name="kronos_database_up",
    kind="gauge",
    place="database",
    help="1 if PostgreSQL answered every query for these metrics, otherwise 0; the ones below are then missing.",
)
READ_SECONDS = Metric(
    name="kronos_database_read_seconds",
    kind="gauge",
    place="database",
    help="How long reading the metrics below took.",
)
READ_AGE = Metric(
    name="kronos_database_read_age_seconds",
    kind="gauge",
    place="database",
    help="How long ago they were read. They are cached for 10 s.",
)
SELDOM_AGE = Metric(
    name="kronos_database_seldom_age_seconds",
    kind="gauge",
    place="database",
    help="How long ago the slow metrics were read: history sizes, time zone data, alarm quotas, findings. They are "
    "read every ten minutes, in the background. If they never were, how long this process has been running.",
)
SCHEMA_INFO = Metric(
    name="kronos_schema_info",
    kind="gauge",
    place="database",
    labels=("revision", "postgresql", "pg_cron"),
    help="Always 1; the labels give the newest migration, and the versions of PostgreSQL and pg_cron.",
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
    help="1 while PostgreSQL rejects every write.",
)
RECENT_TICKS = Metric(
    name="kronos_recent_ticks",
    kind="gauge",
    place="database",
    labels=("disposition",),
    most=6,
    help="Ticks and one-shots that ended within the last 60 s, by outcome: success, failed, cancelled, "
    "skipped, missed, expired. Read from the ledger, from up to 10,000 executions.",
)
RECENT_CUT = Metric(
    name="kronos_recent_ticks_cut",
    kind="gauge",
    place="database",
    help="1 if more than 10,000 executions ended within the last 60 s, so that not all are counted.",
)
TICK_LAG = Metric(
    name="kronos_tick_lag_seconds",
    kind="gauge",
    place="database",
    labels=("stage", "quantile"),
    most=9,
    help="Latency of the scheduled ticks among these. recorded: from the tick to its row; claimed: from there to a "
    "worker; answered: from there to the end. Quantiles: 0.5, 0.99 and 1 (the maximum).",
)
WAITING = Metric(
    name="kronos_queue_due",
    kind="gauge",
    place="database",
    labels=("transport",),
    most=4,
    help="Due executions that are not claimed, by the transport of their endpoints; counted up to 10,000 in all.",
)
WAITING_SECONDS = Metric(
    name="kronos_queue_oldest_seconds",
    kind="gauge",
    place="database",
    labels=("transport",),
    most=4,
    help="How long the oldest of these has waited, for whatever reason.",
)
WORKSPACE_WAITING = Metric(
    name="kronos_workspace_queue_due",
    kind="gauge",
    place="database",
    labels=("workspace",),
    most=20,
    names_tenants=True,
    help="The same by workspace: the 20 that wait longest, and the rest as other. Only with an instance key.",
)
WORKSPACE_WAITING_SECONDS = Metric(
    name="kronos_workspace_queue_oldest_seconds",
    kind="gauge",
    place="database",
    labels=("workspace",),
    most=20,
    names_tenants=True,
    help="The longest wait in these workspaces. Only with an instance key.",
)
STARVED = Metric(
    name="kronos_endpoints_without_worker",
    kind="gauge",
    place="database",
    help="Endpoints whose due executions have waited for more than 60 s, and only for a worker.",
)
STARVED_SECONDS = Metric(
    name="kronos_endpoints_without_worker_seconds",
    kind="gauge",
    place="database",
    help="The longest of these waits; 0 if there is none.",
)
UNSERVED = Metric(
    name="kronos_worker_groups_unserved",
    kind="gauge",
    place="database",
    help="Worker groups that waiting executions need but that no connected worker serves.",
)
CLAIMED = Metric(
    name="kronos_executions_claimed",
    kind="gauge",
    place="database",
    help="Executions that workers are delivering; counted up to 10,000.",
)
WORKERS = Metric(
    name="kronos_workers",
    kind="gauge",
    place="database",
    help="Connected workers.",
)
OVERDUE = Metric(
    name="kronos_jobs_overdue",
    kind="gauge",
    place="database",
    help="Jobs whose tick is not accounted for 150 s after it was due; counted up to 10,000.",
)
OVERDUE_SECONDS = Metric(
    name="kronos_jobs_overdue_seconds",
    kind="gauge",
    place="database",
    help="The age of the oldest of these ticks; 0 if there is none.",
)
DEAD_LETTERS = Metric(
    name="kronos_dead_letters",
    kind="gauge",
    place="database",
    help="Executions that failed permanently and were neither redriven nor discarded; counted up to 10,000.",
)
SILENT_SECONDS = Metric(
    name="kronos_pg_cron_silent_seconds",
    kind="gauge",
    place="database",
    help="How long pg_cron has not rung an internal job. One rings every minute.",
)
LAUNCHER = Metric(
    name="kronos_pg_cron_launcher",
    kind="gauge",
    place="database",
    help="1 if pg_cron's launcher is running.",
)
ALARMS = Metric(
    name="kronos_pg_cron_alarms_total",
    kind="counter",
    place="database",
    help="The number of pg_cron's newest run of a Kronos alarm. Its rate is the rate of all runs, including those of "
    "others' entries. 0 if pg_cron keeps no log.",
)
HEARTBEATS = Metric(
    name="kronos_heartbeats",
    kind="gauge",
    place="database",
    labels=("state",),
    most=7,
    help="Heartbeats, of up to 10,000, by state: up, down, late, running, unknown, new, paused.",
)
HEARTBEATS_UNACCOUNTED = Metric(
    name="kronos_heartbeats_unaccounted_seconds",
    kind="gauge",
    place="database",
    help="How long ago the oldest unaccounted heartbeat tick should have been recorded as missed. All are accounted "
    "for every minute. 0 if none waits.",
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
    help="How full the fullest workspace's max_alarms_per_minute is: at 1 no job can be added to its busiest minute. "
    "Of the 50 workspaces with the most jobs relative to this quota, every ten minutes; 0 if none has it.",
)
WORKSPACE_ALARM_QUOTA = Metric(
    name="kronos_workspace_alarm_quota_used_ratio",
    kind="gauge",
    place="database",
    labels=("workspace",),
    most=50,
    names_tenants=True,
    help="The same for each workspace. Only with an instance key.",
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
    help="Commands that pg_cron is running now.",
)
CRON_LIMIT = Metric(
    name="kronos_pg_cron_running_max",
    kind="gauge",
    place="database",
    help="How many it may run at the same time: cron.max_running_jobs. Missing if the setting cannot be read.",
)
INTERNAL_JOBS = Metric(
    name="kronos_internal_jobs",
    kind="gauge",
    place="database",
    help="Internal jobs that should ring.",
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
    help="How long ago the reaper last compared jobs with pg_cron's entries, which it does every minute. Missing after "
    "ten minutes.",
)
DRIFT_MENDED = Metric(
    name="kronos_drift_mended",
    kind="gauge",
    place="database",
    help="Differences between jobs and entries that it repaired then.",
)
DRIFT_LEFT = Metric(
    name="kronos_drift_left",
    kind="gauge",
    place="database",
    help="Differences that it left for the next minute.",
)
RETENTION_AGE = Metric(
    name="kronos_retention_age_seconds",
    kind="gauge",
    place="database",
    help="How long ago retention last left nothing to do. It runs every hour.",
)
PARTITIONS = Metric(
    name="kronos_history_partitions",
    kind="gauge",
    place="database",
    help="Partitions of executions and attempts. Read every ten minutes, as are the next two metrics.",
)
HISTORY_BYTES = Metric(
    name="kronos_history_bytes",
    kind="gauge",
    place="database",
    help="Their size on disk, including indexes.",
)
COVERED_SECONDS = Metric(
    name="kronos_history_partitions_ahead_seconds",
    kind="gauge",
    place="database",
    help="How far into the future partitions exist. They are created eight weeks ahead.",
)
UNSEALED = Metric(
    name="kronos_audit_unsealed",
    kind="gauge",
    place="database",
    help="Audit rows that are in no chain yet; counted up to 10,000.",
)
FINDINGS = Metric(
    name="kronos_findings",
    kind="gauge",
    place="database",
    labels=("severity",),
    most=3,
    help="Failed checks of the doctor, of those that the API runs: critical, warning, notice. Read every ten minutes.",
)
TZDATA_AGE = Metric(
    name="kronos_timezone_data_age_seconds",
    kind="gauge",
    place="database",
    help="Minimum age of the time zone data of this process and, as far as it can tell, of PostgreSQL. A release only "
    "names its year, so the age counts from the end of that year. Missing if no file names the release.",
)
TZDATA_DIFFERS = Metric(
    name="kronos_timezone_data_differing_zones",
    kind="gauge",
    place="database",
    help="Time zones in use whose rules in PostgreSQL differ from this process's.",
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
