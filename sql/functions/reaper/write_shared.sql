-- write_shared: write shared entries that are missing or wrong, some hundreds at a time, until p_until and at
-- least once. Locks are only tried: entries that another session has locked are left for the next minute.
-- Returns: {registered, corrected}, absent if none.
create or replace function kronos.write_shared(p_until timestamptz) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    c_at_once constant integer := 500;
    v_place   constant record  := kronos.entry_place();
    v_all     text[];
    v_wrong   bigint[];
    v_texts   text[];
    v_at      integer := 1;
    v_done    jsonb := '{}'::jsonb;
begin
    if not kronos.are_alarms_shared() then
        return v_done;
    end if;
    -- the folded one first: it rings for most
    select array_agg(shared.alarm order by shared.alarm not like '%* * * *', shared.alarm),
           array_agg(drift.jobid) filter (where drift.jobid is not null) into v_all, v_wrong
      from kronos.pg_cron_drift() as drift
      join (select alarm, kronos.alarm_name(alarm) as jobname from kronos.shared_alarms() as alarm) as shared
           using (jobname)
     where pg_try_advisory_xact_lock_shared(hashtext('kronos.alarms'), kronos.alarm_lock(drift.jobname));
    if v_wrong is not null then
        perform kronos.mend_pg_cron_entries(array_fill(null::uuid, array[cardinality(v_wrong)]), v_wrong,
                                            array_fill(null::text, array[cardinality(v_wrong)]),
                                            v_place.database, v_place.nodename, v_place.nodeport);
        v_done := jsonb_build_object('corrected', cardinality(v_wrong));
    end if;
    while v_at <= cardinality(v_all) loop
        v_texts := v_all[v_at : v_at + c_at_once - 1];
        v_done := kronos.added(v_done, jsonb_build_object('registered', (
                      select done.written
                        from kronos.write_alarms(v_texts, array_fill(true, array[cardinality(v_texts)]),
                                                 array_fill(true, array[cardinality(v_texts)]),
                                                 true) as done)));
        v_at := v_at + c_at_once;
        exit when kronos.clock() >= p_until and v_wrong is null;
    end loop;
    return v_done;
end
$$;
