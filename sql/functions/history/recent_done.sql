-- recent_done: the finished executions for recent_runs: at most p_limit of each job, and some more.
-- p_versions are the versions, p_job_ids their jobs. It reads the last day and then, for jobs that still lack
-- some, earlier days up to five weeks ago, each status in its index's order. A span's locks are released when
-- it is done. Before these weeks it uses kronos.history_weeks, which has the first two of each status and
-- week: all that a job with few ticks has had.
-- Runs as the caller: row level security applies.
create or replace function kronos.recent_done(p_job_ids uuid[], p_versions uuid[], p_limit integer)
returns uuid[]
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    c_statuses constant text[] := array['SUCCESS', 'FAILED', 'CANCELLED', 'SKIPPED', 'MISSED', 'EXPIRED'];
    v_jobs     uuid[]          := '{}'::uuid[];      -- of v_ids
    v_ids      uuid[]          := '{}'::uuid[];
    v_until    uuid            := 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid;
    v_from     uuid;
    v_week     date;
    v_days     integer;
    v_rare     uuid[]          := p_versions;      -- the versions of jobs with fewer than p_limit so far
begin
    foreach v_days in array array[1, 3, 7, 14, 35] loop
        exit when v_rare is null;
        v_from := kronos.uuid7_floor(kronos.now() - make_interval(hours => 24 * v_days));
        v_week := ((kronos.now() - make_interval(hours => 24 * v_days)) at time zone 'UTC')::date;
        begin
            select v_jobs || array_agg(version.job_id), v_ids || array_agg(done.id)
              into v_jobs, v_ids
              from unnest(p_job_ids, p_versions) as version (job_id, id)
             cross join unnest(c_statuses) as wanted (status)
             cross join lateral (select each.execution_id as id from kronos.execution_done as each
                                  where each.job_id = version.id and each.status = wanted.status
                                    and each.execution_id >= v_from and each.execution_id < v_until
                                  order by each.created_at desc limit p_limit) as done
             where version.id = any (v_rare);
            raise sqlstate 'KR020' using message = 'the span is done: its locks are released';
        exception when sqlstate 'KR020' then
            null;
        end;
        v_until := v_from;
        select array_agg(version.id) into v_rare
          from unnest(p_job_ids, p_versions) as version (job_id, id)
         where p_limit > (select count(*) from unnest(v_jobs) as had (id) where had.id = version.job_id);
    end loop;
    return v_ids || array(select known.execution_id
                            from unnest(v_rare) as version (id)
                           cross join unnest(c_statuses) as wanted (status)
                           cross join lateral (select each.execution_id from kronos.history_weeks as each
                                                where each.subject_id = version.id
                                                  and each.status = wanted.status
                                                  and each.week <= v_week and each.execution_id < v_from
                                                order by each.week desc limit p_limit) as known);
end
$$;
