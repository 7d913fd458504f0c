-- pg_cron_failure: what pg_cron's log says of the newest p_newest of our alarms. A login that was refused has
-- neither start nor end there, a failed status and a message: where the newest of all failed, and no internal
-- job rings any more, pg_cron rings for nobody. Of all rows, others' too, it reads the newest 20,000 at most,
-- by runid, which is indexed and given out in the order of time. Runs that were cut short by an administrator
-- or a restart are no failures, nor is a run of an entry that was replaced since: after a move to another
-- port the old entries fail until the reaper has written new ones, and the next minute says whether those do.
-- Returns: one row. ended: how many of these have ended; message: the newest failure's, is_newest: nothing
-- has succeeded since; last_runid: the newest of them. Zero and null where pg_cron cannot be read, or keeps
-- no log.
create or replace function kronos.pg_cron_failure(p_newest integer, out ended integer, out failed integer,
                                                  out message text, out is_newest boolean,
                                                  out last_runid bigint)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set lock_timeout = '50ms'
set enable_seqscan = off
as $$
declare
    v_floor bigint := 0;
begin
    begin
        v_floor := (select sequence.last_value - 20000 from cron.runid_seq as sequence);
    exception when insufficient_privilege or undefined_table then
        -- not granted by a superuser: then the index is read down to our own rows, however many others have
        null;
    end;
    select count(*), count(*) filter (where newest.status = 'failed'),
           (array_agg(left(newest.return_message, 200) order by newest.runid desc)
            filter (where newest.status = 'failed'))[1],
           coalesce((array_agg(newest.status = 'failed' order by newest.runid desc))[1], false),
           coalesce(max(newest.runid), 0)
      into ended, failed, message, is_newest, last_runid
      from (select detail.jobid, detail.runid, detail.status, detail.return_message
              from cron.job_run_details as detail
             where detail.runid > v_floor
               and (detail.command like 'select kronos.fire(%'
                    or detail.command like 'call kronos.ring(%'
                    -- the ring that migrate asks for
                    or detail.command like 'select pg_notify(''kronos_ring_%')
             order by detail.runid desc
             limit p_newest) as newest
     where newest.status in ('succeeded', 'failed')
       and coalesce(newest.return_message, '') not in ('job canceled', 'server restarted')
       and exists (select from cron.job as entry where entry.jobid = newest.jobid);
exception
    when undefined_table
    or undefined_column
    or invalid_schema_name
    or insufficient_privilege
    or lock_not_available then
    ended := 0;
    failed := 0;
    is_newest := false;
    last_runid := 0;
end
$$;
