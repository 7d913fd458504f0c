-- advance_backfill: creates the next executions of a RUNNING backfill, as many as max_active leaves room for
-- and at most p_limit, and ends the backfill when all are final. It follows the job version that the backfill
-- was created from: that version's schedule, input and endpoint, with the endpoint as it is now.
--
-- backfill_ticks decides on each tick when it is reached, and next_at moves past the tick in the same
-- transaction, so a crash at any point leaves nothing behind and repeats nothing. If a job's runs must not
-- overlap, its backfill creates one run at a time, and only while no other run of the job is unfinished: it
-- waits, and never replaces or skips a run. It also waits while the workspace is suspended and while the
-- workspace's executions per day are used up. It continues only while the caller who started it is allowed to
-- do this (left_by_caller, which lock_backfill calls first).
--
-- A run that FAILED becomes due again under its own id, with the endpoint and input of the version that the
-- backfill was created from; its attempts continue to count. It waits for no lock (lock_backfill).
-- Returns: the number of executions created.
create or replace function kronos.advance_backfill(p_backfill_id uuid, p_limit integer) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    c_ticks_a_call constant integer := 2000;      -- in case most are left out: 8 ms at 4 us per tick
    v_backfill    kronos.backfills;
    v_job         kronos.jobs;
    v_overlap_key uuid;      -- null: its runs may overlap
    v_active      integer;
    v_room        integer;
    v_batch       integer;
    v_seen        integer := 0;
    v_made        integer := 0;
    v_step        record;
begin
    select * into v_backfill from kronos.lock_backfill(p_backfill_id);
    if v_backfill.backfill_id is null then
        return 0;
    end if;
    select * into v_job from kronos.jobs where job_id = v_backfill.job_id;
    select case when overlap <> 'ALLOW' then first_version_id end into v_overlap_key
      from kronos.jobs where first_version_id = v_job.first_version_id order by version desc limit 1;
    select count(*) into v_active from kronos.execution_live where backfill_id = p_backfill_id;
    v_room := kronos.backfill_room(v_backfill, v_job, v_overlap_key,
                                   least(p_limit, v_backfill.max_active - v_active));
    if v_room is null then
        return 0;
    end if;
    v_room := kronos.count_backfill(v_job.workspace_id, v_room);

    v_batch := 2 * v_room + 16;
    while v_made < v_room and v_backfill.next_at is not null and v_seen < c_ticks_a_call loop
        select * into v_step
          from kronos.make_backfill_batch(v_backfill, v_job, v_overlap_key, v_room, v_room - v_made, v_batch);
        v_backfill.created := v_backfill.created + v_step.made;
        v_backfill.redriven := v_backfill.redriven + v_step.redriven;
        v_backfill.left_out := v_backfill.left_out + v_step.decided - v_step.made - v_step.redriven;
        v_backfill.next_at := coalesce(v_step.undecided_at,
                                       case when v_step.seen = v_batch
                                            then kronos.next_tick(v_job.schedule, v_step.last_at) end);
        v_made := v_made + v_step.made + v_step.redriven;
        v_seen := v_seen + v_batch;
        v_batch := least(2 * v_batch, c_ticks_a_call);
    end loop;

    if v_seen > 0 or (v_backfill.next_at is null and v_active = 0) then
        update kronos.backfills
           set next_at      = v_backfill.next_at,
               created      = v_backfill.created,
               redriven     = v_backfill.redriven,
               left_out     = v_backfill.left_out,
               status       = case when v_backfill.next_at is null and v_active + v_made = 0 then 'COMPLETED'
                                   else 'RUNNING' end,
               completed_at = case when v_backfill.next_at is null and v_active + v_made = 0
                                   then kronos.clock() end
         where backfill_id = p_backfill_id;
    end if;
    perform kronos.count_backfill(v_job.workspace_id, v_made - v_room);
    if v_made > 0 then
        perform pg_notify('kronos_work', '');
    end if;
    return v_made;
end
$$;
