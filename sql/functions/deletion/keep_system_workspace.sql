-- keep_system_workspace: the workspace of the internal jobs is never suspended, limited or deleted, whether
-- addressed by slug or id: ticks, leases and history depend on it.
-- Raises: KR042.
create or replace function kronos.keep_system_workspace() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    raise sqlstate 'KR042' using
        message = format('workspace %s belongs to Kronos: it can be read but not changed', old.slug);
end
$$;
create or replace trigger workspaces_keep_system
    before update on kronos.workspaces
    for each row when (old.slug = 'kronos-system'
                       and (new.slug, new.status, new.version) is distinct from (old.slug, old.status,
                                                                                 old.version))
    execute function kronos.keep_system_workspace();
