-- backfill_room: how many executions a RUNNING backfill may create now, at most p_room. Its caller holds the
-- backfill's locks (lock_backfill). If there is room, it locks the endpoint against deletion
-- (require_live_endpoint only wants the row). It waits for no lock.
-- Returns: 0 while the workspace is suspended, or while another run is unfinished of a job whose runs must
-- not overlap; null if the backfill was ended here, because its workspace or endpoint is deleted, or if
-- another session has locked the endpoint.
create or replace function kronos.backfill_room(p_backfill kronos.backfills, p_job kronos.jobs,
                                                p_overlap_key uuid, p_room integer)
returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_room     integer := p_room;
    v_endpoint record;
begin
    if p_overlap_key is not null then
        v_room := case when exists (select from kronos.execution_live
                                     where overlap_key = p_overlap_key
                                       and overlap_nth >= kronos.runs_from(p_overlap_key))
                       then 0 else least(v_room, 1) end;
    end if;
    select endpoint.deleted_at, workspace.status as workspace_status
      into v_endpoint
      from kronos.endpoints as endpoint
      join kronos.workspaces as workspace on workspace.workspace_id = endpoint.workspace_id
     where endpoint.endpoint_id = p_job.endpoint_id;
    if v_endpoint.workspace_status = 'DELETED' then      -- its jobs were deleted with it; some ended earlier
        perform kronos.stop_backfill(p_backfill.backfill_id,
                                     jsonb_build_object('code', 'workspace_deleted',
                                                        'detail', 'its workspace was deleted'));
        return null;
    elsif v_endpoint.workspace_status <> 'ACTIVE' then
        return 0;
    elsif v_endpoint.deleted_at is not null and p_backfill.next_at is not null then
        update kronos.backfills
           set status = 'FAILED', completed_at = kronos.clock(),
               status_reason = jsonb_build_object(
                   'code', 'endpoint_deleted',
                   'detail', 'the endpoint of the job version that it was created from was deleted')
         where backfill_id = p_backfill.backfill_id;
        return null;
    end if;
    if v_room > 0 then
        perform from kronos.endpoints
          where endpoint_id = p_job.endpoint_id and deleted_at is null
            for key share skip locked;
        if not found then
            return null;
        end if;
    end if;
    return v_room;
end
$$;
