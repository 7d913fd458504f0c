-- backfill_ticks: the first p_limit ticks of a job's schedule in [p_from, p_to), within the job's own window,
-- and which of them a backfill leaves out. It leaves out ticks
-- - for which any version of the job has an execution that is unfinished or ended in SUCCESS;
-- - that the schedule itself has not accounted for yet;
-- - whose outcome p_include does not name: FAILED, CANCELLED, SKIPPED or, in all other cases, MISSED;
-- - that the job's calendars skip, as they are now.
--
-- A tick that FAILED does not get another execution: failed_id is the execution that becomes due again. The
-- ledger is read only if MISSED is requested without SKIPPED, or SKIPPED without MISSED, because a row of
-- either may stand for many ticks. Runs as the caller: row level security applies.
-- Returns: rows in order; none for a job without a schedule. The answer is a snapshot: it can be different a
-- moment later.
create or replace function kronos.backfill_ticks(p_job kronos.jobs, p_from timestamptz, p_to timestamptz,
                                                 p_limit integer,
                                                 p_include text[] default '{MISSED,SKIPPED,CANCELLED}')
returns table (tick timestamptz, is_left_out boolean, failed_id uuid)
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
-- the planner does not know how small the window is
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
declare
    v_pointer  timestamptz;
    v_ticks    timestamptz[];
    v_at       timestamptz[];      -- the executions of these ticks (runs_at)
    v_status   text[];
    v_ids      uuid[];
begin
    v_ticks := array(select kronos.ticks_within(p_job.schedule, greatest(p_from, p_job.starts_at),
                                                least(p_to, p_job.ends_at), p_limit));
    v_pointer := (select min(coalesce(pointer.tick_at, pointer.next_tick_at))
                    from kronos.jobs as version
                   cross join lateral kronos.pointer_of(version.job_id) as pointer
                   where version.first_version_id = p_job.first_version_id
                     and version.status = 'ACTIVE');
    select array_agg(run.at), array_agg(run.status), array_agg(run.execution_id) into v_at, v_status, v_ids
      from kronos.runs_at(p_job, v_ticks) as run;
    if ('MISSED' = any (p_include)) <> ('SKIPPED' = any (p_include)) then
        select v_at || array_agg(nominal.at), v_status || array_agg('SKIPPED'::text),
               v_ids || array_agg(null::uuid)
          into v_at, v_status, v_ids
          from kronos.jobs as each_job
         cross join lateral kronos.ledger_rows(
                                each_job, v_ticks[1],
                                v_ticks[cardinality(v_ticks)] + interval '1 microsecond') as row
          join unnest(v_ticks) as nominal (at) on nominal.at between row.first_tick_at and row.last_tick_at
         where each_job.first_version_id = p_job.first_version_id
           and each_job.ticks_from < v_ticks[cardinality(v_ticks)]
           and (each_job.ticks_until is null or each_job.ticks_until >= v_ticks[1])
           and row.disposition = 'skipped'
           and row.tick_count > 1;
    end if;
    return query
        select told.at,
               told.is_run is true or coalesce(told.at >= v_pointer, false) or told.became <> all (p_include)
                   or (p_job.calendars <> '{}'
                       and (select fate.run_at
                              from kronos.when_runs(p_job.workspace_id, p_job.calendars, p_job.on_blackout,
                                                 p_job.schedule, p_job.starts_at, p_job.ends_at,
                                                 told.at) as fate) is null),
               case when told.became = 'FAILED' then told.failed_id end
          from (select fact.at, bool_or(fact.status in ('LIVE', 'SUCCESS')) as is_run,
                       (array_agg(fact.execution_id) filter (where fact.status = 'FAILED'))[1] as failed_id,
                       case when bool_or(fact.status = 'FAILED')    then 'FAILED'
                            when bool_or(fact.status = 'CANCELLED') then 'CANCELLED'
                            when bool_or(fact.status = 'SKIPPED')   then 'SKIPPED'
                            else 'MISSED'
                       end as became
                  from (select nominal.at, null as status, null as execution_id
                          from unnest(v_ticks) as nominal (at)
                        union all
                        select there.at, there.status, there.execution_id
                          from unnest(v_at, v_status, v_ids) as there (at, status, execution_id)) as fact
                 group by fact.at
                having bool_or(fact.status is null)) as told      -- only ticks of this schedule
         order by told.at;
end
$$;
