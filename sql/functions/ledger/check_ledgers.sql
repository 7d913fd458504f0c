-- check_ledgers: check_ledger for the next p_count jobs in the order of their ids: those that are live or were within the window.
-- Returns: a row a job; none at the end.
create or replace function kronos.check_ledgers(p_after uuid, p_count integer, p_from timestamptz, p_to timestamptz)
returns table (job_id uuid, name text, workspace text, expected integer, unaccounted integer, surplus integer, first_unaccounted timestamptz,
               first_surplus timestamptz, overdue integer, is_truncated boolean, error jsonb)
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select job.job_id, job.name, workspace.slug, ledger.expected, ledger.unaccounted, ledger.surplus, ledger.first_unaccounted,
           ledger.first_surplus, ledger.overdue, ledger.is_truncated, ledger.error
      from (select candidate.job_id, candidate.name, candidate.workspace_id
              from ((select live.job_id, live.name, live.workspace_id
                       from kronos.jobs as live
                      where live.trigger = 'CRON'
                        and live.status in ('ACTIVE', 'PAUSED')
                        and live.job_id > p_after
                      order by live.job_id
                      limit p_count)
                    union all
                    (select over.job_id, over.name, over.workspace_id
                       from kronos.jobs as over
                      where over.trigger = 'CRON'
                        and over.ticks_until is not null      -- so that jobs_until serves it; a live job has none
                        and over.ticks_until > p_from
                        and over.job_id > p_after
                      order by over.job_id
                      limit p_count)) as candidate
             order by candidate.job_id
             limit p_count) as job
      join kronos.workspaces as workspace using (workspace_id)
     cross join lateral kronos.check_ledger(job.job_id, p_from, p_to) as ledger
     order by job.job_id
$$;
