-- ring_if_silent: the workers' watchdog. While pg_cron has been silent for longer than p_after, a worker rings in its place: due jobs are accounted
-- for and the internal jobs run, one worker at a time. A scheduler that is frozen cannot report itself, so the judge is never one of its entries.
-- Called by: queries/system.sql (worker).   Returns: null while pg_cron is alive or another worker rings; else the executions made for delivery.
create or replace function kronos.ring_if_silent(p_after interval) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_now       timestamptz := clock_timestamp();
    v_job_id    uuid;
    v_delivered integer;
begin
    if kronos.pg_cron_silence() < p_after
       or not pg_try_advisory_xact_lock(hashtext('kronos.ring_if_silent')) then
        return null;
    end if;
    for v_job_id in
        select job.job_id
          from kronos.jobs as job
          join kronos.endpoints as endpoint using (endpoint_id)
         where endpoint.type = 'INTERNAL' and job.status = 'ACTIVE' and job.next_tick_at <= v_now
           for update of job skip locked
    loop
        perform kronos.run_internal_job(v_job_id, v_now);
    end loop;
    v_delivered := kronos.account_due(v_now) + coalesce(kronos.catch_up(v_now), 0);
    if v_delivered > 0 then
        perform pg_notify('kronos_work', '');
    end if;
    return v_delivered;
end
$$;
