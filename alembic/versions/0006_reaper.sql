create index jobs_by_zone on kronos.jobs (timezone) where trigger = 'CRON' and status in ('ACTIVE', 'PAUSED');
create index jobs_until on kronos.jobs (ticks_until) where trigger = 'CRON' and ticks_until is not null;

alter table kronos.zones
    add column probes        timestamptz[] not null default '{}',
    add column distances     integer[]     not null default '{}',
    add column changed_at    timestamptz,
    add column changed_from  timestamptz,
    add column from_job_id   uuid,
    add constraint zones_probes_are_whole check (cardinality(probes) = cardinality(distances));
