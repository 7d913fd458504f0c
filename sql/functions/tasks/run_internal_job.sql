-- run_internal_job: run an internal job's newest due tick inside PostgreSQL, and record the run like any
-- execution. Internal work is about the present, so the newest of several due ticks stands for all: older
-- ones are SKIPPED, or MISSED beyond the grace. If nothing is due, a ring of pg_cron does nothing, and a call
-- by hand runs the job again as a MANUAL execution. The caller holds the lock on the job's row.
-- Raises: no errors of the task; a task that fails is a FAILED execution.
create or replace function kronos.run_internal_job(p_job_id uuid, p_now timestamptz) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_job     kronos.jobs;
    v_pointer kronos.pointers;
    v_tick    record;
    v_next    timestamptz;
    v_newest  timestamptz;
    v_cause   text := 'SCHEDULE';
begin
    select * into strict v_job from kronos.jobs where job_id = p_job_id;
    select * into strict v_pointer from kronos.pointer_of(p_job_id);
    if session_user = 'kronos_cron' then
        insert into kronos.heartbeats as beat (job_id, rang_at) values (p_job_id, kronos.clock())
            on conflict (job_id) do update set rang_at = excluded.rang_at;
    end if;
    for v_tick in select * from kronos.due_ticks(v_job, v_pointer, p_now) loop
        if v_tick.kind = 'NEXT' then
            v_next := v_tick.scheduled_at;
        elsif v_tick.kind = 'MISSED' then
            perform kronos.record_internal_tick(v_job, v_tick.scheduled_at, 'MISSED', v_tick.tick_count,
                                                v_tick.reason);
        else
            if v_newest is not null then
                perform kronos.record_internal_tick(v_job, v_newest, 'SKIPPED', 1,
                            jsonb_build_object('code', 'superseded',
                                               'detail', 'a newer tick was due too, and ran in its place'));
            end if;
            v_newest := v_tick.scheduled_at;
        end if;
    end loop;
    if v_newest is null and session_user <> 'kronos_cron' then
        v_newest := p_now;
        v_cause := 'MANUAL';
    end if;
    if v_newest is not null then
        perform kronos.run_internal_task(v_job, v_newest, v_cause);
    end if;
    update kronos.pointers
       set next_tick_at = coalesce(v_next, 'infinity'),
           last_run_at  = coalesce(v_newest, last_run_at),
           runs         = runs + (v_newest is not null)::integer
     where job_id = p_job_id
       and next_tick_at = v_pointer.next_tick_at;
end
$$;
