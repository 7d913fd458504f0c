-- Who may call the API. The secret is never stored, only its SHA-256: it has 256 random bits, so a slow hash
-- adds nothing.
create table kronos.api_keys (
    key_id         uuid        not null default gen_random_uuid(),
    public_id      text        not null,
    secret_sha256  bytea       not null,
    role           text        not null,
    created_at     timestamptz not null default now(),
    revoked_at     timestamptz,
    -- host and path of the file that Kronos wrote it to
    kept_in        text,
    -- how many requests it may make a minute; null: as many as the instance's keys may
    requests_per_minute integer,
    -- when it first stood in a URL, whose logs have it since
    burnt_at       timestamptz,
    constraint api_keys_pkey           primary key (key_id),
    constraint api_keys_public_id_key  unique (public_id),
    constraint api_keys_role_known     check (role in ('instance_admin')),
    constraint api_keys_digest_is_full check (octet_length(secret_sha256) = 32),
    constraint api_keys_rate_bounded    check (requests_per_minute between 1 and 100000000)
);
