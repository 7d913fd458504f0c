-- delete_secret: delete a secret of the transaction's workspace that no delivery needs: no current version of
-- an endpoint, and no unfinished execution, which uses its own version of its endpoint. It searches for them
-- with the secret's row locked: an endpoint that is saved at the same time either has the secret
-- (require_secrets), or finds it gone.
-- Returns: one row: whether it was deleted, its version (null: no secret has that name), and which endpoints
-- need it: up to ten, and how many there are. If it was not deleted and is not needed, its version is not in
-- p_if_match.
create or replace function kronos.delete_secret(p_name text, p_if_match integer[], out is_deleted boolean,
                                                out version integer, out used_by text[], out uses bigint)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_workspace_id uuid := kronos.current_workspace_id();
begin
    is_deleted := false;
    select secret.version into version
      from kronos.secrets as secret
     where secret.workspace_id = v_workspace_id and secret.name = p_name
       for update;
    if not found or (p_if_match is not null and version <> all (p_if_match)) then
        return;
    end if;
    with needing as (
        select distinct endpoint.name
          from kronos.endpoint_versions as made_of
          join kronos.endpoints as endpoint using (endpoint_id)
         where made_of.workspace_id = v_workspace_id
           and made_of.secrets <> '{}'
           and p_name = any (made_of.secrets)
           and endpoint.deleted_at is null
           and (endpoint.version = made_of.version
                or exists (select from kronos.execution_live as live
                            where live.endpoint_id = made_of.endpoint_id
                              and live.endpoint_version = made_of.version))
    )
    select array(select name from needing order by name limit 10), count(*) into used_by, uses from needing;
    if uses = 0 then
        delete from kronos.secrets as secret
         where secret.workspace_id = v_workspace_id and secret.name = p_name;
        is_deleted := true;
        perform pg_notify('kronos_secrets', v_workspace_id::text);
    end if;
end
$$;
