-- resume_each: resume_jobs_in_time for a batch of jobs. If one of them fails, each half of the batch is tried
-- separately, and so on.
-- Returns: how many were resumed, how many other sessions hold, how many due executions were created; and
-- what failed.
create or replace function kronos.resume_each(p_job_ids uuid[], p_now timestamptz, out resumed integer,
                                              out busy integer, out delivered integer, out errors jsonb)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_half constant integer := cardinality(p_job_ids) / 2;
    v_held uuid[];
    v_due  uuid[];
    v_alarms text[];
    v_part record;
begin
    errors := '[]';
    begin
        select coalesce(array_agg(held.job_id), '{}') into v_held
          from kronos.hold_jobs(p_job_ids, false) as held
          join kronos.jobs as job using (job_id)
         where job.status = 'PAUSED' and job.resume_at <= p_now;
        busy := cardinality(p_job_ids) - cardinality(v_held);
        perform kronos.follow_moves(v_held);
        perform kronos.skip_each(v_held, p_now, null);
        update kronos.jobs
           set status = 'ACTIVE', status_reason = null, resume_at = null
         where job_id = any (v_held) and status = 'PAUSED';
        if kronos.follow_turns(v_held) <> '{}' then
            raise exception 'the ticks that are due cannot be accounted for at this moment'
                using errcode = 'lock_not_available';
        end if;
        select coalesce(array_agg(job.job_id), '{}'), coalesce(array_agg(job.alarm), '{}') into v_due,
               v_alarms
          from kronos.jobs as job
          join kronos.workspaces as workspace using (workspace_id)
         where job.job_id = any (v_held) and workspace.status = 'ACTIVE';
        perform kronos.register_jobs(v_due, v_alarms);
        delivered := case when v_due = '{}' then 0 else kronos.account_each(v_due, p_now) end;
        resumed := cardinality(v_held);
        return;
    exception when others then
        if v_half = 0 or kronos.is_shortage(sqlstate) then
            resumed := 0;
            busy := 0;
            delivered := 0;
            errors := jsonb_build_array(jsonb_build_object('job_id', p_job_ids[1], 'type', sqlstate,
                                                           'message', sqlerrm));
            return;
        end if;
    end;
    resumed := 0;
    busy := 0;
    delivered := 0;
    for v_part in
        select each.*
          from (values (1, v_half), (v_half + 1, cardinality(p_job_ids))) as part (first, last)
         cross join lateral kronos.resume_each(p_job_ids[part.first:part.last], p_now) as each
    loop
        resumed := resumed + v_part.resumed;
        busy := busy + v_part.busy;
        delivered := delivered + v_part.delivered;
        errors := errors || v_part.errors;
    end loop;
end
$$;
