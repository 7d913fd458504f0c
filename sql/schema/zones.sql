-- What kronos.alarm needs of a time zone that jobs use, for the coming two years: reading it takes milliseconds. refresh_zones keeps it.
create table kronos.zones (
    timezone     text          not null,
    offsets      integer[]     not null,    -- seconds east of UTC, ascending
    gaps         timestamptz[] not null,    -- the instants at which clocks are put forward
    gap_seconds  integer[]     not null,    -- and by how much
    read_at      timestamptz   not null default now(),
    constraint zones_pkey           primary key (timezone),
    constraint zones_gaps_are_whole check (cardinality(gaps) = cardinality(gap_seconds))
);
