-- suspensions_of: the last twenty periods in which a workspace was not ACTIVE, including a current one. What
-- a suspension cancels is decided by these instants, however late it is examined. A current suspension ends
-- at p_until, if given. As with the ticks of jobs (follow_instants), the instant of a suspension is before
-- it, and the instant of a resumption in it.
create or replace function kronos.suspensions_of(p_workspace kronos.workspaces,
                                                 p_until timestamptz default null)
returns tstzmultirange
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    return (select coalesce(range_agg(newest.part), '{}')
              from (select part
                      from (select unnest(p_workspace.was_suspended) as part
                            union all
                            select tstzrange(least(since.at, p_until), p_until, '(]')
                              from (values (coalesce(p_workspace.suspended_at,
                                                     p_workspace.deleted_at))) as since (at)
                             where p_workspace.status <> 'ACTIVE') as times
                     order by part desc
                     limit 20) as newest);
end
$$;
