-- When pg_cron last rang each internal job ('-infinity': not yet): the pulse that API and workers judge it
-- by.
create table kronos.heartbeats (
    job_id        uuid        not null,
    rang_at       timestamptz not null,
    -- of lease-keeper: as it looked, nothing waited for a claim that was due before (keep_leases)
    waiting_from  timestamptz not null default '-infinity',
    constraint heartbeats_pkey primary key (job_id)
) with (fillfactor = 50);
