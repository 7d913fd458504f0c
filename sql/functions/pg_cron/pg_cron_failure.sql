-- pg_cron_failure: the results of the newest p_newest of our alarms in pg_cron's log. A refused login has
-- neither start nor end there, but a failed status and a message: if the newest alarm failed, and no internal
-- job rings any more, pg_cron rings for no job. Reads at most the newest 20,000 rows of the log, including
-- others' rows, by runid, which is indexed and increases with time.
-- Runs that an administrator or a restart cut short are not failures, nor are runs of an entry that has been
-- replaced since: after a move to another port the old entries fail until the reaper has written new ones,
-- and the next minute shows whether those do.
-- Returns: one row. ended: how many of these have ended; message: that of the newest failure; is_newest:
-- nothing has succeeded since; last_runid: the newest of them. Zero and null if pg_cron cannot be read, or
-- keeps no log.
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
        -- Not granted by a superuser: the index is then read down to our own rows, past all others.
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
                    -- the ring that migrate requests
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
