-- mend_pg_cron_entries: checks some suspected differences again and corrects the entries. Each entry is found
-- by an index, whatever their number. All are checked before any is written: cron.schedule invalidates every
-- plan that reads cron.job, which costs more than the call itself (0.3 ms per entry one by one, 0.1
-- together).
-- p_jobids: the suspected entries; null if a job has none. p_alarms: the schedule that must ring each job;
-- null if it must have no entry. The caller holds the jobs' rows locked, if there are any.
-- Returns: what was done with each, in their order: unscheduled, registered, corrected; null if it was right.
-- Raises: pg_cron's errors, unchanged, e.g. 42501 for another role's entry without the right to delete it.
create or replace function kronos.mend_pg_cron_entries(p_job_ids uuid[], p_jobids bigint[], p_alarms text[],
                                                       p_database text, p_nodename text, p_nodeport integer)
returns text[]
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
as $$
declare
    v_done  text[];
    v_wrong boolean[];
begin
    -- The name is computed separately: with row level security on cron.job, a condition that calls a function
    -- cannot use an index.
    with suspect as materialized (
        select *, 'kronos:' || each.job_id as jobname
          from unnest(p_job_ids, p_jobids, p_alarms) with ordinality as each (job_id, jobid, alarm, nth)
    )
    select array_agg(case when suspect.jobid is null and (suspect.alarm is null or own.jobid is not null)
                          then null
                          when suspect.jobid is null
                              then 'registered'
                          when found.jobid is null
                              then null
                          when suspect.alarm is null or found.username <> current_user
                              then 'unscheduled'
                          when found.is_right and found.schedule = suspect.alarm
                              then null
                          else 'corrected'
                     end order by suspect.nth),
           array_agg(found.is_right is false
                     or found.username <> current_user
                     or suspect.alarm is null order by suspect.nth)
      into v_done, v_wrong
      from suspect
      left join cron.job as own on own.jobname = suspect.jobname and own.username = current_user
      left join lateral (select entry.jobid, entry.username, entry.schedule,
                                kronos.is_right_entry(entry.jobname::text, entry.command, entry.active,
                                                      entry.database, entry.nodename, entry.nodeport,
                                                      p_database, p_nodename, p_nodeport) as is_right
                           from cron.job as entry
                          where entry.jobid = suspect.jobid
                            and entry.jobname like 'kronos:%') as found on true;
    -- cron.schedule does not change an entry's database, host, port and activity
    perform cron.unschedule(suspect.jobid)
       from unnest(p_jobids, v_done, v_wrong) as suspect (jobid, done, is_wrong)
      where suspect.done in ('unscheduled', 'corrected') and suspect.is_wrong;
    perform cron.schedule('kronos:' || suspect.job_id, suspect.alarm,
                          format('select kronos.fire(%L)', suspect.job_id))
       from unnest(p_job_ids, p_alarms, v_done) as suspect (job_id, alarm, done)
      where suspect.done in ('registered', 'corrected');
    return v_done;
end
$$;
