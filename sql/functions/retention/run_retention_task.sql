-- run_retention_task: one task of retain, by its name, for one run that ends at p_until, p_seconds after it
-- began. The tasks that repeat until a time leave the tasks after them a share of the run.
-- Returns: its counts and is_left, whether a further run has something to do.
-- Raises: 20000 if there is no such task, and any error of the task.
create or replace function kronos.run_retention_task(p_task text, p_until timestamptz,
                                                     p_seconds double precision)
returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_step record;
begin
    case p_task
        when 'keys' then
            select * into v_step
              from kronos.retain_keys(p_until - make_interval(secs => p_seconds * 0.9));
        when 'run_details' then
            select counted.run_details, counted.is_left into v_step
              from kronos.retain_run_details(20000) as counted;
        when 'remains' then
            select counted.job_faults, counted.job_faults >= 500 as is_left into v_step
              from kronos.retain_remains(500, false) as counted;
        when 'dead_letters' then
            select counted.*,
                   greatest(counted.dead_letters, counted.operations) >= 5000 as is_left into v_step
              from kronos.retain_dead_letters(5000, false) as counted;
        when 'alerts' then
            select counted.*, greatest(counted.incidents, counted.notifications) >= 5000 as is_left
              into v_step
              from kronos.retain_alerts(5000, false) as counted;
        when 'workspaces' then
            select counted.workspaces, counted.workspaces >= 100 as is_left into v_step
              from kronos.retain_workspaces(100, false) as counted (workspaces);
        when 'beats' then
            select counted.pings, counted.ticks as heartbeat_ticks, counted.is_left into v_step
              from kronos.retain_beats(5000) as counted;
        when 'executions' then
            select * into v_step
              from kronos.retain_executions(p_until - make_interval(secs => p_seconds * 0.3));
        when 'backfills' then
            select * into v_step
              from kronos.retain_backfills(100, p_until - make_interval(secs => p_seconds * 0.15));
        when 'jobs' then
            select * into v_step from kronos.retain_finished_jobs(p_until);
        when 'notes' then
            select links.gone as callback_links, notes.gone as notes,
                   greatest(links.gone, notes.gone) >= 10000 as is_left into v_step
              from kronos.retain_callbacks(10000) as links (gone)
             cross join kronos.forget_notes(10000) as notes (gone);
        when 'audit' then
            select * into v_step from kronos.retain_audit(5000);
        when 'add_partitions' then
            select kronos.add_partitions() as partitions_made, false as is_left into v_step;
        when 'drop_partitions' then
            select dropped.partitions as partitions_dropped, dropped.executions as executions_dropped,
                   dropped.is_left into v_step
              from kronos.drop_partitions() as dropped;
            update kronos.retention      -- what depends on their executions is looked at once more
               set jobs_until = '-infinity', jobs_until_id = '00000000-0000-0000-0000-000000000000'
             where v_step.partitions_dropped > 0;
    end case;
    return to_jsonb(v_step);
end
$$;
