-- reap: the task of the internal job reaper: makes pg_cron's entries and the ACTIVE CRON jobs the same set, and touches nobody else's.
--   1. retires jobs whose ends_at has come, after accounting for their last ticks, and resumes those whose pause has run out;
--   2. removes entries of jobs that are not ACTIVE (or whose workspace is not), of no job at all, of another role, or edited by hand;
--   3. registers what an ACTIVE job lacks;
--   4. reads time zones anew, once a day, and puts right the alarms that this changes;
--   5. has pg_cron read its entries again.
-- A difference is only a suspicion: kronos.repair_pg_cron looks again under the job's row lock, so a request under way is never undone.
-- Called by: run_internal_task, every minute; migrate.   Returns: counts, the execution's output.
create or replace function kronos.reap() returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_ended    integer := kronos.end_jobs(clock_timestamp());
    v_pauses   record;
    v_suspect  record;
    v_done     text;
    v_counts   jsonb := '{"resumed": 0, "unscheduled": 0, "registered": 0, "corrected": 0, "busy": 0, "failed": 0, "zones": 0, "alarms": 0}';
    v_errors   jsonb := '[]';
    v_zones    record;
    v_task     text;
begin
    begin
        select * into v_pauses from kronos.resume_jobs_in_time(clock_timestamp());
        v_errors := v_pauses.errors;
        v_counts := v_counts || jsonb_build_object('resumed', v_pauses.resumed, 'busy', v_pauses.busy, 'failed', jsonb_array_length(v_errors));
    exception when others then
        v_counts := jsonb_set(v_counts, '{failed}', '1');
        v_errors := jsonb_build_array(jsonb_build_object('task', 'resume_jobs_in_time', 'type', sqlstate, 'message', sqlerrm));
    end;
    for v_suspect in
        select drift.job_id, drift.jobid
          from kronos.pg_cron_drift() as drift
         order by 1
         limit 5000      -- about 3 s; the next minute goes on
    loop
        begin
            v_done := kronos.repair_pg_cron(v_suspect.job_id, v_suspect.jobid);
            if v_done is not null then
                v_counts := jsonb_set(v_counts, array[v_done], to_jsonb((v_counts ->> v_done)::integer + 1));
            end if;
        exception when others then
            v_counts := jsonb_set(v_counts, '{failed}', to_jsonb((v_counts ->> 'failed')::integer + 1));
            v_errors := v_errors || jsonb_build_object('job_id', v_suspect.job_id, 'jobid', v_suspect.jobid, 'type', sqlstate, 'message', sqlerrm);
        end;
    end loop;
    for v_task in select unnest(array['refresh_zones', 'wake_pg_cron']) loop
        begin
            if v_task = 'refresh_zones' then
                select * into v_zones from kronos.refresh_zones();
                v_errors := v_errors || v_zones.errors;
                v_counts := v_counts || jsonb_build_object('zones', v_zones.zones, 'alarms', v_zones.alarms,
                                                           'failed', (v_counts ->> 'failed')::integer + jsonb_array_length(v_zones.errors));
            else
                perform kronos.wake_pg_cron();
            end if;
        exception when others then
            v_counts := jsonb_set(v_counts, '{failed}', to_jsonb((v_counts ->> 'failed')::integer + 1));
            v_errors := v_errors || jsonb_build_object('task', v_task, 'type', sqlstate, 'message', sqlerrm);
        end;
    end loop;
    v_counts := v_counts || jsonb_build_object('ended', v_ended);
    return case when v_errors = '[]' then v_counts else v_counts || jsonb_build_object('errors', v_errors) end;
end
$$;
