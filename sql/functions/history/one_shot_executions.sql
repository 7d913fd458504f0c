-- one_shot_executions: the executions of the given IMMEDIATE and DELAYED jobs, each job with its creation
-- time. Unfinished executions are found by the job; finished ones by the job's own id or the id computed from
-- (job, creation). Those with other ids, created before ids were computed, are found by the job among the ids
-- of the hour after its creation. Each look is planned: it ends early if the first two have found all.
-- Returns: no row for a job that has none. Runs as the caller: row level security applies.
create or replace function kronos.one_shot_executions(p_job_ids uuid[], p_created_at timestamptz[])
returns table (job_id uuid, execution_id uuid)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_left    uuid[] := p_job_ids;
    v_found   uuid[];
    v_ids     uuid[];
begin
    for job_id, execution_id in
        select live.job_id, live.execution_id from kronos.execution_live as live
         where live.job_id = any (p_job_ids) and live.job_id <> live.execution_id and live.cause = 'API'
         union all
        select live.job_id, live.execution_id from kronos.execution_live as live
         where live.execution_id = any (p_job_ids) and live.job_id = live.execution_id and live.cause = 'API'
    loop
        v_left := array_remove(v_left, job_id);
        return next;
    end loop;
    for execution_id in
        select ended.execution_id
          from kronos.finished_among(array(select job.id
                                             from unnest(v_left) as job (id)
                                            where get_byte(uuid_send(job.id), 6) >> 4 = 7)) as ended
    loop
        job_id := execution_id;
        v_left := array_remove(v_left, job_id);
        return next;
    end loop;
    if v_left = '{}' then
        return;
    end if;
    v_found := array(select ended.execution_id
                       from kronos.finished_among(array(select kronos.tick_id(job.id, kronos.finite(job.at))
                                                          from unnest(p_job_ids, p_created_at) as job (id, at)
                                                         where job.id = any (v_left))) as ended);
    for job_id, execution_id in
        select job.id, kronos.tick_id(job.id, kronos.finite(job.at))
          from unnest(p_job_ids, p_created_at) as job (id, at)
         where kronos.tick_id(job.id, kronos.finite(job.at)) = any (v_found)
    loop
        v_left := array_remove(v_left, job_id);
        return next;
    end loop;
    for v_found, v_ids in
        select array_agg(job.id), array[kronos.uuid7_floor(min(kronos.finite(job.at)) - interval '1 minute'),
                                        kronos.uuid7_floor(max(kronos.finite(job.at)) + interval '1 hour')]
          from unnest(p_job_ids, p_created_at) as job (id, at)
         where job.id = any (v_left)
         group by date_trunc('day', kronos.finite(job.at), 'UTC')
    loop
        begin
            return query
                select done.job_id, done.execution_id
                  from kronos.execution_done as done
                 where done.job_id = any (v_found)
                   and done.execution_id >= v_ids[1] and done.execution_id < v_ids[2]
                   and done.cause = 'API';
            raise sqlstate 'KR020' using message = 'the day is done: its locks are released';
        exception when sqlstate 'KR020' then
            null;
        end;
    end loop;
end
$$;
