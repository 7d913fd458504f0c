-- pg_cron_evidence: what pg_cron has about one job: the entry that rings for it, its own or a shared one, and
-- the last ten alarms of that entry that began within [p_from, p_to). Before these, up to three that never
-- began, as when pg_cron's login is refused: their rows have no time, so they are dated by the rows around
-- them.
-- Returns: {entry, rings}; each null if pg_cron cannot be read, or keeps no log (cron.log_run): explaining
-- never fails because of pg_cron. At most 20,000 rows of the log are read, from runid_before on.
create or replace function kronos.pg_cron_evidence(p_job_id uuid, p_from timestamptz, p_to timestamptz)
returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set lock_timeout = '50ms'
as $$
declare
    v_entry jsonb;
    v_rings jsonb;
    v_from  bigint;
    v_name  constant text := coalesce((select shared.jobname
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
    v_from := kronos.runid_before(p_from - interval '10 minutes');
    with around as materialized (
        select detail.runid, detail.start_time, detail.end_time, detail.status, detail.return_message,
               detail.command
          from cron.job_run_details as detail
         where detail.runid >= v_from
         order by detail.runid
         limit 20000
    ), bounds as materialized (
        select max(around.runid) filter (where around.start_time < p_from) as after,
               min(around.runid) filter (where around.start_time >= p_to) as before,
               coalesce(min(around.start_time) filter (where around.start_time >= p_to),
                        kronos.now()) as before_at
          from around
    ), ring as (
        (select around.runid, around.start_time, around.end_time, around.status, around.return_message
           from around
          where around.command = v_command
            and around.start_time >= p_from
            and around.start_time < p_to
          order by around.start_time desc
          limit 10)
         union all
        (select refused.runid, null, refused.end_time, refused.status, refused.return_message
           from around as refused
          cross join bounds
          where refused.command = v_command
            and refused.status = 'failed'
            and refused.start_time is null
            and (bounds.after is null or refused.runid > bounds.after)
            and (bounds.before is null or refused.runid < bounds.before)
            -- A log that begins with failed logins does not show when it began: assume at most an hour before
            -- its first dated row.
            and (bounds.after is not null or p_to > bounds.before_at - interval '1 hour')
          order by refused.runid desc
          limit 3)
    )
    select jsonb_agg(jsonb_build_object('started_at', kronos.iso(ring.start_time),
                                        'ended_at', kronos.iso(ring.end_time), 'status', ring.status,
                                        'message', left(ring.return_message, 200))
                     order by ring.start_time nulls first, ring.runid)
      into v_rings
      from ring;
    return jsonb_build_object('entry', v_entry, 'rings', coalesce(v_rings, '[]'));
exception
    when undefined_table
    or undefined_column
    or invalid_schema_name
    or insufficient_privilege
    or lock_not_available then
    return jsonb_build_object('entry', null, 'rings', null);
end
$$;
