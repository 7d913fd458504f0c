-- The keys that may call the API. The secret is never stored, only its SHA-256: it has 256 random bits, so a
-- slow hash adds nothing.
create table kronos.api_keys (
    key_id         uuid        not null default gen_random_uuid(),
    public_id      text        not null,
    secret_sha256  bytea       not null,
    role           text        not null,
    created_at     timestamptz not null default now(),
    revoked_at     timestamptz,
    -- host and path of the file to which Kronos wrote it
    kept_in        text,
    workspace_id   uuid,                              -- null: the instance's
    sees_payloads  boolean     not null default true, -- inputs, outputs, requests, responses
    name           text,
    created_by     text,                              -- the key that created it; null: the server
    expires_at     timestamptz,                       -- from then on it is rejected
    last_used_at   timestamptz,                       -- accurate to a minute
    -- how many requests it may make per minute; null: the default of the instance's keys
    requests_per_minute integer,
    -- when it was first seen in a URL; it may be in logs since then
    burnt_at       timestamptz,
    constraint api_keys_pkey           primary key (key_id),
    constraint api_keys_public_id_key  unique (public_id),
    constraint api_keys_role_known     check (role in ('viewer', 'operator', 'admin', 'instance_admin')),
    constraint api_keys_digest_is_full check (octet_length(secret_sha256) = 32),
    constraint api_keys_instance_is_told check ((role = 'instance_admin') = (workspace_id is null)),
    constraint api_keys_payloads_are_viewers check (sees_payloads or role = 'viewer'),
    constraint api_keys_name_bounded   check (char_length(name) between 1 and 200),
    constraint api_keys_workspace_fkey foreign key (workspace_id)
        references kronos.workspaces (workspace_id),
    constraint api_keys_rate_bounded   check (requests_per_minute between 1 and 100000000)
);
-- Serves list_workspace_keys, and the deletion of a workspace.
create index api_keys_of_workspace on kronos.api_keys (workspace_id, created_at desc, key_id desc)
    where workspace_id is not null;
