-- find_one_shots: the newest p_limit one-shots of the given endpoints without a row in kronos.jobs
-- (one_shot_rows), by (created_at, job_id), that come after a place in the list and, if p_prefix is given,
-- whose id begins with it: ACTIVE ones from live_one_shots, and COMPLETED ones, merged with those, from
-- done_one_shots. The caller reads the endpoints in its own workspace.
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
begin
    if 'ACTIVE' = any (p_statuses) then
        select live.job_ids, live.made into v_ids, v_made
          from kronos.live_one_shots(p_endpoint_ids, v_immediates, p_prefix, v_after, v_before,
                                     p_before_created_at, p_before_id, p_limit) as live;
    end if;
    if 'COMPLETED' = any (p_statuses) then
        select page.job_ids, page.made into v_ids, v_made
          from kronos.done_one_shots(p_endpoint_ids, v_immediates, p_prefix, v_after, v_before,
                                     p_before_created_at, p_before_id, p_limit, v_ids, v_made) as page;
    end if;
    return query
        select page.id, page.at from unnest(v_ids, v_made) as page (id, at);
end
$$;
