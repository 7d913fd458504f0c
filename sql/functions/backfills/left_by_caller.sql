-- left_by_caller: cancels a RUNNING backfill, as stop_backfill does, if the caller who started it is no
-- longer allowed to do this (caller_ended). It does not wait for a lock on the job: the next step checks
-- again. Its caller holds no lock yet. The backfill must be in the workspace in kronos.workspace_id; without
-- that setting, in any.
-- Returns: whether that caller is no longer allowed; then the backfill must not continue.
create or replace function kronos.left_by_caller(p_backfill_id uuid) returns boolean
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
as $$
declare
    v_backfill kronos.backfills;
    v_detail   text;
    v_jobs     integer;
begin
    select * into v_backfill
      from kronos.backfills
     where backfill_id = p_backfill_id
       and status = 'RUNNING'
       and workspace_id = coalesce(kronos.current_workspace_id(), workspace_id);
    v_detail := kronos.caller_ended(v_backfill.caller, v_backfill.workspace_id);
    if v_detail is null then
        return false;
    end if;
    perform from kronos.jobs
      where first_version_id = v_backfill.first_version_id and status in ('ACTIVE', 'PAUSED')
        for update skip locked;
    get diagnostics v_jobs = row_count;
    if v_jobs = (select count(*)
                   from kronos.jobs
                  where first_version_id = v_backfill.first_version_id
                    and status in ('ACTIVE', 'PAUSED')) then
        perform kronos.stop_backfill(p_backfill_id,
                                     jsonb_build_object('code', 'caller_ended', 'detail', v_detail));
    end if;
    return true;
end
$$;
