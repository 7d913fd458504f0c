-- is_any_due: whether a ring of the job has anything to do: its own tick is due, or another job's is that is not left alone for having just failed.
-- Other jobs that are internal wait for alarms of their own.
-- Called by: fire; ring_if_silent, with no job of its own.   plpgsql, so that the second question is planned only where the first is answered with no.
create or replace function kronos.is_any_due(p_job_id uuid, p_now timestamptz) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from kronos.jobs where job_id = p_job_id and status = 'ACTIVE' and next_tick_at <= p_now) then
        return true;
    end if;
    return exists (select
                     from kronos.jobs as job
                     join kronos.endpoints as endpoint using (endpoint_id)
                    where job.status = 'ACTIVE'
                      and not job.is_halted
                      and job.next_tick_at <= p_now
                      and not kronos.has_just_failed(job, p_now)
                      and endpoint.type <> 'INTERNAL');
end
$$;
