-- matching_tags: the tags of the caller's workspace that contain a text, ignoring case: at most 50, among the
-- first 1,000 distinct tags in their order; plus the tag equal to the text. The index is skipped from one tag
-- to the next, so a tag costs one probe, however many jobs have it. Runs as the owner, bound to the caller's
-- workspace.
create or replace function kronos.matching_tags(p_q text) returns text[]
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    v_workspace constant uuid := kronos.current_workspace_id();
begin
    return array(
        with recursive known as (
            (select noted.tag, 1 as nth
               from kronos.job_tags as noted
              where noted.workspace_id = v_workspace
              order by noted.tag
              limit 1)
             union all
            select next.tag, known.nth + 1
              from known
             cross join lateral (select noted.tag
                                   from kronos.job_tags as noted
                                  where noted.workspace_id = v_workspace
                                    and noted.tag > known.tag
                                  order by noted.tag
                                  limit 1) as next
             where known.nth < 1000
        )
        (select known.tag from known where position(lower(p_q) in lower(known.tag)) > 0 limit 50)
         union
        (select noted.tag
           from kronos.job_tags as noted
          where noted.workspace_id = v_workspace and noted.tag = p_q
          limit 1));
end
$$;
