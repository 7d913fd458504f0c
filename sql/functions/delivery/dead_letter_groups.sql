-- dead_letter_groups: a workspace's dead letters by endpoint and error type, among the newest p_most that
-- match p_which (dead_letter_filter), largest groups first. Runs as the caller: row level security applies.
-- Returns: first_failed_at: of the dead letters read; message, execution_id: of the last one that failed;
-- looked_at: how many were read in all, up to p_most.
create or replace function kronos.dead_letter_groups(p_workspace_id uuid, p_which jsonb, p_most integer,
                                                     p_limit integer)
returns table (endpoint text, error_type text, number bigint, jobs bigint, first_failed_at timestamptz,
               last_failed_at timestamptz, execution_id uuid, message text, looked_at bigint)
language plpgsql stable rows 20 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
begin
    return query
    with letter as materialized (
        select found.*
          from kronos.find_dead_letters(p_workspace_id, p_which, 'infinity',
                                        'ffffffff-ffff-ffff-ffff-ffffffffffff', p_most) as found
    ), alike as (
        select letter.endpoint_id, letter.error_type, count(*) as number,
               count(distinct letter.first_version_id) as jobs, min(letter.failed_at) as first_at,
               max(letter.failed_at) as last_at,
               (array_agg(letter.execution_id order by letter.failed_at desc))[1] as last_id
          from letter
         group by letter.endpoint_id, letter.error_type
    )
    select served.name, alike.error_type, alike.number, alike.jobs, alike.first_at, alike.last_at,
           alike.last_id, last.message, (select count(*) from letter)
      from alike
      join kronos.dead_letters as last
        on last.execution_id = alike.last_id and last.workspace_id = p_workspace_id
      join kronos.endpoints as served on served.endpoint_id = alike.endpoint_id
     order by alike.number desc, alike.last_at desc, alike.last_id
     limit p_limit;
end
$$;
