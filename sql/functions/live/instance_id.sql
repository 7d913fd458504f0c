-- instance_id: the id of the workspace of the internal jobs, in which what is the instance's own is noted:
-- only its administrator may listen there.
create or replace function kronos.instance_id() returns uuid
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return (select workspace_id from kronos.workspaces where slug = 'kronos-system');
end
$$;
