-- find_one_shots: the newest p_limit one-shots of the given endpoints without a row in kronos.jobs
-- (one_shot_rows), by (created_at, job_id), that come after a place in the list and, if p_prefix is given,
-- whose id begins with it.
-- Finished ones are read week by week, from the newest down, in weeks for which kronos.history_weeks has
-- noted any of an endpoint, until the page is full. An id contains the creation time to half a millisecond,
-- so everything in an older week is older. A week's locks are released when it is done. Each endpoint's
-- IMMEDIATE and DELAYED ones are read in their index's order, and merged with those that workers are
-- delivering (claimed_one_shots).
-- With very many endpoints the newest of the workspace are read first (newest_live_one_shots,
-- newest_done_one_shots), and the endpoints only if that does not fill the page. The caller reads the
-- endpoints in its own workspace.
-- Returns: newest first.
create or replace function kronos.find_one_shots(
    p_endpoint_ids uuid[], p_triggers text[], p_statuses text[], p_prefix text, p_created_after timestamptz,
    p_created_before timestamptz, p_before_created_at timestamptz, p_before_id uuid, p_limit integer
)
returns table (job_id uuid, created_at timestamptz)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off set jit = off
as $$
declare
    c_many       constant integer  := 200;
    c_week       constant interval := interval '168 hours';      -- days can be longer
    v_immediates constant boolean[] := array(select each = 'IMMEDIATE'
                                               from unnest(p_triggers) as each
                                              where each in ('IMMEDIATE', 'DELAYED'));
    v_lowest     constant uuid := rpad(replace(p_prefix, '-', ''), 32, '0')::uuid;
    v_highest    constant uuid := rpad(replace(p_prefix, '-', ''), 32, 'f')::uuid;
    v_after      constant timestamptz :=
        greatest(p_created_after, kronos.uuid7_time(v_lowest) - interval '1 millisecond', '-infinity');
    v_before     constant timestamptz :=
        least(p_created_before, kronos.uuid7_time(v_highest) + interval '1 millisecond', 'infinity');
    v_ids        uuid[] := '{}'::uuid[];
    v_made       timestamptz[] := '{}'::timestamptz[];
    v_near       record;      -- those found without reading each endpoint
    v_is_whole   boolean := false;
    v_week       record;
    v_first_id   uuid;
    v_end_id     uuid;
begin
    if 'ACTIVE' = any (p_statuses) and cardinality(p_endpoint_ids) > c_many then
        select near.* into v_near
          from kronos.newest_live_one_shots(p_endpoint_ids, v_immediates, p_prefix, v_after, v_before,
                                            p_before_created_at, p_before_id, p_limit) as near;
        v_is_whole := v_near.is_whole;
        v_ids := v_near.job_ids;
        v_made := v_near.made;
    end if;
    if 'ACTIVE' = any (p_statuses) and not v_is_whole then
        select coalesce(array_agg(top.id order by top.at desc, top.id desc), '{}'),
               coalesce(array_agg(top.at order by top.at desc, top.id desc), '{}')
          into v_ids, v_made
          from (select found.id, found.at
                  from unnest(p_endpoint_ids) as endpoint (id)
                 cross join unnest(v_immediates) as wanted (is_immediate)
                 cross join lateral (select live.execution_id as id, live.created_at as at
                                       from kronos.execution_live as live
                                      where live.endpoint_id = endpoint.id
                                        and (live.scheduled_at = live.created_at) = wanted.is_immediate
                                        and live.job_id = live.execution_id and live.claim_token is null
                                        and live.created_at > v_after and live.created_at < v_before
                                        and (live.created_at, live.execution_id) < (p_before_created_at,
                                                                                    p_before_id)
                                        and (p_prefix is null
                                             or starts_with(live.execution_id::text, p_prefix))
                                        and not exists (select from kronos.jobs as job
                                                         where job.job_id = live.execution_id)
                                      order by live.created_at desc, live.execution_id desc
                                      limit p_limit) as found
                 union all
                select claimed.id, claimed.at
                  from kronos.claimed_one_shots(p_endpoint_ids, v_immediates, p_prefix, v_after, v_before,
                                                p_before_created_at, p_before_id, p_limit) as claimed
                 order by at desc, id desc
                 limit p_limit) as top;
    end if;
    v_is_whole := false;
    if 'COMPLETED' = any (p_statuses) and cardinality(p_endpoint_ids) > c_many then
        select near.* into v_near
          from kronos.newest_done_one_shots(p_endpoint_ids, v_immediates, p_prefix, v_after, v_before,
                                            p_before_created_at, p_before_id, p_limit) as near;
        v_is_whole := v_near.is_whole;
        if v_is_whole then
            select array_agg(top.id order by top.at desc, top.id desc),
                   array_agg(top.at order by top.at desc, top.id desc) into v_ids, v_made
              from (select live.id, live.at from unnest(v_ids, v_made) as live (id, at)
                     union all
                    select near.id, near.at from unnest(v_near.job_ids, v_near.made) as near (id, at)
                     order by at desc, id desc
                     limit p_limit) as top;
        end if;
    end if;
    if 'COMPLETED' = any (p_statuses) and cardinality(v_immediates) > 0 and not v_is_whole then
        for v_week in
            select noted.week::timestamp at time zone 'UTC' as starts_at,
                   array_agg(distinct noted.subject_id) as endpoint_ids
              from unnest(p_endpoint_ids) as endpoint (id)
              -- each by its key: otherwise the planner prefers to read all notes
             cross join lateral (select each.subject_id, each.week
                                   from kronos.history_weeks as each
                                  where each.subject_id = endpoint.id
                                 offset 0) as noted
             group by noted.week
             order by noted.week desc
        loop
            continue
                when v_week.starts_at - interval '1 millisecond' > least(v_before, p_before_created_at)
                  or v_week.starts_at + c_week <= v_after;
            exit when v_made[p_limit] >= v_week.starts_at + c_week;
            v_first_id := kronos.uuid7_floor(v_week.starts_at);
            v_end_id := kronos.uuid7_floor(v_week.starts_at + c_week);
            begin
                select array_agg(top.id order by top.at desc, top.id desc),
                       array_agg(top.at order by top.at desc, top.id desc) into v_ids, v_made
                  from (select either.id, either.at
                          from (select so_far.id, so_far.at from unnest(v_ids, v_made) as so_far (id, at)
                                 union all
                                select found.id, found.at
                                  from unnest(v_week.endpoint_ids) as endpoint (id)
                                 cross join unnest(v_immediates) as wanted (is_immediate)
                                 cross join lateral (select done.execution_id as id, done.created_at as at
                                                       from kronos.execution_done as done
                                                      where done.endpoint_id = endpoint.id
                                                        and (done.scheduled_at = done.created_at)
                                                            = wanted.is_immediate
                                                        and done.job_id = done.execution_id
                                                        and done.execution_id >= v_first_id
                                                        and done.execution_id < v_end_id
                                                        and done.created_at > v_after
                                                        and done.created_at < v_before
                                                        and (done.created_at, done.execution_id)
                                                            < (p_before_created_at, p_before_id)
                                                        and (p_prefix is null or starts_with(
                                                                 done.execution_id::text, p_prefix
                                                             ))
                                                        and not exists (select from kronos.jobs as job
                                                                         where job.job_id = done.execution_id)
                                                      order by done.created_at desc, done.execution_id desc
                                                      limit p_limit) as found) as either
                         order by either.at desc, either.id desc
                         limit p_limit) as top;
                raise sqlstate 'KR020' using message = 'the week is done: its locks are released';
            exception when sqlstate 'KR020' then
                null;
            end;
        end loop;
    end if;
    return query
        select page.id, page.at from unnest(v_ids, v_made) as page (id, at);
end
$$;
