-- When pg_cron last rang each internal job ('-infinity': never): the pulse by which API and workers judge it.
create table kronos.heartbeats (
    job_id        uuid        not null,
    rang_at       timestamptz not null,
    -- of lease-keeper: at its last scan, no execution that was due before this waited for a claim
    -- (keep_leases)
    waiting_from  timestamptz not null default '-infinity',
    constraint heartbeats_pkey primary key (job_id)
) with (fillfactor = 50);
