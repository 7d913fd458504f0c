-- recent_runs: the last p_limit executions, at most 50, of each of several CRON jobs together: of the given
-- version and the two before it, including ticks, manual runs and backfills. Finished ones come from
-- recent_done, so the cost depends on the number of jobs, not on the history.
-- While other machines with old weeks are unreachable (kronos migrate --distributed), a job with few ticks
-- shows only the runs that are stored here: the list of jobs does not fail because of a few old ones.
-- Returns: nth 1 is a job's newest; in no order. Runs as the caller: row level security applies.
create or replace function kronos.recent_runs(p_job_ids uuid[], p_limit integer)
returns table (job_id uuid, execution_id uuid, status text, cause text, scheduled_at timestamptz,
               ticks integer, duration_ms bigint, nth bigint)
language plpgsql stable rows 1000 security invoker set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off
as $$
declare
    v_jobs     uuid[];
    v_versions uuid[];
    v_done     uuid[];
begin
    select array_agg(job.job_id), array_agg(older.job_id)
      into v_jobs, v_versions
      from kronos.jobs as job
     cross join lateral (select each.job_id from kronos.jobs as each
                          where each.first_version_id = job.first_version_id and each.version <= job.version
                          order by each.version desc limit 3) as older
     where job.job_id = any (p_job_ids) and job.trigger = 'CRON';
    v_done := kronos.recent_done(v_jobs, v_versions, p_limit);
    for v_left in reverse 1 .. 0 loop
        begin
            return query
                select newest.*
                  from (select version.job_id, run.id, run.status, run.cause, run.scheduled_at, run.ticks,
                               run.took,
                               row_number() over (partition by version.job_id
                                                      order by run.created_at desc, run.id desc) as at
                          from unnest(v_jobs, v_versions) as version (job_id, id)
                          join (select done.job_id as version_id, done.execution_id as id, done.status,
                                       done.cause, done.scheduled_at, done.tick_count as ticks,
                                       kronos.duration_ms(done.started_at, done.completed_at) as took,
                                       done.created_at
                                  from kronos.done_among(v_done) as done
                                 union all
                                select active.job_id, active.execution_id, active.status, active.cause,
                                       active.scheduled_at, 1, null, active.created_at
                                  from unnest(v_versions) as version (id)
                                 cross join lateral (select each.* from kronos.active_executions as each
                                                      where each.job_id = version.id
                                                        and each.job_id <> each.execution_id
                                                      order by each.scheduled_at desc
                                                      limit p_limit) as active) as run
                            on run.version_id = version.id) as newest
                 where newest.at <= p_limit;
            return;
        exception when sqlclient_unable_to_establish_sqlconnection or connection_failure
                       or connection_does_not_exist then
            if v_left = 0 then
                raise;
            end if;
            v_done := array(select known.id
                              from unnest(v_done) as known (id)
                             where not exists (select from kronos.moved_partitions() as moved
                                                where known.id >= moved.from_id and known.id < moved.to_id));
        end;
    end loop;
end
$$;
