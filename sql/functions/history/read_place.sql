-- read_place: the page so far (p_ids, p_made) merged with the executions of one place of walk_history: those
-- given as p_known or, if that is null, those with ids in [p_id_from, p_id_to) (done_page). Of many versions
-- it reads only those that were in force then or had a backfill running (p_made_from, p_made_until): a
-- version creates executions at no other time. So a whole walk reads each version about once, however many
-- there are. Its locks are released when it is done, so a page without matches never holds the locks of more
-- than one.
-- Returns: one row: ids and creation times, newest first. Runs as the caller: row level security applies.
create or replace function kronos.read_place(
    p_id_from timestamptz, p_id_to timestamptz, p_created_from timestamptz, p_created_to timestamptz,
    p_known uuid[], p_version_ids uuid[], p_made_from timestamptz[], p_made_until timestamptz[],
    p_status text, p_scheduled_after timestamptz, p_scheduled_before timestamptz,
    p_before_created_at timestamptz, p_before_id uuid, p_limit integer, p_ids uuid[], p_made timestamptz[],
    out ids uuid[], out made timestamptz[]
)
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
    v_workspace constant uuid   := kronos.current_workspace_id();
    v_versions  constant uuid[] :=
        case when p_version_ids is not null then
             array(select version.id
                     from unnest(p_version_ids, p_made_from, p_made_until) as version (id, made_from,
                                                                                       made_until)
                    where (p_created_to is null or version.made_from <= p_created_to)
                      and version.made_until >= p_created_from)
        end;
begin
    ids := p_ids;
    made := p_made;
    if v_versions = '{}' and p_known is null then
        return;
    end if;
    begin
        select array_agg(top.id order by top.at desc, top.id desc),
               array_agg(top.at order by top.at desc, top.id desc) into ids, made
          from (select either.id, either.at
                  from (select so_far.id, so_far.at from unnest(p_ids, p_made) as so_far (id, at)
                         union
                        select page.execution_id, page.created_at
                          from kronos.done_page(v_workspace, v_versions, p_status, p_scheduled_after,
                                                p_scheduled_before, p_before_created_at, p_before_id,
                                                p_id_from, p_id_to, p_created_from, p_created_to,
                                                p_limit) as page
                         where p_known is null
                         union
                        select known.execution_id, known.created_at
                          from kronos.known_page(v_workspace, p_version_ids, p_known, p_status,
                                                 p_scheduled_after, p_scheduled_before, p_before_created_at,
                                                 p_before_id) as known
                         where p_known is not null) as either
                 order by either.at desc, either.id desc
                 limit p_limit) as top;
        raise sqlstate 'KR020' using message = 'the place is read: its locks are released';
    exception when sqlstate 'KR020' then
        null;
    end;
end
$$;
