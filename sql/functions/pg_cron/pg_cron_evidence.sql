-- pg_cron_evidence: what pg_cron has about one job: the entry that rings for it, its own or a shared one, and
-- the last alarms of that entry that its log dates within [p_from, p_to) (rings_between).
-- Returns: {entry, rings}; each null if pg_cron cannot be read, or keeps no log (cron.log_run): explaining
-- never fails because of pg_cron.
create or replace function kronos.pg_cron_evidence(p_job_id uuid, p_from timestamptz, p_to timestamptz)
returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set lock_timeout = '50ms'
as $$
declare
    v_entry jsonb;
    v_name    constant text := coalesce((select shared.jobname
                                           from kronos.shared_names(array[p_job_id]) as shared),
                                        'kronos:' || p_job_id);
    v_command constant text := case when v_name like 'kronos:@%'
                                    then format('call kronos.ring(%L)', substr(v_name, 9))
                                    else format('select kronos.fire(%L)', p_job_id) end;
begin
    select to_jsonb(entry) into v_entry
      from cron.job as entry
     where entry.jobname = v_name
       and entry.username = current_user;
    return jsonb_build_object('entry', v_entry, 'rings', kronos.rings_between(v_command, p_from, p_to));
exception
    when undefined_table
    or undefined_column
    or invalid_schema_name
    or insufficient_privilege
    or lock_not_available then
    return jsonb_build_object('entry', null, 'rings', null);
end
$$;
