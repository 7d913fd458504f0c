-- watch_live: has the changes of this workspace noted for p_for from now; the listener repeats the call
-- before that has passed. Deletes notes older than ten minutes, up to 100,000 rows, and never again reads the
-- range already deleted, which an old snapshot may keep from vacuum.
-- Needs two steps, each in its own transaction: changes made after this one has committed are noted, and only
-- then does begin_live know the transaction from which on everything is noted.
-- Lock order: the advisory lock, then its own tables, which no other code locks.
create or replace function kronos.watch_live(p_workspace_id uuid, p_for interval) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off
as $$
declare
    c_kept constant interval := interval '10 minutes';
    c_mark constant interval := interval '30 seconds';
    c_most constant integer  := 100000;
    v_system  constant bigint := (select system_identifier from pg_control_system());
    v_until   constant timestamptz := kronos.clock() + p_for;
    v_from    xid8;
    v_horizon xid8;
begin
    perform pg_advisory_xact_lock(hashtextextended('kronos.live', 0));
    -- a restored copy has the transaction numbers of another server
    if not exists (select from kronos.live_origin where system = v_system) then
        delete from kronos.live_origin;
        delete from kronos.live_watches;
        delete from kronos.live_changes;
        delete from kronos.live_marks;
        insert into kronos.live_origin (system, noted_from)
        values (v_system, pg_snapshot_xmin(pg_current_snapshot()));
    end if;
    delete from kronos.live_watches where until <= kronos.clock();
    insert into kronos.live_watches (workspace_id, until)
    select workspace.workspace_id, v_until
      from kronos.workspaces as workspace
     where workspace.workspace_id = p_workspace_id and workspace.status <> 'DELETED'
        on conflict (workspace_id) do update set until = greatest(live_watches.until, excluded.until);
    -- compared in the statement, since a concurrent one may have set it further
    perform setval('kronos.live_until', ceil(extract(epoch from v_until))::bigint)
      where ceil(extract(epoch from v_until)) > coalesce(pg_sequence_last_value('kronos.live_until'), 0);
    if not exists (select from kronos.live_marks where at > kronos.clock() - c_mark) then
        insert into kronos.live_marks (at, horizon)
        values (kronos.clock(), pg_snapshot_xmin(pg_current_snapshot()));
        select mark.horizon
          into v_horizon
          from kronos.live_marks as mark
         where mark.at <= kronos.clock() - c_kept
         order by mark.at desc
         limit 1;
        if found then
            v_from := (select noted_from from kronos.live_origin);
            v_horizon := coalesce((select noted.xid
                                     from kronos.live_changes as noted
                                    where noted.xid >= v_from and noted.xid < v_horizon
                                    order by noted.xid
                                   offset c_most limit 1), v_horizon);
            delete from kronos.live_changes where xid >= v_from and xid < v_horizon;
            delete from kronos.live_marks where horizon < v_horizon;
            update kronos.live_origin set noted_from = v_horizon where noted_from < v_horizon;
        end if;
    end if;
end
$$;
