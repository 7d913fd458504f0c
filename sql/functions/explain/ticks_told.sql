-- ticks_told: the ticks in [p_from, p_to) of a version of a job (ticks_listed), each with its execution, as
-- run_of finds it: its own, or the row of a run of ticks that covers it. All executions are read together,
-- each from the partition that its id names. The first 20 due ticks without one get pg_cron's evidence of
-- their alarm. Row level security applies.
-- Returns: ascending; at most p_limit. facts: as in runs_told. is_to_be_skipped: skip_next will skip the
-- tick.
create or replace function kronos.ticks_told(p_job kronos.jobs, p_from timestamptz, p_to timestamptz,
                                             p_limit integer)
returns table (tick timestamptz, facts jsonb, is_to_be_skipped boolean, pg_cron jsonb)
language plpgsql stable rows 100 set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set jit = off
as $$
declare
    c_most_alarms constant bigint        := 20;
    v_ticks       constant timestamptz[] :=
        array(select at from kronos.ticks_listed(p_job, p_from, p_to, p_limit) as at);
    v_next        constant timestamptz   :=
        (select nullif(coalesce(pointer.tick_at, pointer.next_tick_at), 'infinity')
           from kronos.pointer_of(p_job.job_id) as pointer);
    v_skipped     timestamptz[] := '{}'::timestamptz[];
begin
    if v_ticks = '{}' then
        return;
    end if;
    if p_job.skip_next > 0 and v_ticks[cardinality(v_ticks)] >= v_next then
        v_skipped := array(select kronos.next_counted(p_job, v_next, p_job.skip_next));
    end if;
    return query
        with each as materialized (
            select listed.at, kronos.tick_id(p_job.job_id, listed.at) as id
              from unnest(v_ticks) as listed (at)
        ), told as materialized (
            select run.execution_id, run.facts,
                   case when (run.facts ->> 'tick_count')::integer > 1 then run.scheduled_at end as first_at,
                   kronos.time_of(run.facts -> 'status_reason' ->> 'last') as last_at
              from kronos.runs_told(array(select id from each) || kronos.counted_before(p_job, v_ticks[1]))
                   as run
        ), with_run as materialized (
            select each.at,
                   coalesce(own.facts, (select counted.facts
                                          from told as counted
                                         where counted.first_at < each.at
                                           and counted.last_at >= each.at
                                         order by counted.first_at desc
                                         limit 1)) as facts
              from each
              left join told as own on own.execution_id = each.id
        ), numbered as (
            select with_run.*,
                   count(*) filter (where with_run.facts is null and with_run.at <= kronos.now())
                       over (order by with_run.at) as nth_without
              from with_run
        )
        select numbered.at, numbered.facts, numbered.at = any (v_skipped),
               case when numbered.facts is null
                     and numbered.at <= kronos.now()
                     and numbered.at >= v_next
                     and numbered.nth_without <= c_most_alarms
                    then kronos.pg_cron_evidence(p_job.job_id, date_trunc('minute', numbered.at, 'UTC'),
                                                 numbered.at + interval '10 minutes') end
          from numbered
         order by numbered.at;
end
$$;
