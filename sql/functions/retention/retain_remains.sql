-- retain_remains: delete faults of jobs that are over, up to p_limit. With p_dry_run it counts them, and the
-- backfills that ended (retain_backfills), by the age of their outcome alone: most of their executions would
-- go with them.
-- Returns: one row of counts.
create or replace function kronos.retain_remains(p_limit integer, p_dry_run boolean, out backfills bigint,
                                                 out job_faults bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_doomed uuid[];
begin
    backfills := case when p_dry_run then (
        select count(*)
          from kronos.backfills_after('-infinity', '00000000-0000-0000-0000-000000000000', p_limit) as ended
         where ended.is_old) else 0 end;
    v_doomed := array(select fault.job_id
                        from kronos.job_faults as fault
                        join kronos.jobs as job using (job_id)
                       where job.status not in ('ACTIVE', 'PAUSED')
                       limit p_limit);
    job_faults := cardinality(v_doomed);
    if not p_dry_run then
        delete from kronos.job_faults where job_id = any (v_doomed);
    end if;
end
$$;
