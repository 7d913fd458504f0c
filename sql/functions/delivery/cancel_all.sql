-- cancel_all: ends executions of cancelled jobs until p_until, and some of one in any case: what the requests
-- that cancelled them left. The workers' upkeep does it several times a second, the reaper each minute.
-- Returns: how many versions of jobs still have some.
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
         order by random()      -- none waits for ever behind the others
         limit 1000
    loop
        while kronos.cancel_some(v_job_id, 200) > 0 and kronos.clock() < p_until loop
        end loop;
        exit when kronos.clock() >= p_until;
    end loop;
    return (select count(*) from kronos.cancelled_jobs);
end
$$;
