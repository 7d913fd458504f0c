create index jobs_by_live_name on kronos.jobs (workspace_id, (coalesce(name collate "C", '~')), job_id)
    where trigger = 'CRON' and status in ('ACTIVE', 'PAUSED');
create index pointers_next on kronos.pointers (
    workspace_id,
    (case when is_paused or is_halted or is_internal then '9999-12-31 00:00:00+00'::timestamptz
          else least(next_tick_at, '9999-12-31 00:00:00+00'::timestamptz) end),
    job_id
);
drop index kronos.dead_letters_newest;
create index dead_letters_newest on kronos.dead_letters (workspace_id, failed_at, execution_id)
    include (endpoint_id, error_type, first_version_id);
