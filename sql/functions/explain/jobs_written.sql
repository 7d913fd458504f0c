-- jobs_written: the live CRON jobs of a workspace whose schedules were written alike: for cron texts p_cron,
-- for intervals p_every and one of the anchors. Row level security applies.
-- Reads jobs_by_terms, in its order. A caller that disables sorts (enable_sort) therefore gets this index
-- even on a table that was never analyzed. Otherwise the planner sees no difference to the indexes on
-- workspace or zone, and searched all jobs for each of 4,000 newly added schedules.
-- No search_path setting, so that it is inlined. The body is text: a parsed body (begin atomic) keeps the
-- table's columns of its creation, and fails after a migration adds one.
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
