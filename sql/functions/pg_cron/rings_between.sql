-- rings_between: the last ten alarms with a command that began within [p_from, p_to), from pg_cron's log.
-- Before these, up to three that never began, as when pg_cron's login is refused: their rows have no time, so
-- they are dated by the rows around them. At most 20,000 rows of the log are read, from runid_before on.
-- Returns: [{started_at, ended_at, status, message}], oldest first.
-- Raises: any error from reading the log.
create or replace function kronos.rings_between(p_command text, p_from timestamptz, p_to timestamptz)
returns jsonb
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_from  constant bigint := kronos.runid_before(p_from - interval '10 minutes');
    v_rings jsonb;
begin
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
          where around.command = p_command
            and around.start_time >= p_from
            and around.start_time < p_to
          order by around.start_time desc
          limit 10)
         union all
        (select refused.runid, null, refused.end_time, refused.status, refused.return_message
           from around as refused
          cross join bounds
          where refused.command = p_command
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
    return coalesce(v_rings, '[]');
end
$$;
