-- ring_if_silent: the ring of the workers, for when pg_cron does not ring. Accounts for everything that is
-- due or was missed (account_all), in a separate transaction that no internal task shares. One worker does
-- this at a time; the others leave the work to it. It rings
-- - while pg_cron has been silent for longer than p_after. A frozen scheduler cannot report itself, so its
--   entries never judge this;
-- - while pg_cron has not been heard since p_unheard_since, for a worker that has just started, had lost the
--   database or saw the clock change. pg_cron never fires in the minute in which it starts, nor after the
--   clock was set back until it has caught up: a tick would be a minute late, or missed.
-- Returns: one row. at: PostgreSQL's clock. is_heard: pg_cron rings. is_silent: for longer than p_after.
-- executions: the number created for delivery; null if it did not ring. is_left: something is still due.
-- internal_jobs: those that are due while pg_cron is silent, for run_internal_job_if_due.
create or replace function kronos.ring_if_silent(p_after interval, p_unheard_since timestamptz default null,
    out at timestamptz, out is_heard boolean, out is_silent boolean, out executions integer,
    out is_left boolean, out internal_jobs uuid[])
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    at            := kronos.clock();
    is_silent     := kronos.pg_cron_silence() >= p_after;
    is_heard      := not is_silent and (p_unheard_since is null
                                        or exists (select from kronos.heartbeats as beat
                                                    where beat.rang_at > p_unheard_since
                                                      -- as pg_cron_silence judges
                                                      and beat.rang_at <= at + interval '5 seconds'));
    is_left       := false;
    internal_jobs := '{}';
    if is_heard or not pg_try_advisory_xact_lock(hashtext('kronos.ring_if_silent')) then
        return;
    end if;
    executions := kronos.account_all(at);
    is_left    := not kronos.is_held()
                  and (kronos.is_any_due(null, kronos.clock()) or kronos.is_any_missed(kronos.clock()));
    if is_silent then
        internal_jobs := array(select job.job_id
                                 from kronos.jobs as job
                                 join kronos.endpoints as endpoint using (endpoint_id)
                                cross join lateral kronos.pointer_of(job.job_id) as pointer
                                where endpoint.type = 'INTERNAL'
                                  and job.status = 'ACTIVE'
                                  and pointer.next_tick_at <= kronos.clock()
                                order by job.name);
    end if;
    perform kronos.raise_floor(kronos.clock()) where kronos.is_alone();
end
$$;
