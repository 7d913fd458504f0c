-- remove_shared: removes the shared entries that ring for nobody any more; those whose lock another session has
-- are left for the next minute. None at all while a job that such an entry may still ring for lacks the one
-- that takes its place, after alarms were shared, parted or folded anew.
-- Returns: how many.
create or replace function kronos.remove_shared() returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_place  constant record := kronos.entry_place();
    v_jobids bigint[];
    v_names  text[];
begin
    select array_agg(drift.jobname) into v_names
      from kronos.pg_cron_drift() as drift
     where drift.difference = 'an entry that jobs shared has none'
       and pg_try_advisory_xact_lock(hashtext('kronos.alarms'), kronos.alarm_lock(drift.jobname));
    if v_names is null then
        return 0;
    end if;
    -- as it is now that they are locked
    if (not kronos.are_alarms_shared()
        or exists (select from kronos.alarm_setting as setting
                    where greatest(setting.changed_at, setting.folded_at)
                          > kronos.clock() - interval '10 minutes'))
       and exists (select from kronos.pg_cron_drift() as drift where drift.jobid is null) then
        return 0;
    end if;
    v_jobids := array(select drift.jobid
                        from kronos.pg_cron_drift() as drift
                       where drift.difference = 'an entry that jobs shared has none'
                         and drift.jobname = any (v_names));
    if v_jobids <> '{}' then
        perform kronos.mend_pg_cron_entries(array_fill(null::uuid, array[cardinality(v_jobids)]), v_jobids,
                                            array_fill(null::text, array[cardinality(v_jobids)]),
                                            v_place.database, v_place.nodename, v_place.nodeport);
    end if;
    return cardinality(v_jobids);
end
$$;
