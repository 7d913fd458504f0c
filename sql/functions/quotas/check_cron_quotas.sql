-- check_cron_quotas: check that a workspace has no more live CRON jobs, and no more entries in one minute,
-- than its quotas allow, after a request's transaction has created or resumed a job. Runs once per statement
-- of the request: its first row checks for all. An apply creates and changes many jobs, each under its own
-- savepoint, whose number their rows carry instead of the transaction's.
-- One session at a time, and each sees what earlier ones have committed, so the count is exact. It counts the
-- jobs themselves, so no counter has to be kept, and ending a job makes room.
-- Only an increase is rejected: changing a job is none, but its minutes are checked.
-- Raises: KR041; the detail has the numbers, as JSON.
create or replace function kronos.check_cron_quotas() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
declare
    v_turn      constant text := concat_ws(' ', pg_current_xact_id(), statement_timestamp(), tg_op);
    v_mine      xid;
    v_workspace kronos.workspaces;
    v_job_ids   uuid[];
    v_jobs      integer;
    v_is_more   boolean;
    v_refusal   jsonb;
begin
    if current_setting('kronos.cron_quotas_seen', true) = v_turn then
        return null;
    end if;
    perform set_config('kronos.cron_quotas_seen', v_turn, true);
    select * into v_workspace from kronos.workspaces where workspace_id = new.workspace_id;
    if num_nonnulls(v_workspace.max_cron_jobs, v_workspace.max_alarms_per_minute,
                    v_workspace.max_input_bytes) = 0 then
        return null;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('kronos.cron_quotas', 0)
                                  # hashtextextended(new.workspace_id::text, 0));
    v_mine := (select job.xmin from kronos.jobs as job where job.job_id = new.job_id);
    select array_agg(job.job_id), bool_or(job.version = 1 and tg_op = 'INSERT') into v_job_ids, v_is_more
      from kronos.jobs as job
     where job.workspace_id = new.workspace_id and job.trigger = 'CRON' and job.status = 'ACTIVE'
       and job.xmin = v_mine;
    if tg_op = 'INSERT' then
        perform kronos.check_inputs(new.workspace_id, array(select job.input from kronos.jobs as job
                                                             where job.job_id = any (v_job_ids)));
    end if;
    if v_is_more and v_workspace.max_cron_jobs is not null then
        v_jobs := (select count(*)
                     from kronos.jobs as job
                    where job.workspace_id = new.workspace_id and job.trigger = 'CRON'
                      and job.status in ('ACTIVE', 'PAUSED'));
        if v_jobs > v_workspace.max_cron_jobs then
            v_refusal := jsonb_build_object('quota', 'cron_jobs', 'used', v_jobs,
                                            'limit', v_workspace.max_cron_jobs);
        end if;
    end if;
    if v_refusal is null and v_job_ids is not null and v_workspace.max_alarms_per_minute is not null then
        v_jobs := kronos.alarm_peak(new.workspace_id, v_job_ids);
        if v_jobs > v_workspace.max_alarms_per_minute then
            v_refusal := jsonb_build_object('quota', 'alarms_per_minute', 'used', v_jobs,
                                            'limit', v_workspace.max_alarms_per_minute);
        end if;
    end if;
    if v_refusal is not null then
        raise exception using errcode = 'KR041', message = kronos.refusal_text(v_refusal),
                              detail = v_refusal::text,
                              column = case v_refusal ->> 'quota' when 'cron_jobs' then '' else 'cron' end,
                              hint = case v_refusal ->> 'quota'
                                          when 'cron_jobs' then 'Cancel a job first, or ask the instance''s '
                                                                'administrator for a higher quota.'
                                          else 'Choose another minute, or ask the instance''s administrator '
                                               'for a higher quota.' end;
    end if;
    return null;
end
$$;
create or replace trigger jobs_keep_to_quotas
    after insert on kronos.jobs
    for each row when (new.trigger = 'CRON' and new.status = 'ACTIVE'
                       and current_setting('kronos.quotas', true) = 'on')
    execute function kronos.check_cron_quotas();
create or replace trigger jobs_that_resume_keep_to_quotas
    after update of status on kronos.jobs
    for each row when (new.trigger = 'CRON' and new.status = 'ACTIVE' and old.status = 'PAUSED'
                       and current_setting('kronos.quotas', true) = 'on')
    execute function kronos.check_cron_quotas();
