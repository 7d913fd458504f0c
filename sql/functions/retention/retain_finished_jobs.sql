-- retain_finished_jobs: retain_jobs until p_until, from where the last run stopped; once a day, all of them.
-- Returns: one row; is_left: the time was up.
create or replace function kronos.retain_finished_jobs(p_until timestamptz, out jobs bigint,
                                                       out is_left boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_at   record;
    v_step record;
begin
    jobs := 0;
    is_left := false;
    update kronos.retention
       set jobs_until = '-infinity', jobs_until_id = '00000000-0000-0000-0000-000000000000',
           jobs_began_at = kronos.now()
     where jobs_until = 'infinity' and jobs_began_at < kronos.now() - interval '1 day';
    select instance.jobs_until, instance.jobs_until_id into v_at from kronos.retention as instance;
    while v_at.jobs_until < 'infinity' and not is_left loop
        select * into v_step from kronos.retain_jobs(v_at.jobs_until, v_at.jobs_until_id, 1000, false);
        jobs := jobs + v_step.jobs;
        v_at.jobs_until := coalesce(v_step.last_at, 'infinity');
        v_at.jobs_until_id := coalesce(v_step.last_id, v_at.jobs_until_id);
        is_left := v_at.jobs_until < 'infinity' and kronos.clock() >= p_until;
    end loop;
    update kronos.retention set jobs_until = v_at.jobs_until, jobs_until_id = v_at.jobs_until_id;
end
$$;
