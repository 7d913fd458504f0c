-- follow_turns: makes jobs follow the suspensions and resumptions of their workspaces that they have not
-- followed yet (kronos.turns). It may be called at any time, because it goes by the instants of those turns:
-- ticks up to a suspension are accounted for as of that instant, those up to the next resumption are SKIPPED,
-- and so on. Then rings skip the jobs' pointers, or find them again.
-- A job whose pointer is halted has already followed the first suspension. The pointer of a PAUSED job is
-- only hidden from rings: its ticks belong to the pause until that ends. The caller holds the rows' locks. If
-- no workspace has turned, which is nearly always, this costs one read of an empty table.
-- Returns: the jobs that have not followed yet (follow_instants). Rings do not account for their ticks until
-- they have.
create or replace function kronos.follow_turns(p_job_ids uuid[]) returns uuid[]
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_turn record;
    v_late uuid[] := '{}'::uuid[];
begin
    if not exists (select from kronos.turns) then
        return v_late;
    end if;
    for v_turn in
        select turn.workspace_id, turn.instants, array_agg(job.job_id) as job_ids
          from kronos.turns as turn
          join kronos.jobs as job using (workspace_id)
         where job.job_id = any (p_job_ids)
           and job.trigger = 'CRON'
         group by turn.workspace_id
    loop
        v_late := v_late || kronos.follow_instants(v_turn.job_ids, v_turn.instants);
        update kronos.pointers as pointer
           set is_halted = at.is_suspended
          from (select found.job_id, found.next_tick_at, workspace.status <> 'ACTIVE' as is_suspended
                  from kronos.workspaces as workspace
                 cross join unnest(v_turn.job_ids) as asked (job_id)
                 cross join lateral kronos.pointer_of(asked.job_id) as found
                 where workspace.workspace_id = v_turn.workspace_id
                   and asked.job_id <> all (v_late)
                   and found.is_halted <> (workspace.status <> 'ACTIVE')) as at
         where pointer.job_id = at.job_id
           and pointer.next_tick_at = at.next_tick_at;
    end loop;
    return v_late;
end
$$;
