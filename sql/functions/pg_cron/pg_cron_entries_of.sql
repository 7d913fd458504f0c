-- pg_cron_entries_of: the entries that ring for the jobs of a page, read together: own entries or shared
-- ones. The names are computed before the query: with row level security on cron.job, names computed within
-- it could not use the index. One plan serves every page: by default, each read was planned for its ids.
-- Returns: no row for a job without an entry; jobid is null for an entry that is written when the transaction
-- commits. No rows if pg_cron cannot be read: reading jobs never fails because of pg_cron.
create or replace function kronos.pg_cron_entries_of(p_job_ids uuid[])
returns table (job_id uuid, entry jsonb)
language plpgsql stable rows 50 security definer set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms' set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
    v_noted constant text := current_setting('kronos.alarms_noted', true);
    v_job_ids uuid[];
    v_names   text[];
    v_alarms  text[];      -- of jobs whose shared entry this transaction will write
begin
    select array_agg(wanted.id order by wanted.nth),
           array_agg(coalesce(shared.jobname, 'kronos:' || wanted.id) order by wanted.nth),
           array_agg(case when position(e'\n+' || shared.alarm || e'\n' in v_noted) > 0 then shared.alarm end
                     order by wanted.nth)
      into v_job_ids, v_names, v_alarms
      from unnest(p_job_ids) with ordinality as wanted (id, nth)
      left join kronos.shared_names(p_job_ids) as shared on shared.job_id = wanted.id;
    return query
        select wanted.id, jsonb_build_object('jobid', found.jobid, 'jobname', wanted.name,
                                             'schedule', coalesce(found.schedule, wanted.alarm),
                                             'active', coalesce(found.active, true))
          from unnest(v_job_ids, v_names, v_alarms) as wanted (id, name, alarm)
          left join lateral (select entry.jobid, entry.schedule, entry.active
                               from cron.job as entry
                              where entry.jobname = wanted.name
                                and entry.username = current_user
                              limit 1) as found on true
         where found.jobid is not null or wanted.alarm is not null;
exception when undefined_table or invalid_schema_name or insufficient_privilege or lock_not_available then
    return;
end
$$;
