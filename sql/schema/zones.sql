-- What kronos.alarm needs of a time zone that jobs use, for the coming two years: reading it takes
-- milliseconds. refresh_zones keeps it, and notices by the probes when PostgreSQL has other rules for the
-- zone than its jobs are scheduled by.
create table kronos.zones (
    timezone      text          not null,
    offsets       integer[]     not null,    -- seconds east of UTC, ascending
    gaps          timestamptz[] not null,    -- the instants at which clocks are put forward
    gap_seconds   integer[]     not null,    -- and by how much
    read_at       timestamptz   not null default now(),
    -- instants a week apart, and the two seconds around each change of the clocks
    probes        timestamptz[] not null default '{}',
    distances     integer[]     not null default '{}',    -- the zone's distance from UTC at each, in seconds
    changed_at    timestamptz,               -- when other rules were noticed last
    changed_from  timestamptz,               -- the last of the probes before the first at which these differ
    from_job_id   uuid,                      -- jobs from this one on have still to be looked at; null: none
    -- and one-shots at a local time from this job on, in the order of their ids; null: from the first
    one_shots_from uuid,
    constraint zones_pkey             primary key (timezone),
    constraint zones_gaps_are_whole   check (cardinality(gaps) = cardinality(gap_seconds)),
    constraint zones_probes_are_whole check (cardinality(probes) = cardinality(distances))
);
