-- A calendar is a document of kind CALENDAR (kronos.documents). This table holds its current version in the
-- form in which schedules query it: is an instant closed? The row is deleted with the calendar.
create table kronos.calendars (
    document_id   uuid           not null,
    workspace_id  uuid           not null,
    name          text           not null,
    version       integer        not null,
    timezone      text           not null,                 -- the zone in which all times below are read
    -- of each week, in minutes from midnight on Monday
    closed_week   int4multirange not null default '{}',
    -- ascending spans that do not overlap, each from one of froms up to, and without, the tos with the same
    -- index; open spans are open regardless of the week
    froms         timestamp[]    not null default '{}',
    tos           timestamp[]    not null default '{}',
    names         text[]         not null default '{}',
    are_open      boolean[]      not null default '{}',
    constraint calendars_pkey          primary key (document_id),
    -- Serves closed_by.
    constraint calendars_name_taken    unique (workspace_id, name),
    constraint calendars_document_fkey foreign key (workspace_id, document_id)
        references kronos.documents (workspace_id, document_id) on delete cascade
);

-- A changed calendar, while jobs that name it have yet to follow: their pointers are still those of the
-- previous version (move_some). Deleted when all have followed.
create table kronos.calendar_moves (
    document_id   uuid        not null,
    workspace_id  uuid        not null,
    name          text        not null,
    version       integer     not null,      -- the version that they follow
    -- its progress, in the order of the jobs' ids
    after_job_id  uuid        not null default '00000000-0000-0000-0000-000000000000',
    -- skipped because another session had them locked
    behind        uuid[]      not null default '{}',
    jobs_left     integer     not null,      -- approximately
    moved         integer     not null default 0,      -- pointers
    next_at       timestamptz not null default '-infinity', -- not tried before this time
    last_error    jsonb,                     -- at, type, message of the last failure
    constraint calendar_moves_pkey          primary key (document_id),
    constraint calendar_moves_calendar_fkey foreign key (workspace_id, name)
        references kronos.calendars (workspace_id, name) on delete cascade
);
