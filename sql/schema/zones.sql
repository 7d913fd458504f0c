-- The data that kronos.alarm needs of a time zone that jobs use, for the next two years, because reading it
-- takes milliseconds. refresh_zones maintains it, and detects by the probes that PostgreSQL's rules for the
-- zone differ from those by which its jobs are scheduled.
create table kronos.zones (
    timezone      text          not null,
    offsets       integer[]     not null,    -- seconds east of UTC, ascending
    gaps          timestamptz[] not null,    -- the instants at which clocks are put forward
    gap_seconds   integer[]     not null,    -- and by how much
    read_at       timestamptz   not null default now(),
    -- instants a week apart, and the two seconds around each clock change
    probes        timestamptz[] not null default '{}',
    distances     integer[]     not null default '{}',    -- the zone's UTC offset at each, in seconds
    changed_at    timestamptz,               -- when a change of the rules was last noticed
    changed_from  timestamptz,               -- the last probe before the first one with a different offset
    from_job_id   uuid,                      -- jobs from this one on are still to be checked; null: none
    -- and one-shots at a local time from this job on, in the order of their ids; null: from the first
    one_shots_from uuid,
    constraint zones_pkey             primary key (timezone),
    constraint zones_gaps_are_whole   check (cardinality(gaps) = cardinality(gap_seconds)),
    constraint zones_probes_are_whole check (cardinality(probes) = cardinality(distances))
);
