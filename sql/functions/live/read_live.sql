-- read_live: the notes of these workspaces that the snapshot p_after could not see: those committed later,
-- however long ago their transaction began. A transaction was not seen if it is younger than the whole
-- snapshot or was in progress then. For one that is still in progress nothing is read, however much it has
-- noted. At most p_limit ids per row and as many rows per workspace; longer results are cut off and have one
-- more, so that a busy workspace takes nothing from another.
-- Returns: one row for each workspace without news, and one for each piece of news. is_there: it was not
-- deleted. is_begun: its watch has begun. is_whole: nothing is missing between p_after and now. With null for
-- p_after: from now on.
create or replace function kronos.read_live(p_workspace_ids uuid[], p_after pg_snapshot, p_limit integer)
returns table (snapshot text, generation uuid, workspace_id uuid, is_there boolean, is_begun boolean,
               is_whole boolean, object text, change text, ids uuid[])
language plpgsql stable security definer rows 10 set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_now    constant pg_snapshot := pg_current_snapshot();
    v_ended  constant xid8[] := array(select under_way.xid from pg_snapshot_xip(p_after) as under_way (xid)
                                       where pg_visible_in_snapshot(under_way.xid, v_now));
    v_origin kronos.live_origin;
begin
    select * into v_origin from kronos.live_origin;
    return query
        select v_now::text, v_origin.generation, asked.workspace_id,
               exists (select
                         from kronos.workspaces as workspace
                        where workspace.workspace_id = asked.workspace_id and workspace.status <> 'DELETED'),
               watch.since is not null and watch.until > kronos.clock(),
               coalesce(watch.since <= pg_snapshot_xmin(p_after)
                        and v_origin.noted_from <= pg_snapshot_xmin(p_after)
                        and pg_snapshot_xmax(p_after) <= pg_snapshot_xmax(v_now)
                        and watch.until > kronos.clock(), false),
               news.object, news.change, news.ids[1:p_limit + 1]
          from unnest(p_workspace_ids) as asked (workspace_id)
          left join kronos.live_watches as watch on watch.workspace_id = asked.workspace_id
          left join (select noted.workspace_id, noted.object, noted.change, noted.ids
                       from (select found.*, row_number() over (partition by found.workspace_id) as nth
                               from (select each.*
                                       from kronos.live_changes as each
                                      where each.xid >= pg_snapshot_xmax(p_after)
                                        and each.xid < pg_snapshot_xmax(v_now)
                                     union all
                                     select each.*
                                       from kronos.live_changes as each
                                      where each.xid = any (v_ended)) as found
                              where found.workspace_id = any (p_workspace_ids)) as noted
                      where noted.nth <= p_limit + 1) as news on news.workspace_id = asked.workspace_id;
end
$$;
