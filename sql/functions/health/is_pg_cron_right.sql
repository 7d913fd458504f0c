-- is_pg_cron_right: whether pg_cron's entries under our name are those that ring the ACTIVE CRON jobs (own or
-- shared entries). Compares counts and a digest of both, which match nearly every minute the reaper runs.
-- 50,000 jobs: 0.09 s of CPU; pg_cron_drift, which finds the differences, takes 0.25.
create or replace function kronos.is_pg_cron_right() returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_are_shared constant boolean := kronos.are_alarms_shared();
begin
    return (
        with wanted as materialized (
            select count(*) as entries,
                   bit_xor(hashtextextended(job.alarm, hashtextextended('kronos:' || job.job_id, 0)))
                       as digest
              from kronos.jobs as job
              join kronos.workspaces as workspace using (workspace_id)
             where job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED')      -- as in jobs_by_zone
               and job.status = 'ACTIVE' and workspace.status = 'ACTIVE'
               and (not v_are_shared or workspace.slug = 'kronos-system')
        ), shared as materialized (
            select count(*) as entries,
                   bit_xor(hashtextextended(alarm, hashtextextended(kronos.alarm_name(alarm), 0))) as digest
              from kronos.shared_alarms() as alarm
        )
        select (found.entries, found.right_entries, coalesce(found.digest, 0))
               = (wanted.entries + shared.entries, wanted.entries + shared.entries,
                  coalesce(wanted.digest, 0) # coalesce(shared.digest, 0))
          from wanted
         cross join shared
         cross join kronos.entry_place() as place
         cross join lateral kronos.pg_cron_digest(place.database, place.nodename, place.nodeport) as found
    );
end
$$;
