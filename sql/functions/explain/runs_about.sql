-- runs_about: the ids of the executions that may belong to a job's tick or, without a tick, to a manual run
-- or backfill within p_at's minute. Each is read from the partition that its id names: a tick's id is
-- computed, a manual run's id holds the time of its request, a backfill's id is computed from the backfill.
-- Runs as the caller: row level security applies.
create or replace function kronos.runs_about(p_job kronos.jobs, p_tick timestamptz, p_at timestamptz)
returns uuid[]
language plpgsql stable set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_minute timestamptz := date_trunc('minute', p_at, 'UTC');
    v_first  uuid        := kronos.uuid7_floor(v_minute - interval '1 hour');
    v_end    uuid        := kronos.uuid7_floor(v_minute + interval '1 hour');
    v_id     uuid;
    v_ticks  timestamptz[];
begin
    if p_tick is not null and p_job.trigger <> 'CRON' then
        return array(select found.execution_id
                       from kronos.one_shot_executions(array[p_job.job_id],
                                                       array[p_job.created_at]) as found);
    elsif p_tick is not null then
        v_id := kronos.tick_id(p_job.job_id, p_tick);
        return array[case when kronos.is_accounted_for(v_id) then v_id
                          else kronos.counted_before(p_job, p_tick) end];
    end if;
    begin
        v_ticks :=
            array(select kronos.ticks_within(p_job.schedule, v_minute, v_minute + interval '1 minute', 60));
    exception when data_exception then      -- the schedule is malformed
        v_ticks := '{}';
    end;
    return array(select live.execution_id
                   from kronos.execution_live as live
                  where live.job_id = p_job.job_id and live.job_id <> live.execution_id
                    and live.scheduled_at >= v_minute and live.scheduled_at < v_minute + interval '1 minute'
                  union all
                 select done.execution_id
                   from kronos.execution_done as done
                  where done.job_id = p_job.job_id
                    and done.execution_id >= v_first and done.execution_id < v_end
                    and done.scheduled_at >= v_minute and done.scheduled_at < v_minute + interval '1 minute'
                  union all
                 select kronos.backfill_execution_id(backfill.backfill_id, kronos.finite(backfill.created_at),
                                                     tick.at)
                   from unnest(v_ticks) as tick (at)
                   join kronos.backfills as backfill
                     on backfill.workspace_id = p_job.workspace_id
                    and backfill.first_version_id = p_job.first_version_id
                    and backfill.job_id = p_job.job_id
                    and tick.at >= backfill.from_at and tick.at < backfill.to_at);
end
$$;
