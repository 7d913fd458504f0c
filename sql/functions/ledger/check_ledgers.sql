-- check_ledgers: check_ledger for the next p_count jobs in the order of their ids: jobs that are live or were
-- live within the window. One statement finds all that are plainly correct (sound_ledgers); the others are
-- checked one by one.
-- Returns: one row per job; none at the end.
create or replace function kronos.check_ledgers(p_after uuid, p_count integer, p_from timestamptz,
                                                p_to timestamptz)
returns table (job_id uuid, name text, workspace text, expected integer, unaccounted integer,
               surplus integer, first_unaccounted timestamptz, first_surplus timestamptz, overdue integer,
               is_truncated boolean, error jsonb)
language sql stable set search_path = pg_catalog, pg_temp
as $$
    with job as materialized (
        select candidate.job_id, candidate.name, candidate.workspace_id
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
                    and over.ticks_until is not null      -- so that jobs_until is used; a live job has none
                    and over.ticks_until > p_from
                    and over.job_id > p_after
                  order by over.job_id
                  limit p_count)) as candidate
         order by candidate.job_id
         limit p_count
    ), sound as materialized (
        select found.job_id, found.expected, found.overdue
          from kronos.sound_ledgers(array(select job.job_id from job), p_from, p_to) as found
    )
    select job.job_id, job.name, workspace.slug, ledger.expected, ledger.unaccounted, ledger.surplus,
           ledger.first_unaccounted, ledger.first_surplus, ledger.overdue, ledger.is_truncated, ledger.error
      from (select sound.job_id, sound.expected, 0 as unaccounted, 0 as surplus,
                   null::timestamptz as first_unaccounted, null::timestamptz as first_surplus, sound.overdue,
                   false as is_truncated, null::jsonb as error
              from sound
            union all
            select other.job_id, each.expected, each.unaccounted, each.surplus, each.first_unaccounted,
                   each.first_surplus, each.overdue, each.is_truncated, each.error
              from (select job.job_id
                      from job
                     where job.job_id not in (select sound.job_id from sound)
                    offset 0) as other
             cross join lateral kronos.check_ledger(other.job_id, p_from, p_to) as each) as ledger
      join job using (job_id)
      join kronos.workspaces as workspace using (workspace_id)
     order by job.job_id
$$;
