-- A calendar is a document of kind CALENDAR (kronos.documents), and here as next_tick's neighbours ask it: is
-- an instant closed? Its present version; its row goes with its deletion.
create table kronos.calendars (
    document_id   uuid           not null,
    workspace_id  uuid           not null,
    name          text           not null,
    version       integer        not null,
    timezone      text           not null,                 -- whose clocks all below are read on
    -- of each week, in minutes from Monday's midnight
    closed_week   int4multirange not null default '{}',
    -- spans that do not overlap, in order: from one of froms up to, and without, the tos beside it; open ones
    -- are open whatever the week says
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

-- A calendar that was changed, as long as jobs that name it have still to follow: their pointers are where
-- the version before had them (move_some). It goes when all have followed.
create table kronos.calendar_moves (
    document_id   uuid        not null,
    workspace_id  uuid        not null,
    name          text        not null,
    version       integer     not null,      -- the one that they follow
    -- how far it has come, in the order of the jobs' ids
    after_job_id  uuid        not null default '00000000-0000-0000-0000-000000000000',
    -- passed over: somebody held them
    behind        uuid[]      not null default '{}',
    jobs_left     integer     not null,      -- about
    moved         integer     not null default 0,      -- pointers
    next_at       timestamptz not null default '-infinity', -- it is not tried before
    last_error    jsonb,                     -- at, type, message; of the last that failed
    constraint calendar_moves_pkey          primary key (document_id),
    constraint calendar_moves_calendar_fkey foreign key (workspace_id, name)
        references kronos.calendars (workspace_id, name) on delete cascade
);
