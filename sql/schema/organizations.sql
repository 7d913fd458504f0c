-- The owners of workspaces, for instances that serve several. It does not isolate anything; workspaces do.
create table kronos.organizations (
    organization_id uuid        not null default gen_random_uuid(),
    slug            text        not null,
    name            text        not null,
    version         integer     not null default 1,    -- counts changes, for If-Match
    created_at      timestamptz not null default now(),
    constraint organizations_pkey         primary key (organization_id),
    constraint organizations_slug_key     unique (slug),
    constraint organizations_slug_shape   check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    constraint organizations_name_bounded check (char_length(name) between 1 and 200)
);
-- Serves list_organizations.
create index organizations_newest on kronos.organizations (created_at desc, organization_id desc);
