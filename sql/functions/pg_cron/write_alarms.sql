-- write_alarms: writes and removes shared entries. p_texts: their schedules; p_joins: a job needs it from now
-- on, so it is written if it is missing or wrong; p_needed: false removes it. p_is_lenient: a schedule that
-- pg_cron cannot read raises only a warning and stops no other. The caller holds their locks (alarm_lock).
-- force_generic_plan: otherwise it would be planned again for the length of each array (decision 0127).
-- Returns: how many were written, and removed.
-- Raises: pg_cron's errors, unchanged.
create or replace function kronos.write_alarms(p_texts text[], p_joins boolean[], p_needed boolean[],
                                               p_is_lenient boolean, out written integer, out removed integer)
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_alarm  record;
    v_jobids bigint[];
begin
    written := 0;
    removed := 0;
    if false = any (p_needed) then
        -- the names are computed separately, as in unregister_jobs
        with alarm as materialized (
            select kronos.alarm_name(each.text) as jobname
              from unnest(p_texts, p_needed) as each (text, is_needed)
             where not each.is_needed
        )
        select coalesce(array_agg(entry.jobid), '{}') into v_jobids
          from alarm
          join cron.job as entry on entry.jobname = alarm.jobname and entry.username = current_user;
        perform cron.unschedule(jobid) from unnest(v_jobids) as jobid;
        removed := cardinality(v_jobids);
    end if;
    for v_alarm in
        with alarm as materialized (
            select each.text, kronos.alarm_name(each.text) as jobname, each.nth
              from unnest(p_texts, p_joins, p_needed) with ordinality as each (text, joins, is_needed, nth)
             where each.joins and each.is_needed
        )
        select alarm.text, alarm.jobname
          from alarm
          left join cron.job as entry on entry.jobname = alarm.jobname and entry.username = current_user
         where entry.schedule is distinct from alarm.text
            or not entry.active
            -- the entry that it sees may have been removed since
            or current_setting('transaction_isolation') in ('repeatable read', 'serializable')
         order by alarm.nth
    loop
        begin
            perform cron.schedule(v_alarm.jobname, v_alarm.text,
                                  format('call kronos.ring(%L)', substr(v_alarm.jobname, 9)));
            written := written + 1;
        exception when invalid_parameter_value then      -- pg_cron's error for a schedule that it cannot read
            if not p_is_lenient then
                raise;
            end if;
            raise warning 'kronos: cannot register an entry with pg_cron for %: % (%)', v_alarm.text,
                sqlerrm, sqlstate;
        end;
    end loop;
end
$$;
