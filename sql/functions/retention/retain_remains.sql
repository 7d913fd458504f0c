-- retain_remains: delete leftovers of jobs, up to p_limit of each kind: backfills that ended (older than the
-- age of their outcome, with none of their executions kept), and faults of jobs that are over. Of the old
-- backfills each run examines four times p_limit, first those of which no failure is kept for longer, then
-- the others, each in random order: at 1 ms each, very many would otherwise take all the time of retention.
-- Returns: one row of counts. With p_dry_run it only counts.
create or replace function kronos.retain_remains(p_limit integer, p_dry_run boolean, out backfills bigint,
                                                 out job_faults bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_doomed uuid[];
begin
    v_doomed := array(select old.backfill_id
                        from (select backfill.backfill_id, backfill.created_at
                                from kronos.backfills as backfill
                               cross join kronos.retention as instance
                                left join kronos.workspace_retention as own
                                       on own.workspace_id = backfill.workspace_id
                               where backfill.completed_at
                                     < kronos.now() - make_interval(days =>
                                           case when backfill.status = 'FAILED'
                                                then coalesce(own.failure_days, instance.failure_days)
                                                else coalesce(own.success_days, instance.success_days) end)
                               order by backfill.completed_at
                                        < kronos.now() - make_interval(days => greatest(
                                              coalesce(own.failure_days, instance.failure_days),
                                              coalesce(own.success_days, instance.success_days))) desc,
                                        random()
                               limit 4 * p_limit) as old
                       where p_dry_run
                          or (select kept.succeeded + kept.failed + kept.cancelled + kept.skipped = 0
                                from kronos.backfill_outcomes(old.backfill_id, old.created_at) as kept)
                       limit p_limit);
    backfills := cardinality(v_doomed);
    if not p_dry_run then
        delete from kronos.backfills where backfill_id = any (v_doomed);
    end if;

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
