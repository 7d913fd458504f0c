-- halt_pointers: the pointers of a workspace's live CRON jobs are halted, out of the way of every ring, or
-- are awaited again. The caller holds the workspace's lock.
create or replace function kronos.halt_pointers(p_workspace_id uuid, p_is_halted boolean) returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$
    update kronos.pointers as pointer
       set is_halted = p_is_halted
      from (select found.job_id, found.next_tick_at
              from kronos.jobs as job
             cross join lateral kronos.pointer_of(job.job_id) as found
             where job.workspace_id = p_workspace_id
               and job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED')
               and found.is_halted <> p_is_halted) as at
     where pointer.job_id = at.job_id
       and pointer.next_tick_at = at.next_tick_at
$$;
