-- delete_beats: deletes what is left of heartbeats, up to p_limit of their rows: first their pings and ticks,
-- then the heartbeats. Without a workspace, those of deleted heartbeats; with one, all of the workspace's
-- heartbeats. Rows that another session has locked are left to it; a heartbeat is deleted after the last row
-- that refers to it.
-- Returns: whether there may be more.
create or replace function kronos.delete_beats(p_workspace_id uuid, p_limit integer) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_ids  uuid[];
    v_rows integer;
    v_left integer := p_limit;
begin
    v_ids := array(select beat.heartbeat_id
                     from kronos.beats as beat
                    where (p_workspace_id is null and beat.deleted_at is not null)
                       or beat.workspace_id = p_workspace_id
                    limit least(p_limit, 50));
    delete from kronos.beat_pings as ping
     where ping.ctid = any (array(select doomed.ctid from kronos.beat_pings as doomed
                                   where doomed.heartbeat_id = any (v_ids)
                                   limit v_left for update skip locked));
    get diagnostics v_rows = row_count;
    v_left := v_left - v_rows;
    delete from kronos.beat_ticks as tick
     where tick.ctid = any (array(select doomed.ctid from kronos.beat_ticks as doomed
                                   where doomed.heartbeat_id = any (v_ids)
                                   limit v_left for update skip locked));
    get diagnostics v_rows = row_count;
    v_left := v_left - v_rows;
    if v_left > 0 then
        with bare as materialized (
            select pointer.heartbeat_id
              from kronos.beat_pointers as pointer
             where pointer.heartbeat_id = any (v_ids)
               and not exists (select from kronos.beat_pings as ping
                                where ping.heartbeat_id = pointer.heartbeat_id)
               and not exists (select from kronos.beat_ticks as tick
                                where tick.heartbeat_id = pointer.heartbeat_id)
               for update skip locked
        ), gone as (
            delete from kronos.beat_pointers as pointer
             using bare where pointer.heartbeat_id = bare.heartbeat_id
            returning pointer.heartbeat_id
        )
        delete from kronos.beats as beat using gone where beat.heartbeat_id = gone.heartbeat_id;
    end if;
    return v_ids <> '{}';
end
$$;
