-- instance_id: the id of the internal jobs' workspace, which receives the notes of the instance: only its
-- administrator may listen there.
create or replace function kronos.instance_id() returns uuid
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return (select workspace_id from kronos.workspaces where slug = 'kronos-system');
end
$$;
