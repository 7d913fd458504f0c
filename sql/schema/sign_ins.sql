-- People who are signed in. The row is the session: without it the browser's cookie opens nothing.
create table kronos.sign_ins (
    sign_in_id    uuid        not null default gen_random_uuid(),
    secret_sha256 bytea       not null,
    subject       text        not null,
    email         text,
    groups        text[]      not null,
    created_at    timestamptz not null default now(),
    expires_at    timestamptz not null,
    constraint sign_ins_pkey           primary key (sign_in_id),
    constraint sign_ins_secret_key     unique (secret_sha256),
    constraint sign_ins_digest_is_full check (octet_length(secret_sha256) = 32)
);
-- Serves the end of old ones.
create index sign_ins_ended on kronos.sign_ins (expires_at);
