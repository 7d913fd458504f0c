-- record_job_faults: searches jobs, all in one statement, for those whose due ticks cannot be read, and
-- records why (record_job_fault). The caller holds the rows' locks.
-- Returns: the other jobs, in the order given.
create or replace function kronos.record_job_faults(p_job_ids uuid[], p_now timestamptz) returns uuid[]
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_unread   record;
    v_readable uuid[] := '{}'::uuid[];
begin
    for v_unread in
        select coalesce(broken.fault, '') as fault, coalesce(broken.message, '') as message,
               array_agg(job.job_id order by asked.nth) as job_ids
          from unnest(p_job_ids) with ordinality as asked (job_id, nth)
          join kronos.jobs as job using (job_id)
         cross join lateral kronos.pointer_of(job.job_id) as pointer
         cross join lateral kronos.ticks_fault(job, pointer, p_now) as broken
         group by 1, 2
    loop
        if v_unread.fault = '' then
            v_readable := v_unread.job_ids;
        else
            perform kronos.record_job_fault(v_unread.job_ids, v_unread.fault, v_unread.message);
        end if;
    end loop;
    return v_readable;
end
$$;
