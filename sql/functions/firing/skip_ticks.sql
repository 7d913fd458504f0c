-- skip_ticks: accounts for a job's ticks from its pointer up to p_now as not run, for one reason, and moves the pointer past p_now.
-- They are one SKIPPED row with first, last and count (exact up to 100,000 ticks).
-- Called by: queries/jobs.sql (resume_job), queries/workspaces.sql (resume_workspace); as the caller, so row level security holds.
-- Returns: how many ticks were skipped.
create or replace function kronos.skip_ticks(p_job_id uuid, p_now timestamptz, p_reason jsonb) returns integer
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_job   kronos.jobs;
    v_tick  timestamptz;
    v_last  timestamptz;
    v_count integer := 0;
begin
    select * into strict v_job from kronos.jobs where job_id = p_job_id for update;
    v_tick := v_job.next_tick_at;
    while v_tick <= p_now and (v_job.ends_at is null or v_tick < v_job.ends_at) and v_count < 100000 loop
        v_last := v_tick;
        v_count := v_count + 1;
        v_tick := kronos.next_tick(v_job.schedule, v_tick);
    end loop;
    if v_count > 0 then
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, status, status_reason,
                                           scheduled_at, run_at, created_at, max_attempts, tick_count, input)
        select kronos.tick_id(p_job_id, v_job.next_tick_at), v_job.workspace_id, p_job_id, endpoint_id, endpoint.version, 'SCHEDULE', 'SKIPPED',
               p_reason || jsonb_build_object('first', v_job.next_tick_at, 'last', v_last, 'count', v_count),
               v_job.next_tick_at, v_job.next_tick_at, now(), made_of.max_attempts, v_count, v_job.input
          from kronos.endpoints as endpoint
          join kronos.endpoint_versions as made_of using (endpoint_id, version)
         where endpoint.endpoint_id = v_job.endpoint_id
            on conflict (execution_id) do nothing;
        v_tick := kronos.next_tick(v_job.schedule, greatest(p_now, v_last));
        update kronos.jobs
           set next_tick_at = case when v_job.ends_at is null or v_tick < v_job.ends_at then v_tick end
         where job_id = p_job_id;
    end if;
    return v_count;
end
$$;
