-- sweep_executions: check the next p_limit finished executions with ids in [p_from, p_to), in the order of
-- their ids, and delete those that are older than the age of their outcome and workspace, with their attempts
-- and late results, except
-- - a tick of a live job within its catch-up window plus a day, because a pointer that was set back would
--   deliver it again;
-- - executions above p_old whose age is that of whole partitions (p_drop_days): they go with their partition,
--   at no cost.
-- Returns: one row. last_id: the position after which the next call continues; null at the end.
-- With p_dry_run it only counts. Dynamic SQL, so that each statement is planned for its ids and sees the one
-- or two partitions that hold them. 12 us of CPU time per row with its attempt (76,500 in 0.94 s).
create or replace function kronos.sweep_executions(p_from uuid, p_to uuid, p_limit integer,
                                                   p_drop_days integer, p_old uuid, p_dry_run boolean,
                                                   out last_id uuid, out seen integer, out executions bigint,
                                                   out attempts bigint, out late_results bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_custom_plan
as $$
declare
    v_doomed uuid[];
    v_failed uuid[];
begin
    execute format($sql$
        with chunk as materialized (
            select done.execution_id, done.workspace_id, done.job_id, done.scheduled_at, done.completed_at,
                   done.status
              from %s as done
             where done.execution_id > $1 and done.execution_id < $2
             order by done.execution_id
             limit $3
        ), aged as (
            select chunk.*, case when kronos.is_success(chunk.status)
                                 then coalesce(own.success_days, instance.success_days)
                                 else coalesce(own.failure_days, instance.failure_days) end as days
              from chunk
             cross join kronos.retention as instance
              left join kronos.workspace_retention as own on own.workspace_id = chunk.workspace_id
        )
        select (select execution_id from chunk order by execution_id desc limit 1),
               (select count(*) from chunk)::integer,
               array(select aged.execution_id
                       from aged
                       left join kronos.jobs as job on job.job_id = aged.job_id
                      where aged.completed_at < kronos.now() - make_interval(days => aged.days)
                        and (aged.days < $4 or aged.execution_id < $5)
                        and (job.job_id is null
                             or job.trigger <> 'CRON'
                             or job.status not in ('ACTIVE', 'PAUSED')
                             or aged.scheduled_at < kronos.now()
                                - make_interval(days => 1, secs => job.catch_up_window_seconds)))
        $sql$, kronos.kept_here(p_from, p_to))
       into last_id, seen, v_doomed
      using p_from, p_to, p_limit, p_drop_days, p_old;
    executions := cardinality(v_doomed);
    attempts := 0;
    late_results := 0;
    if seen < p_limit then
        last_id := null;
    end if;
    if executions = 0 then
        return;
    end if;
    if p_dry_run then
        execute 'select (select count(*) from kronos.attempt where execution_id = any ($1))
                        + (select count(attempt_token) from kronos.execution_done
                            where execution_id = any ($1))'
           into attempts using v_doomed;
        execute 'select count(*) from kronos.attempt_late where execution_id = any ($1)'
           into late_results using v_doomed;
        return;
    end if;
    -- An execution that was retried by hand since the check is live again, and keeps its attempts.
    execute 'with gone as (
                 delete from kronos.execution_done where execution_id = any ($1)
                 returning execution_id, attempt_token, status)
             select array(select gone.execution_id from gone), (select count(gone.attempt_token) from gone),
                    array(select gone.execution_id from gone where gone.status = ''FAILED'')'
       into v_doomed, attempts, v_failed using v_doomed;
    executions := cardinality(v_doomed);
    execute 'delete from kronos.dead_letters where execution_id = any ($1)' using v_failed;
    execute 'with gone as (delete from kronos.attempt where execution_id = any ($1) returning 1)
             select $2 + count(*) from gone'
       into attempts using v_doomed, attempts;
    execute 'delete from kronos.attempt_late where execution_id = any ($1)' using v_doomed;
    get diagnostics late_results = row_count;
    execute 'delete from kronos.callbacks where execution_id = any ($1)' using v_doomed;
end
$$;
