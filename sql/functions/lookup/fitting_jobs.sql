-- fitting_jobs: the first of the given jobs, in their order: at most p_limit, and at most p_bytes of inputs,
-- but at least one. A one-shot is shown with its execution, so its input counts twice. Inputs are measured
-- one by one as text, and none after the first that is too much. Runs as the caller: row level security
-- applies.
create or replace function kronos.fitting_jobs(p_job_ids uuid[], p_limit integer, p_bytes integer)
returns uuid[]
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_fitting uuid[] := '{}'::uuid[];
    v_bytes   bigint := 0;
    v_job     record;
begin
    for v_job in
        select job.job_id, job.trigger, job.input
          from (select stored.job_id, stored.trigger, stored.input
                  from kronos.jobs as stored
                 where stored.job_id = any (p_job_ids[1:p_limit])
                 union all
                select one_shot.job_id, one_shot.trigger, one_shot.input
                  from kronos.one_shot_rows(p_job_ids[1:p_limit]) as one_shot) as job
         order by array_position(p_job_ids, job.job_id)
    loop
        v_bytes := v_bytes + octet_length(v_job.input::text) * case when v_job.trigger = 'CRON' then 1
                                                                    else 2 end;
        exit when v_bytes > p_bytes and cardinality(v_fitting) > 0;
        v_fitting := v_fitting || v_job.job_id;
    end loop;
    return v_fitting;
end
$$;
