-- old_executions: which of the next p_limit finished executions with ids after p_from and before p_to, in the
-- order of their ids, are older than the age of their outcome and workspace, except
-- - a tick of a live job within its catch-up window plus a day, because a pointer that was set back would
--   deliver it again;
-- - executions above p_old whose age is that of whole partitions (p_drop_days): they go with their partition,
--   at no cost.
-- Returns: one row. last_id: the last one checked; seen: how many were checked; doomed: the old ones. Dynamic
-- SQL, because kept_here names what is read, and so that each statement is planned for its ids.
create or replace function kronos.old_executions(p_from uuid, p_to uuid, p_limit integer,
                                                 p_drop_days integer, p_old uuid, out last_id uuid,
                                                 out seen integer, out doomed uuid[])
language plpgsql stable set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_custom_plan
as $$
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
       into last_id, seen, doomed
      using p_from, p_to, p_limit, p_drop_days, p_old;
end
$$;
