-- done_one_shots: find_one_shots among the finished ones, merged with the page so far (p_ids, p_made). They
-- are read week by week, from the newest down, in weeks for which kronos.history_weeks has noted any of an
-- endpoint, until the page is full (endpoints_one_shots). An id contains the creation time to half a
-- millisecond, so everything in an older week is older. A week's locks are released when it is done. With
-- very many endpoints the newest of the workspace are read first (newest_done_one_shots), and the endpoints
-- only if that does not fill the page.
-- Returns: one row: ids and instants, newest first.
create or replace function kronos.done_one_shots(
    p_endpoint_ids uuid[], p_immediates boolean[], p_prefix text, p_after timestamptz, p_before timestamptz,
    p_before_created_at timestamptz, p_before_id uuid, p_limit integer,
    p_ids uuid[], p_made timestamptz[], out job_ids uuid[], out made timestamptz[]
)
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off set jit = off
as $$
declare
    c_many constant integer  := 200;
    c_week constant interval := interval '168 hours';      -- days can be longer
    v_near record;      -- those found without reading each endpoint
    v_week record;
begin
    job_ids := p_ids;
    made := p_made;
    if cardinality(p_endpoint_ids) > c_many then
        select near.* into v_near
          from kronos.newest_done_one_shots(p_endpoint_ids, p_immediates, p_prefix, p_after, p_before,
                                            p_before_created_at, p_before_id, p_limit) as near;
        if v_near.is_whole then
            select array_agg(top.id order by top.at desc, top.id desc),
                   array_agg(top.at order by top.at desc, top.id desc) into job_ids, made
              from (select live.id, live.at from unnest(p_ids, p_made) as live (id, at)
                     union all
                    select near.id, near.at from unnest(v_near.job_ids, v_near.made) as near (id, at)
                     order by at desc, id desc
                     limit p_limit) as top;
            return;
        end if;
    end if;
    for v_week in
        select noted.week::timestamp at time zone 'UTC' as starts_at,
               array_agg(distinct noted.subject_id) as endpoint_ids
          from unnest(p_endpoint_ids) as endpoint (id)
          -- each by its key: otherwise the planner prefers to read all notes
         cross join lateral (select each.subject_id, each.week
                               from kronos.history_weeks as each
                              where each.subject_id = endpoint.id
                             offset 0) as noted
         where p_immediates <> '{}'
         group by noted.week
         order by noted.week desc
    loop
        continue
            when v_week.starts_at - interval '1 millisecond' > least(p_before, p_before_created_at)
              or v_week.starts_at + c_week <= p_after;
        exit when made[p_limit] >= v_week.starts_at + c_week;
        begin
            select array_agg(top.id order by top.at desc, top.id desc),
                   array_agg(top.at order by top.at desc, top.id desc) into job_ids, made
              from (select so_far.id, so_far.at from unnest(job_ids, made) as so_far (id, at)
                     union all
                    select found.id, found.at
                      from kronos.endpoints_one_shots(v_week.endpoint_ids, p_immediates, p_prefix, p_after,
                                                      p_before, p_before_created_at, p_before_id, p_limit,
                                                      v_week.starts_at) as found
                     order by at desc, id desc
                     limit p_limit) as top;
            raise sqlstate 'KR020' using message = 'the week is done: its locks are released';
        exception when sqlstate 'KR020' then
            null;
        end;
    end loop;
end
$$;
