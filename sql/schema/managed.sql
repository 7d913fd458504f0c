-- The resources that `apply` created from files, or took over; only these may be pruned. A set is the files
-- of one place, such as a repository; each resource belongs to one set. The row outlives its resource until
-- the next apply of the set.
create table kronos.managed (
    workspace_id uuid        not null,
    kind         text        not null,
    name         text        not null,
    set_name     text        not null,
    object_id    uuid        not null,   -- its own id, or a job's first version: a namesake that
                                         -- a person created later has another
    fields       jsonb       not null,   -- a digest of each field as the file had it: a field that differs
                                         -- on the server was changed there since
    applied_at   timestamptz not null,
    constraint managed_pkey           primary key (workspace_id, kind, name),
    constraint managed_kind_known
        check (kind in ('config', 'payload_spec', 'calendar', 'endpoint', 'job', 'heartbeat', 'alert_rule')),
    constraint managed_set_bounded    check (char_length(set_name) between 1 and 63),
    constraint managed_workspace_fkey foreign key (workspace_id)
        references kronos.workspaces (workspace_id)
);
