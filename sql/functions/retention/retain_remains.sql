-- retain_remains: what is left over of jobs, up to p_limit of each: backfills that ended (older than their
-- outcome's age, and nothing of their executions is kept), faults of jobs that are over, and the late days
-- and the weeks of history that is gone.
-- Returns: one row of counts. With p_dry_run it only counts.
create or replace function kronos.retain_remains(p_limit integer, p_dry_run boolean, out backfills bigint,
                                                 out job_faults bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_doomed uuid[];
begin
    v_doomed := array(select backfill.backfill_id
                        from kronos.backfills as backfill
                       cross join kronos.retention as instance
                        left join kronos.workspace_retention as own
                               on own.workspace_id = backfill.workspace_id
                       where backfill.completed_at
                             < kronos.now() - make_interval(days =>
                                   case when backfill.status = 'FAILED'
                                        then coalesce(own.failure_days, instance.failure_days)
                                        else coalesce(own.success_days, instance.success_days) end)
                         and (p_dry_run
                              or (select kept.succeeded + kept.failed + kept.cancelled + kept.skipped = 0
                                    from kronos.backfill_outcomes(backfill.backfill_id,
                                                                  backfill.created_at) as kept))
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
        -- Nothing is kept whose id is of a day before the oldest. One statement: who stores a row of an older
        -- id notes its day and its week with it, and either both are seen here or none.
        with oldest as materialized (
            select (least((select kronos.uuid7_time(each.from_id)
                             from kronos.partitions() as each
                            where each.parent = 'execution_done'
                            order by each.from_id
                            limit 1),
                          (select kronos.uuid7_time(done.execution_id)
                             from kronos.execution_done_default as done
                            order by done.execution_id
                            limit 1)) at time zone 'UTC')::date as day
        ), days as (
            delete from kronos.late_days where id_day < (select oldest.day from oldest)
        )
        delete from kronos.history_weeks
         where (subject_id, status, week, execution_id) in (select gone.subject_id, gone.status, gone.week,
                                                            gone.execution_id
                                                              from kronos.history_weeks as gone
                                                             where gone.week < (select oldest.day from oldest)
                                                                   - 6
                                                             order by gone.week
                                                             limit 20 * p_limit);
    end if;
end
$$;
