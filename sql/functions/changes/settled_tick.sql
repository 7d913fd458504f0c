-- settled_tick: the last tick up to which a live CRON job's ticks are accounted for: the last of its rows in
-- the ledger, or ticks_from if it has none. Rows may have been aged out: ticks that the job's pointer had
-- passed when its zone's rules changed count as settled as far as both rules agree (p_changed_from).
-- Only rows from the last delivered tick on are read. An execution's id begins with its tick, so those are in
-- few partitions, and a plan made for this bound names them. The caller holds the row's lock.
-- Returns: never null.
create or replace function kronos.settled_tick(p_job kronos.jobs, p_changed_from timestamptz)
returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
declare
    v_from    constant timestamptz :=
        greatest(p_job.ticks_from,
                 (select greatest(pointer.last_run_at,
                                  least(coalesce(pointer.tick_at, pointer.next_tick_at)
                                            - interval '1 microsecond',
                                        p_changed_from))
                    from kronos.pointer_of(p_job.job_id) as pointer));
    v_from_id constant uuid        := kronos.uuid7_floor(v_from);
begin
    return greatest(v_from,
                    (select max(live.scheduled_at)
                       from kronos.execution_live as live
                      where live.job_id = p_job.job_id and live.job_id <> live.execution_id
                        and live.scheduled_at >= v_from
                        and live.cause in ('SCHEDULE', 'CATCH_UP')),
                    (select max(case when done.tick_count > 1
                                     then (done.status_reason ->> 'last')::timestamptz
                                     else done.scheduled_at end)
                       from kronos.execution_done as done
                      where done.job_id = p_job.job_id
                        and done.scheduled_at >= v_from
                        and done.cause in ('SCHEDULE', 'CATCH_UP')
                        and done.execution_id >= v_from_id));
end
$$;
