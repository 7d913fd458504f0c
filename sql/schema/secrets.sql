-- A workspace's secrets: one row each, whose value PUT replaces. The API encrypts the value with a key that
-- is not in the database (kronos/encryption.py), and only workers decrypt it: kronos_api may not read
-- ciphertext (grants.sql). Without a key_id the value is lost: it was encrypted with a key that was
-- discarded.
create table kronos.secrets (
    secret_id     uuid        not null default gen_random_uuid(),
    workspace_id  uuid        not null,
    name          text        not null,
    version       integer     not null default 1,
    key_id        text,
    nonce         bytea,
    ciphertext    bytea,
    signs         text,                              -- Standard Webhooks: v1 or v1a; null: no signing key
    public_key    text,                              -- of a v1a key
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    constraint secrets_pkey                primary key (workspace_id, name),
    constraint secrets_workspace_id_fkey   foreign key (workspace_id)
        references kronos.workspaces (workspace_id),
    constraint secrets_name_shape          check (name ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$'),
    constraint secrets_sealed_is_whole     check ((key_id is null) = (nonce is null)
                                              and (key_id is null) = (ciphertext is null)),
    constraint secrets_key_id_shape        check (key_id ~ '^[0-9a-f]{16}$'),
    constraint secrets_nonce_is_full       check (octet_length(nonce) = 12),
    -- the tag is 16 bytes
    constraint secrets_ciphertext_bounded  check (octet_length(ciphertext) between 20 and 65552),
    constraint secrets_signs_known         check (signs in ('v1', 'v1a')),
    constraint secrets_public_key_is_given check ((public_key is null) = (signs is distinct from 'v1a'))
);
-- Serves list_secrets.
create index secrets_newest on kronos.secrets (workspace_id, created_at desc, secret_id desc);
-- Serves secret_keys and list_outdated.
create index secrets_by_key on kronos.secrets (key_id, secret_id) where key_id is not null;
