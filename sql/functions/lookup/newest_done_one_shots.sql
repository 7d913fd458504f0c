-- newest_done_one_shots: find_one_shots among the finished ones of very many endpoints of the caller's
-- workspace, without reading the notes and probing the index of each. In the weeks in which the workspace has
-- anything, newest first, each status is read in the workspace's order, as far as the page is likely to need,
-- then further, until the page is full. The total number of rows and weeks is limited: if many other
-- executions finished, the caller reads by endpoint. A week's locks are released when it is done.
-- Returns: one row: ids and instants, newest first; and whether nothing else could be on the page.
create or replace function kronos.newest_done_one_shots(
    p_endpoint_ids uuid[], p_immediates boolean[], p_prefix text, p_after timestamptz, p_before timestamptz,
    p_before_created_at timestamptz, p_before_id uuid, p_limit integer
)
returns table (job_ids uuid[], made timestamptz[], is_whole boolean)
language plpgsql stable rows 1 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
declare
    c_rows       constant integer  := 4000;
    c_week       constant interval := interval '168 hours';      -- as in done_one_shots
    c_week_costs constant integer  := 400;                       -- planning a week takes the time of 400 rows
    v_workspace  constant uuid     := kronos.current_workspace_id();
    v_left       integer := c_rows;
    v_week       record;
    v_width      integer;
    v_found      record;
begin
    job_ids := '{}';
    made := '{}';
    is_whole := true;
    for v_week in
        select noted.week::timestamp at time zone 'UTC' as starts_at,
               array_agg(distinct noted.status) as statuses
          from kronos.history_weeks as noted
         where noted.subject_id = v_workspace and noted.status <> 'ODD'
         group by noted.week
         order by noted.week desc
    loop
        continue
            when v_week.starts_at - interval '1 millisecond' > least(p_before, p_before_created_at)
              or v_week.starts_at + c_week <= p_after;
        exit when made[p_limit] >= v_week.starts_at + c_week;
        is_whole := false;
        foreach v_width in array array[4 * p_limit, c_rows] loop
            exit when v_left <= 0;
            begin
                v_found := kronos.done_one_shots_within(
                               p_endpoint_ids, p_immediates, p_prefix, p_after, p_before,
                               p_before_created_at, p_before_id, p_limit, v_week.statuses,
                               v_week.starts_at, v_width
                           );
                raise sqlstate 'KR020' using message = 'the week is done: its locks are released';
            exception when sqlstate 'KR020' then
                null;
            end;
            v_left := v_left - v_found.rows_read - c_week_costs;
            is_whole := v_found.is_whole;
            exit when is_whole;
        end loop;
        exit when not is_whole;
        select array_agg(top.id order by top.at desc, top.id desc),
               array_agg(top.at order by top.at desc, top.id desc) into job_ids, made
          from (select either.id, either.at
                  from (select so_far.id, so_far.at from unnest(job_ids, made) as so_far (id, at)
                         union all
                        select week.id, week.at
                          from unnest(v_found.job_ids, v_found.made) as week (id, at)) as either
                 order by either.at desc, either.id desc
                 limit p_limit) as top;
    end loop;
    return next;
end
$$;
