-- end_jobs: retires up to 1,000 CRON jobs whose ends_at has come, after their last ticks are accounted for.
-- Called by: reap, which then removes their entries.   Returns: how many were retired.
create or replace function kronos.end_jobs(p_now timestamptz) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_job_ids uuid[];
begin
    select array_agg(ending.job_id) into v_job_ids
      from (select job_id
              from kronos.jobs
             where trigger = 'CRON' and status in ('ACTIVE', 'PAUSED') and ends_at <= p_now
             order by ends_at
             limit 1000
               for update skip locked) as ending;
    if v_job_ids is null then
        return 0;
    end if;
    perform kronos.account_ticks(v_job_ids, p_now);
    update kronos.jobs
       set status = 'RETIRED', status_reason = jsonb_build_object('code', 'ended', 'detail', format('ends_at %s has passed', ends_at))
     where job_id = any (v_job_ids)
       and status in ('ACTIVE', 'PAUSED');
    return cardinality(v_job_ids);
end
$$;
