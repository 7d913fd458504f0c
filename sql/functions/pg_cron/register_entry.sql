-- register_entry: gives a job the pg_cron entry that rings for it, in the caller's transaction. It writes the
-- job's own entry; if the instance shares alarms, it notes the alarm, whose entry is written when the
-- transaction commits, unless it exists (settle_alarms). pg_cron's errors are never caught: they abort the
-- transaction. The command is a constant and a uuid, or a digest, so no user's text is ever SQL. Owned by
-- kronos_cron, so that every entry belongs to that role and runs as it.
-- Returns: {jobid, jobname, schedule, active}, as shown to users. jobid is null for a shared entry that is
-- yet to be written.
-- Raises: KR010 if the job is not an ACTIVE CRON job of an ACTIVE workspace; pg_cron's errors, unchanged.
create or replace function kronos.register_entry(p_job_id uuid) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_alarm  text := kronos.alarm_of(p_job_id);
    v_shared text;
    v_entry  record;
begin
    if v_alarm is null then
        raise sqlstate 'KR010' using
            message = format('job %s cannot be registered with pg_cron: it is not ACTIVE, or its workspace '
                             'is suspended', p_job_id);
    end if;
    v_shared := (select shared.jobname from kronos.shared_names(array[p_job_id]) as shared);
    if v_shared is null then
        return jsonb_build_object('jobid', cron.schedule('kronos:' || p_job_id, v_alarm,
                                                         format('select kronos.fire(%L)', p_job_id)),
                                  'jobname', 'kronos:' || p_job_id, 'schedule', v_alarm, 'active', true);
    end if;
    perform kronos.note_alarm('+', v_alarm);
    select entry.jobid, entry.schedule into v_entry
      from cron.job as entry
     where entry.jobname = v_shared and entry.username = current_user;
    return jsonb_build_object('jobid', v_entry.jobid, 'jobname', v_shared,
                              'schedule', coalesce(v_entry.schedule, v_alarm), 'active', true);
end
$$;
