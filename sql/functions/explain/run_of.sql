-- run_of: the facts of the execution for a job's tick or, without a tick, for a manual run or backfill within
-- p_at's minute. Row level security applies.
-- Returns: its facts; null if there is none. A counted row stands for each tick from its first to its last.
create or replace function kronos.run_of(p_job kronos.jobs, p_tick timestamptz, p_at timestamptz)
returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_ids uuid[] := kronos.runs_about(p_job, p_tick, p_at);
begin
    return (
        select told.facts
          from kronos.runs_told(v_ids) as told
         order by abs(extract(epoch from kronos.finite(told.scheduled_at)
                              - kronos.finite(coalesce(p_tick, p_at))))
         limit 1);
end
$$;
