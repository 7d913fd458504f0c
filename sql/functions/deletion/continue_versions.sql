-- continue_versions: a workspace that takes the slug of a deleted one begins above the version at which that
-- one was deleted, as long as the deletion is kept, or the workspace's row if the previous release deleted
-- it. So an If-Match meant for the old workspace never matches the new one.
create or replace function kronos.continue_versions() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    new.version := new.version + greatest((select max(deletion.version)
                                             from kronos.deletions as deletion
                                            where deletion.slug = new.slug),
                                          (select max(workspace.version)
                                             from kronos.workspaces as workspace
                                            where workspace.slug = new.slug
                                              and workspace.status = 'DELETED'), 0);
    return new;
end
$$;
create or replace trigger versions_go_on before insert on kronos.workspaces
    for each row execute function kronos.continue_versions();
