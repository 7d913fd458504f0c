-- note_live: notes that these objects changed, each in its workspace: one row per statement and watched
-- workspace. A transaction that keeps its first snapshot cannot see listeners that have started since, so it
-- notes the changes of all workspaces.
create or replace function kronos.note_live(p_object text, p_change text, p_workspace_ids uuid[],
                                            p_ids uuid[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    insert into kronos.live_changes (workspace_id, object, change, ids)
    select changed.workspace_id, p_object, p_change, array_agg(changed.id)
      from unnest(p_workspace_ids, p_ids) as changed (workspace_id, id)
     group by changed.workspace_id
    having current_setting('transaction_isolation') <> 'read committed'
        or exists (select
                     from kronos.live_watches as watch
                    where watch.workspace_id = changed.workspace_id and watch.until > kronos.clock());
end
$$;
