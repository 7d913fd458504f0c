-- signs_of_tasks: background work of Kronos that makes no progress.
-- Returns: one row each, up to p_limit per kind. OPERATION: its next step has been due for 15 minutes.
-- DELETION: likewise, or its last step failed. BACKFILL: it has created nothing for a day. TASK: an internal
-- job whose newest run of the last ten minutes failed. seconds: how long it has been due, or its age.
create or replace function kronos.signs_of_tasks(p_limit integer)
returns table (kind text, name text, seconds double precision, message text)
language plpgsql stable security definer rows 5 set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set jit = off
as $$
declare
    v_late constant timestamptz := kronos.now() - interval '15 minutes';
begin
    return query
        (select 'OPERATION', workspace.slug || '/' || lower(operation.kind),
                extract(epoch from kronos.now() - operation.next_at)::double precision, null::text
           from kronos.operations as operation
           join kronos.workspaces as workspace using (workspace_id)
          where operation.status = 'RUNNING' and operation.next_at < v_late
            and workspace.status <> 'SUSPENDED'
          order by operation.next_at
          limit p_limit);
    return query
        (select 'DELETION', deletion.slug,
                extract(epoch from kronos.now() - greatest(deletion.created_at,
                                                           deletion.next_at))::double precision,
                deletion.last_error ->> 'message'
           from kronos.deletions as deletion
          where deletion.status = 'RUNNING'
            and (deletion.last_error is not null
                 or greatest(deletion.created_at, deletion.next_at) < v_late)
          order by deletion.next_at
          limit p_limit);
    return query
        (select 'BACKFILL', workspace.slug || '/' || backfill.backfill_id,
                extract(epoch from kronos.now() - backfill.created_at)::double precision, null::text
           from kronos.backfills as backfill
           join kronos.workspaces as workspace using (workspace_id)
          where backfill.status = 'RUNNING' and backfill.created = 0 and backfill.redriven = 0
            and backfill.created_at < kronos.now() - interval '1 day'
          limit p_limit);
    return query
        select 'TASK', newest.job, extract(epoch from kronos.now() - newest.at)::double precision,
               newest.error ->> 'message'
          from (select distinct on (done.job_id) job.name as job, done.status, done.error,
                       done.scheduled_at as at
                  from kronos.done_among(
                           array(select kronos.tick_id(beat.job_id, date_trunc('minute', kronos.now(), 'UTC')
                                                                    - minute * interval '1 minute')
                                   from kronos.heartbeats as beat
                                  cross join generate_series(0, 9) as minute)) as done
                  join kronos.jobs as job using (job_id)
                 order by done.job_id, done.scheduled_at desc) as newest
         where newest.status = 'FAILED';
end
$$;
