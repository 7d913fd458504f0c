-- ring_held: one step of a shared alarm's ring (ring), for a job that is still due because another session
-- held its row. Waits for that row while it holds no other lock, as fire waits for its own job. Only one ring
-- at a time does this: pg_cron has 32 slots, and would stand still if all of them waited.
-- p_after: the job of the previous step.
-- Returns: the job that it waited for; null if none is left, or if another ring is already doing this.
create or replace function kronos.ring_held(p_after uuid) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_job_id uuid;
begin
    if not pg_try_advisory_xact_lock(hashtext('kronos.ring_held')) then
        return null;
    end if;
    v_job_id := (select min(due.job_id::text)::uuid
                   from (select pointer.job_id
                           from kronos.pointers as pointer
                          where pointer.is_awaited
                            and pointer.next_tick_at <= kronos.now()
                            and pointer.next_tick_at >= kronos.now() - kronos.grace()
                            and pointer.job_id > p_after
                            and not kronos.has_just_failed(pointer, kronos.now())
                            and not kronos.is_turning(pointer)) as due);
    if v_job_id is not null and kronos.lock_own(v_job_id) then
        perform kronos.account_own(v_job_id, kronos.clock());
    end if;
    return v_job_id;
end
$$;
