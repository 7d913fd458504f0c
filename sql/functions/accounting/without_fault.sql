-- without_fault: the given jobs, in the order given, without those that have already failed at the tick that
-- is due.
create or replace function kronos.without_fault(p_job_ids uuid[]) returns uuid[]
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select array(select asked.job_id
                   from unnest(p_job_ids) with ordinality as asked (job_id, nth)
                  where not exists (select from kronos.job_faults as fault
                                      join kronos.pointers as pointer using (job_id, next_tick_at)
                                     where fault.job_id = asked.job_id)
                  order by asked.nth)
$$;
