-- matching_tags: the tags of the caller's workspace that have a text in them, in whatever case: 50 at most,
-- of the first 1,000 different ones, in their order; and the tag that is the text. From one tag to the next
-- the table is skipped, so a tag costs a probe, however many jobs have it. As the owner, bound to the
-- caller's workspace.
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
