-- system_counts: the figures that monitoring reads in addition to system_status. The cost does not depend on
-- the number of jobs and executions.
-- Returns: one row. workers: those that listen; claimed (executions in progress) and dead_letters: each
-- counted up to p_most. alarms: the runid of our newest run in pg_cron, which only grows; alarms_ended,
-- alarms_failed: among our newest 200 runs; running: pg_cron's commands in progress, max_running: how many it
-- allows, null if unknown. reaped_seconds: since the reaper's last run, which found mended and left_over
-- differences between jobs and entries; nulls: no run for ten minutes.
create or replace function kronos.system_counts(
    p_most integer, out workers bigint, out claimed bigint, out dead_letters bigint, out alarms bigint,
    out alarms_ended integer, out alarms_failed integer, out running integer, out max_running integer,
    out reaped_seconds double precision, out mended integer, out left_over integer,
    out revision text
)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
begin
    workers := (select count(*)
                  from pg_stat_activity as backend
                 where backend.datname = current_database()
                   and backend.application_name = 'kronos-worker-listen');
    claimed := (select count(*)
                  from (select
                          from kronos.execution_live as live
                         where live.claim_token is not null
                         order by live.visible_at
                         limit p_most) as leased);
    dead_letters := (select count(*)
                       from (select from kronos.dead_letters as letter limit p_most) as counted);
    select newest.last_runid, newest.ended, newest.failed
      into alarms, alarms_ended, alarms_failed
      from kronos.pg_cron_failure(200) as newest;
    running := (select sessions.running from kronos.pg_cron_sessions() as sessions);
    max_running := current_setting('cron.max_running_jobs', true)::integer;
    select extract(epoch from kronos.clock() - reaping.at), reaping.mended, reaping.left_over
      into reaped_seconds, mended, left_over
      from kronos.last_reaping() as reaping;
    revision := substring(obj_description(to_regclass('kronos.schema_version'), 'pg_class')
                              from '^revision (.*)$');
end
$$;
