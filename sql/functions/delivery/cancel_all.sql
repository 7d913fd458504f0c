-- cancel_all: ends executions of cancelled jobs until p_until, and always at least some of one job. It
-- continues what the requests that cancelled the jobs left: the workers' upkeep calls it several times per
-- second, the reaper every minute.
-- Returns: the number of job versions that still have executions to end.
create or replace function kronos.cancel_all(p_until timestamptz) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_job_id uuid;
begin
    if not exists (select from kronos.cancelled_jobs) then
        return 0;
    end if;
    for v_job_id in
        select job.job_id
          from kronos.cancelled_jobs as job
         where job.next_at <= kronos.clock()
         order by random()      -- so that none is starved by the others
         limit 1000
    loop
        while kronos.cancel_some(v_job_id, 200) > 0 and kronos.clock() < p_until loop
        end loop;
        exit when kronos.clock() >= p_until;
    end loop;
    return (select count(*) from kronos.cancelled_jobs);
end
$$;
