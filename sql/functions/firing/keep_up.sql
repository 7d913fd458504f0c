-- keep_up: the task of the internal job catch-up, the net under pg_cron: ticks that no alarm accounted for, missed or not, and backfills.
-- Called by: run_internal_task, every minute.   Returns: counts, the execution's output.
create or replace function kronos.keep_up() returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_now        timestamptz := clock_timestamp();
    v_delivered  integer     := kronos.account_all(v_now);
    v_backfilled integer     := kronos.advance_backfills(1000);
begin
    return jsonb_build_object('delivered', v_delivered, 'backfilled', v_backfilled,
                              'overdue', (select count(*)
                                            from kronos.jobs as job
                                           where job.status = 'ACTIVE' and not job.is_halted and job.next_tick_at < v_now - kronos.grace()
                                             and not exists (select from kronos.heartbeats as beat where beat.job_id = job.job_id)));
end
$$;
