-- set_retention: set the ages of a workspace (null: the instance's) or, without a workspace, of the instance.
-- Removals under the earlier ages stay recorded (forgotten_before), and rows that a new age would have
-- removed before now are checked again.
-- Returns: nothing. Setting the same ages again changes nothing.
create or replace function kronos.set_retention(p_workspace_id uuid, p_success_days integer,
                                                p_failure_days integer)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_before timestamptz := kronos.retained_from(p_workspace_id);
begin
    if p_workspace_id is null then
        update kronos.retention
           set success_days = p_success_days, failure_days = p_failure_days, forgotten_before = v_before
         where (success_days, failure_days) is distinct from (p_success_days, p_failure_days);
    else
        insert into kronos.workspace_retention as own (workspace_id, success_days, failure_days,
                                                       forgotten_before)
        select p_workspace_id, p_success_days, p_failure_days, v_before
         -- else the instance's, as without a row
         where coalesce(p_success_days, p_failure_days) is not null
            or exists (select from kronos.workspace_retention where workspace_id = p_workspace_id)
            on conflict (workspace_id) do update
           set success_days = excluded.success_days, failure_days = excluded.failure_days,
               forgotten_before = excluded.forgotten_before, version = own.version + 1
         where (own.success_days, own.failure_days) is distinct from (excluded.success_days,
                                                                      excluded.failure_days);
    end if;
    if found then
        update kronos.retention_sweeps as sweep
           set swept_until = '00000000-0000-0000-0000-000000000000'
          from kronos.retention as instance
         where sweep.days in (coalesce(p_success_days, instance.success_days),
                              coalesce(p_failure_days, instance.failure_days));
    end if;
end
$$;
