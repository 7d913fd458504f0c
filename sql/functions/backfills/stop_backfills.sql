-- stop_backfills: a job that is cancelled cancels its backfills, in the same transaction, no matter who
-- cancels it. One that was replaced does not, nor one that has come to its end (ends_at, max_runs): a
-- backfill goes on with the version that it was made of.
create or replace function kronos.stop_backfills() returns trigger
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_backfill_id uuid;
begin
    for v_backfill_id in
        select backfill_id
          from kronos.backfills
         where first_version_id = new.first_version_id and status = 'RUNNING'
         order by backfill_id
    loop
        perform kronos.stop_backfill(v_backfill_id,
                                     jsonb_build_object('code', 'job_cancelled',
                                                        'detail', 'its job was cancelled'));
    end loop;
    return null;
end
$$;
create or replace trigger jobs_cancel_backfills
    after update of status on kronos.jobs
    for each row when (old.status in ('ACTIVE', 'PAUSED')
                       and new.status = 'RETIRED'
                       and new.status_reason ->> 'code' = 'cancelled')
    execute function kronos.stop_backfills();
