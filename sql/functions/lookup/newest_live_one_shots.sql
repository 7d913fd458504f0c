-- newest_live_one_shots: find_one_shots among the unfinished ones of very many endpoints of the caller's
-- workspace, without probing each. The queue is read in the order of ids, which begin with the creation time,
-- newest first, as far as the page is likely to need, then a limited number of rows; then, if rows of others
-- are in the way, as many of these endpoints' one-shots. A read that reaches the end of the table, or fills
-- the page, is complete.
-- Returns: one row: ids and instants, newest first; and whether nothing else could be on the page.
create or replace function kronos.newest_live_one_shots(
    p_endpoint_ids uuid[], p_immediates boolean[], p_prefix text, p_after timestamptz, p_before timestamptz,
    p_before_created_at timestamptz, p_before_id uuid, p_limit integer
)
returns table (job_ids uuid[], made timestamptz[], is_whole boolean)
language plpgsql stable rows 1 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    c_rows    constant integer := 4000;
    v_lowest  constant uuid := kronos.uuid7_floor(p_after - interval '1 millisecond');
    v_highest constant uuid :=
        kronos.uuid7_floor(least(p_before, p_before_created_at) + interval '2 milliseconds');
    v_by_endpoint boolean;
    v_width       integer;
    v_read        integer;
    v_last        uuid;
begin
    for v_by_endpoint, v_width in
        values (false, 4 * p_limit), (false, c_rows), (true, c_rows)
    loop
        with read as materialized (
            (select live.execution_id, live.job_id, live.endpoint_id, live.created_at, live.scheduled_at
               from kronos.execution_live as live
              where not v_by_endpoint
                and live.execution_id >= v_lowest and live.execution_id < v_highest
              order by live.execution_id desc
              limit v_width)
             union all
            (select live.execution_id, live.job_id, live.endpoint_id, live.created_at, live.scheduled_at
               from kronos.execution_live as live
              where v_by_endpoint
                and live.endpoint_id = any (p_endpoint_ids)
                and live.job_id = live.execution_id and live.claim_token is null
              limit v_width)
             union all
            (select live.execution_id, live.job_id, live.endpoint_id, live.created_at, live.scheduled_at
               from kronos.execution_live as live
              where v_by_endpoint
                and live.endpoint_id = any (p_endpoint_ids)
                and live.job_id = live.execution_id and live.claim_token is not null
              limit v_width)
        )
        select coalesce(array_agg(top.id order by top.at desc, top.id desc), '{}'),
               coalesce(array_agg(top.at order by top.at desc, top.id desc), '{}'),
               (select count(*) from read),
               (select read.execution_id from read order by read.execution_id limit 1)
          into job_ids, made, v_read, v_last
          from (select read.execution_id as id, read.created_at as at
                  from read
                 where read.job_id = read.execution_id
                   and read.endpoint_id = any (p_endpoint_ids)
                   and (read.scheduled_at = read.created_at) = any (p_immediates)
                   and read.created_at > p_after and read.created_at < p_before
                   and (read.created_at, read.execution_id) < (p_before_created_at, p_before_id)
                   and (p_prefix is null or starts_with(read.execution_id::text, p_prefix))
                   and not exists (select from kronos.jobs as job where job.job_id = read.execution_id)
                 order by read.created_at desc, read.execution_id desc
                 limit p_limit) as top;
        is_whole := v_read < v_width
                    or not v_by_endpoint
                   and coalesce(made[p_limit] > kronos.uuid7_time(v_last) + interval '1 millisecond', false);
        exit when is_whole;
    end loop;
    return next;
end
$$;
