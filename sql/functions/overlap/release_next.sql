-- release_next: releases the oldest held execution of an overlap key, unless another one of that key can be
-- delivered. Under REPLACE it first ends executions that a held run could not end when it was created,
-- because another session had them locked.
-- Waits for no lock, since its caller may hold others: a session that holds the lock of the job's newest
-- version is about to add to the key, and release_held tries again later (hold_newest).
-- Returns: whether one was released.
create or replace function kronos.release_next(p_overlap_key uuid) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set enable_bitmapscan = off
set jit = off
as $$
declare
    v_from      constant bigint := kronos.runs_from(p_overlap_key);
    v_waiting   uuid[];
    v_replaces  timestamptz;      -- executions created before this are to be replaced
begin
    -- The usual case, checked before all held runs are read: retries may have added many.
    if not exists (select from kronos.execution_live
                    where overlap_key = p_overlap_key and overlap_nth >= v_from and visible_at = 'infinity')
       or (exists (select from kronos.execution_live
                    where overlap_key = p_overlap_key and overlap_nth >= v_from and visible_at < 'infinity')
           and not exists (select from kronos.jobs
                            where first_version_id = p_overlap_key and overlap = 'REPLACE')) then
        return false;
    end if;
    v_waiting := array(select execution_id
                         from kronos.execution_live
                        where overlap_key = p_overlap_key
                          and overlap_nth >= v_from
                          and visible_at = 'infinity');
    if not kronos.hold_newest(p_overlap_key) then
        return false;
    end if;
    select max(waiting.created_at) into v_replaces
      from kronos.execution_live as waiting
      join kronos.jobs as job using (job_id)
     where waiting.overlap_key = p_overlap_key
       and waiting.overlap_nth >= v_from
       and waiting.visible_at = 'infinity'
       and job.overlap = 'REPLACE';
    if v_replaces is not null then
        -- its trigger may already have released the run
        perform kronos.replace_runs(p_overlap_key, v_replaces);
    end if;
    update kronos.execution_live
       set visible_at = greatest(run_at, kronos.now())
     where execution_id = (select execution_id
                             from kronos.execution_live
                            where overlap_key = p_overlap_key
                              and overlap_nth >= v_from
                              and visible_at = 'infinity'
                            order by scheduled_at, execution_id
                            limit 1
                              for update skip locked)
       and not exists (select from kronos.execution_live
                        where overlap_key = p_overlap_key
                          and overlap_nth >= v_from
                          and visible_at < 'infinity');
    if found then
        perform pg_notify('kronos_work', '');
    end if;
    return exists (select from kronos.execution_live
                    where execution_id = any (v_waiting) and visible_at < 'infinity');
end
$$;
