-- Active sign-ins: a person, by an identity provider, or a client with a key. The row is the session: without
-- it the browser's cookie is worthless.
create table kronos.sign_ins (
    sign_in_id    uuid        not null default gen_random_uuid(),
    secret_sha256 bytea       not null,
    subject       text,                              -- a person's
    email         text,
    groups        text[],                            -- a person's
    created_at    timestamptz not null default now(),
    expires_at    timestamptz not null,
    key_id        uuid,                              -- the key that was used to sign in
    constraint sign_ins_pkey           primary key (sign_in_id),
    constraint sign_ins_secret_key     unique (secret_sha256),
    constraint sign_ins_digest_is_full check (octet_length(secret_sha256) = 32),
    constraint sign_ins_key_fkey       foreign key (key_id)
        references kronos.api_keys (key_id) on delete cascade,
    constraint sign_ins_is_of_one
        check (num_nonnulls(key_id, subject) = 1 and num_nonnulls(key_id, groups) = 1)
);
-- Serves the deletion of old ones.
create index sign_ins_ended on kronos.sign_ins (expires_at);
-- Serves the end of a key, and of its oldest sessions.
create index sign_ins_of_key on kronos.sign_ins (key_id, created_at desc, sign_in_id desc)
    where key_id is not null;
