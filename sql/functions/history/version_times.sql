-- version_times: when the given versions of a job, or one-shots, may have created executions: from its
-- creation until it was retired or, if later, its backfills ended, an hour more on either side. A single
-- version has no bounds: its executions are all that is asked for.
-- Returns: one row: those of them in the caller's workspace, each with its two times; oldest: nothing was
-- created before, null if no creation time is possible (from 1970 to now); newest: nothing was created after,
-- null for CRON jobs; is_one_shot. All null if there is none. Runs as the caller: row level security applies.
create or replace function kronos.version_times(p_job_ids uuid[], out ids uuid[], out made_from timestamptz[],
                                                out made_until timestamptz[], out oldest timestamptz,
                                                out newest timestamptz, out is_one_shot boolean)
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp set enable_seqscan = off
set jit = off
as $$
declare
    c_slack     constant interval    := interval '1 hour';
    c_first     constant timestamptz := '1970-01-01 00:00:00+00'::timestamptz;      -- ids begin here
    v_workspace constant uuid        := kronos.current_workspace_id();
    v_is_single constant boolean     := cardinality(p_job_ids) <= 1;
begin
    select array_agg(version.job_id), array_agg(version.made_from), array_agg(version.made_until),
           min(version.made_at), max(version.made_at) filter (where version.trigger <> 'CRON') + c_slack,
           bool_or(version.trigger <> 'CRON')
      into ids, made_from, made_until, oldest, newest, is_one_shot
      from (select job.job_id, job.trigger,
                   case when job.created_at between c_first and kronos.now() then job.created_at end
                       as made_at,
                   case when v_is_single then '-infinity'
                        else kronos.finite(job.created_at) - c_slack end as made_from,
                   case when v_is_single then 'infinity'
                        else greatest(coalesce(kronos.finite(job.retired_at) + c_slack, 'infinity'),
                                      filled.made_until) end as made_until
              from (select * from kronos.jobs as stored where stored.job_id = any (p_job_ids)
                     union all
                    select * from kronos.one_shot_rows(p_job_ids)) as job
              left join (select backfill.job_id,
                                max(coalesce(kronos.finite(backfill.completed_at) + c_slack, 'infinity'))
                                    as made_until
                           from kronos.backfills as backfill
                          where backfill.workspace_id = v_workspace
                            and backfill.first_version_id = (select job.first_version_id
                                                               from kronos.jobs as job
                                                              where job.job_id = p_job_ids[1])
                          group by backfill.job_id) as filled using (job_id)
             where job.workspace_id = v_workspace) as version;
end
$$;
