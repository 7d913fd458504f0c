-- stop_backfill: ends a RUNNING backfill as CANCELLED. Its waiting runs are cancelled, or become FAILED again
-- if they were that before (give_back_failed); runs in progress get no other attempt. Runs as the caller: row
-- level security applies. Lock order: jobs (the live version's, which a session that cancels the job holds
-- too), backfills, executions.
-- Returns: whether it was RUNNING.
create or replace function kronos.stop_backfill(p_backfill_id uuid, p_reason jsonb) returns boolean
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
begin
    perform from kronos.jobs
      where first_version_id = (select backfill.first_version_id
                                  from kronos.backfills as backfill
                                 where backfill.backfill_id = p_backfill_id)
        and status in ('ACTIVE', 'PAUSED')
        for update;
    update kronos.backfills
       set status = 'CANCELLED', status_reason = p_reason, completed_at = kronos.clock()
     where backfill_id = p_backfill_id
       and status = 'RUNNING';
    if not found then
        return false;
    end if;
    perform kronos.give_back_failed(p_backfill_id);
    perform kronos.cancel_executions(array(select execution_id
                                             from kronos.execution_live
                                            where backfill_id = p_backfill_id),
                                     jsonb_build_object('code', 'backfill_cancelled',
                                                        'detail', 'its backfill was cancelled'));
    return true;
end
$$;
