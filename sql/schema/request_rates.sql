-- How many requests a key may make a minute, unless it has a number of its own
-- (api_keys.requests_per_minute); null: as many as it likes. `kronos migrate` and `up` store it.
create table kronos.request_limit (
    only_row    boolean not null default true,
    per_minute  integer default 300000,
    constraint request_limit_pkey    primary key (only_row),
    constraint request_limit_is_one  check (only_row),
    constraint request_limit_bounded check (per_minute between 1 and 100000000)
);
insert into kronos.request_limit default values;

-- How many requests API processes have taken of a key's present minute, and how many the last of them was
-- given. Unlogged: it is worth a minute, and after a crash each key begins a new one.
create unlogged table kronos.request_rates (
    key_id     uuid        not null,
    window_at  timestamptz not null,
    taken      integer     not null,
    granted    integer     not null,
    constraint request_rates_pkey primary key (key_id)
) with (fillfactor = 50);
