-- is_alarm_needed: whether an ACTIVE CRON job of an ACTIVE workspace has this alarm, not counting internal
-- jobs. Steps from workspace to workspace, because a suspended one may have a hundred thousand jobs with it.
create or replace function kronos.is_alarm_needed(p_alarm text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    v_workspace_id uuid := '00000000-0000-0000-0000-000000000000'::uuid;
begin
    loop
        select job.workspace_id into v_workspace_id
          from kronos.jobs as job
         where job.alarm = p_alarm and job.workspace_id > v_workspace_id
           and job.trigger = 'CRON' and job.status = 'ACTIVE'
         order by job.workspace_id
         limit 1;
        if v_workspace_id is null then
            return false;
        elsif exists (select from kronos.workspaces as workspace
                       where workspace.workspace_id = v_workspace_id
                         and workspace.status = 'ACTIVE'
                         and workspace.slug <> 'kronos-system') then
            return true;
        end if;
    end loop;
end
$$;
