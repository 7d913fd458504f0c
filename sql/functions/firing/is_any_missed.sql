-- is_any_missed: whether a job's due tick is older than the grace, but for those that have just failed: work for catch_up. Internal jobs wait for alarms of
-- their own, an hourly one for an hour. It reads all that was ever due
-- and is not vacuumed away yet, so it is asked by rings that have work to do, not by each alarm.
-- Called by: account_all, ring_if_silent.
create or replace function kronos.is_any_missed(p_now timestamptz) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce((select true
                       from kronos.jobs as job
                      where job.status = 'ACTIVE'
                        and not job.is_halted
                        and job.next_tick_at < p_now - kronos.grace()
                        and not kronos.has_just_failed(job, p_now)
                        and (select endpoint.type from kronos.endpoints as endpoint where endpoint.endpoint_id = job.endpoint_id) <> 'INTERNAL'
                      order by job.next_tick_at      -- as in is_any_due
                      limit 1), false);
end
$$;
