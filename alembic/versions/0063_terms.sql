create index jobs_by_terms on kronos.jobs (workspace_id, cron, every, timezone, anchor, anchor_local, dst_gap,
                                           dst_overlap, starts_at, ends_at, resume_at, status, alarm)
    where trigger = 'CRON' and status in ('ACTIVE', 'PAUSED');
