-- delete_rest: a step of a deletion: deletes endpoints with their versions, a few at a time; configs and
-- payload specs; heartbeats; then what is left in the tables of what_is_left, which are small or have indexes
-- that begin with the workspace; finally the workspace.
-- Returns: the deletion's progress; COMPLETED at the end.
-- Raises: 23503 if something of the workspace came back; the caller then starts over with the executions.
create or replace function kronos.delete_rest(p_deletion kronos.deletions, p_limit integer)
returns kronos.deletions
language plpgsql volatile set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_ids   uuid[];
    v_table text;
    v_rows  integer;
begin
    v_ids := array(select endpoint.endpoint_id from kronos.endpoints as endpoint
                    where endpoint.workspace_id = p_deletion.deleted_id
                    limit least(p_limit, 50));
    if v_ids <> '{}' then
        delete from kronos.endpoint_health as health where health.endpoint_id = any (v_ids);
        delete from kronos.endpoint_gate as gate where gate.endpoint_id = any (v_ids);
        delete from kronos.endpoint_versions as version where version.endpoint_id = any (v_ids);
        delete from kronos.endpoints as endpoint where endpoint.endpoint_id = any (v_ids);
        p_deletion.done := p_deletion.done + cardinality(v_ids);
        return p_deletion;
    end if;
    v_ids := array(select document.document_id from kronos.documents as document
                    where document.workspace_id = p_deletion.deleted_id
                    limit least(p_limit, 50));
    if v_ids <> '{}' then
        delete from kronos.document_versions as version where version.document_id = any (v_ids);
        delete from kronos.documents as document where document.document_id = any (v_ids);
        return p_deletion;
    end if;
    if kronos.delete_beats(p_deletion.deleted_id, p_limit) then
        return p_deletion;
    end if;
    perform kronos.revoke_sql(p_deletion.deleted_id::text, granted.role_name)
       from kronos.sql_grants as granted
      where granted.workspace_id = p_deletion.deleted_id;
    delete from kronos.request_rates
     where key_id in (select key.key_id from kronos.api_keys as key
                       where key.workspace_id = p_deletion.deleted_id);
    foreach v_table in array kronos.what_is_left() loop
        execute format('delete from kronos.%1$I where ctid = any (array(select ctid from kronos.%1$I '
                       'where workspace_id = $1 limit $2))', v_table)
          using p_deletion.deleted_id, p_limit;
        get diagnostics v_rows = row_count;
        if v_rows = p_limit then
            return p_deletion;
        end if;
    end loop;
    if exists (select from kronos.execution_done as done
                where done.workspace_id = p_deletion.deleted_id) then
        return kronos.next_phase(p_deletion, 'EXECUTIONS');
    end if;
    delete from kronos.workspaces where workspace_id = p_deletion.deleted_id;
    p_deletion.status := 'COMPLETED';
    p_deletion.completed_at := kronos.clock();
    return p_deletion;
end
$$;
