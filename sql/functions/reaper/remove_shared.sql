-- remove_shared: remove shared entries that no longer ring for any job, some hundreds at a time, until
-- p_until and at least once. Entries whose lock another session holds are left for the next minute.
-- It removes none while a job for which such an entry may still ring lacks the entry that replaces it, after
-- alarms were shared, separated or folded anew. Jobs whose alarms cannot be read do not count.
-- Returns: how many, and how many differences of shared entries are left.
create or replace function kronos.remove_shared(p_until timestamptz, out removed integer,
                                                out remaining integer)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    c_at_once constant integer := 500;
    v_place  constant record := kronos.entry_place();
    v_jobids bigint[];
    v_names  text[];
    v_missing uuid[];      -- null for a shared entry
    v_at     integer := 1;
    v_some   bigint[];
begin
    removed := 0;
    select count(*) filter (where drift.jobname like 'kronos:@%'),
           array_agg(drift.jobname) filter (where case
               when drift.difference = 'an entry that jobs shared has none'
                   then pg_try_advisory_xact_lock(hashtext('kronos.alarms'), kronos.alarm_lock(drift.jobname))
           end)
      into remaining, v_names
      from kronos.pg_cron_drift() as drift;
    if v_names is null then
        return;
    end if;
    -- again, now that they are locked
    select array_agg(drift.jobid) filter (where drift.difference = 'an entry that jobs shared has none'
                                            and drift.jobname = any (v_names)),
           array_agg(drift.job_id) filter (where drift.jobid is null)
      into v_jobids, v_missing
      from kronos.pg_cron_drift() as drift;
    -- a job that pg_cron never accepts has no shared entry either, and would keep them all forever
    if exists (select
                 from unnest(v_missing) as missing (job_id)
                 left join kronos.jobs as job on job.job_id = missing.job_id
                where missing.job_id is null or kronos.alarm_rings(job.alarm) > 0)
       and (not kronos.are_alarms_shared()
            or exists (select from kronos.alarm_setting as setting
                        where greatest(setting.changed_at, setting.folded_at)
                              > kronos.clock() - interval '10 minutes')) then
        return;
    end if;
    while v_at <= cardinality(v_jobids) loop
        v_some := v_jobids[v_at : v_at + c_at_once - 1];
        perform kronos.mend_pg_cron_entries(array_fill(null::uuid, array[cardinality(v_some)]), v_some,
                                            array_fill(null::text, array[cardinality(v_some)]),
                                            v_place.database, v_place.nodename, v_place.nodeport);
        removed := removed + cardinality(v_some);
        v_at := v_at + c_at_once;
        exit when kronos.clock() >= p_until;
    end loop;
    remaining := remaining - removed;
end
$$;
