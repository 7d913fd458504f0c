-- backfill_room: how many executions a RUNNING backfill may make now, p_room at most. Its caller holds its
-- locks (lock_backfill). Where there is room it locks the endpoint against its deletion
-- (require_live_endpoint wants the row alone). It waits for nobody.
-- Returns: 0 while its workspace is suspended, or another run of a job is unfinished whose runs must not
-- overlap; null where it was ended here, because its workspace or endpoint is deleted, or where another
-- session has the endpoint.
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
    if v_endpoint.workspace_status = 'DELETED' then      -- and its jobs with it, some of them ended before
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
                   'detail', 'the endpoint of the version that it was made of was deleted')
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
