-- system_drift: the differences between jobs and cron.job for the instance's administrator: the first p_limit
-- by entry name, each with the total number.
-- Returns: no row if there are none.
create or replace function kronos.system_drift(p_limit integer)
returns table (job_id uuid, workspace text, jobid bigint, jobname text, difference text, differences bigint)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if kronos.is_pg_cron_right() then
        return;
    end if;
    return query
        select drift.job_id, workspace.slug, drift.jobid, drift.jobname, drift.difference, count(*) over ()
          from kronos.pg_cron_drift() as drift
          left join kronos.workspaces as workspace on workspace.workspace_id = drift.workspace_id
         order by drift.jobname, drift.jobid
         limit p_limit;
end
$$;
