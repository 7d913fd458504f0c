-- register_each: register with pg_cron those of the jobs that are ACTIVE CRON jobs of an ACTIVE workspace,
-- many at once. If pg_cron rejects the alarm of one, the halves are tried separately, and so on; until
-- p_until and in random order, as in expire_each. A job whose alarm pg_cron rejects is left without an entry:
-- its row was edited by hand, and the reaper reports it each minute. The caller holds the jobs' rows and
-- their workspaces' status.
-- Returns: the jobs that were not reached.
-- Raises: pg_cron's other errors, unchanged.
create or replace function kronos.register_each(p_job_ids uuid[], p_until timestamptz default null)
returns uuid[]
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_half   constant integer := cardinality(p_job_ids) / 2;
    v_first  uuid[] := p_job_ids[:v_half];
    v_second uuid[] := p_job_ids[v_half + 1:];
    v_until  timestamptz;
    v_job_ids uuid[];
    v_alarms  text[];
begin
    select coalesce(array_agg(job.job_id order by job.job_id), '{}'),
           coalesce(array_agg(job.alarm order by job.job_id), '{}') into v_job_ids, v_alarms
      from kronos.jobs as job
      join kronos.workspaces as workspace using (workspace_id)
     where job.job_id = any (p_job_ids)
       and job.status = 'ACTIVE' and job.trigger = 'CRON' and workspace.status = 'ACTIVE';
    begin
        perform kronos.register_jobs(v_job_ids, v_alarms);
        return '{}'::uuid[];
    exception when invalid_parameter_value then      -- pg_cron cannot parse the schedule
        if v_half = 0 then
            raise warning 'kronos: job % cannot be registered with pg_cron: % (%)', p_job_ids[1], sqlerrm,
                sqlstate;
            return '{}'::uuid[];
        end if;
    end;
    v_until := coalesce(p_until, kronos.clock() + interval '0.5 seconds');
    if random() < 0.5 then
        v_first  := v_second;
        v_second := p_job_ids[:v_half];
    end if;
    v_first := kronos.register_each(v_first, v_until);
    if kronos.clock() < v_until then
        v_second := kronos.register_each(v_second, v_until);
    end if;
    return v_first || v_second;
end
$$;
