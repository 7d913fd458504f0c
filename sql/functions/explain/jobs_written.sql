-- jobs_written: the live CRON jobs of a workspace that were written alike: of those with a cron text p_cron,
-- of those with an interval p_every and one of the anchors. By jobs_by_terms, and in its order, with which a
-- caller that takes sorts for dear (enable_sort) has this index where the table was never analyzed, too: of
-- indexes on the workspace or the zone the planner then knows no difference, and each of 4,000 schedules that
-- had just come was looked for among all. Plain, without a search_path of its own, so that it is inlined; and
-- a text: a body that is kept parsed (begin atomic) has the columns that the table had then, and fails once a
-- migration has added one. Row level security confines it.
create or replace function kronos.jobs_written(p_workspace_id uuid, p_cron text, p_every text,
                                               p_timezone text, p_anchor timestamptz,
                                               p_anchor_local timestamp, p_dst_gap text, p_dst_overlap text)
returns setof kronos.jobs
language sql stable rows 50
as $$
    (select job.*
       from kronos.jobs as job
      where p_cron is not null
        and job.workspace_id = p_workspace_id and job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED')
        and job.cron = p_cron and job.every is null and job.timezone = p_timezone and job.anchor is null
        and job.anchor_local is null and job.dst_gap = p_dst_gap and job.dst_overlap = p_dst_overlap
      order by job.every, job.anchor, job.anchor_local, job.starts_at)
     union all
    (select job.*
       from kronos.jobs as job
      where p_cron is null and p_anchor is not null
        and job.workspace_id = p_workspace_id and job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED')
        and job.cron is null and job.every = p_every and job.timezone = p_timezone and job.anchor = p_anchor
        and job.anchor_local is null and job.dst_gap = p_dst_gap and job.dst_overlap = p_dst_overlap
      order by job.cron, job.anchor_local, job.starts_at)
     union all
    (select job.*
       from kronos.jobs as job
      where p_cron is null and p_anchor_local is not null
        and job.workspace_id = p_workspace_id and job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED')
        and job.cron is null and job.every = p_every and job.timezone = p_timezone and job.anchor is null
        and job.anchor_local = p_anchor_local and job.dst_gap = p_dst_gap
        and job.dst_overlap = p_dst_overlap
      order by job.cron, job.anchor, job.starts_at)
$$;
