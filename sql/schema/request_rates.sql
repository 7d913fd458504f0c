-- How many requests a key may make per minute, unless it has its own limit (api_keys.requests_per_minute);
-- null: no limit. `kronos migrate` and `kronos up` store it.
create table kronos.request_limit (
    only_row    boolean not null default true,
    per_minute  integer default 300000,
    constraint request_limit_pkey    primary key (only_row),
    constraint request_limit_is_one  check (only_row),
    constraint request_limit_bounded check (per_minute between 1 and 100000000)
);
insert into kronos.request_limit default values;

-- How many requests of a key's current minute API processes have reserved, and how many the last of them got.
-- Unlogged: the data is useful for a minute, and after a crash each key begins a new one.
create unlogged table kronos.request_rates (
    key_id     uuid        not null,
    window_at  timestamptz not null,
    taken      integer     not null,
    granted    integer     not null,
    constraint request_rates_pkey primary key (key_id)
) with (fillfactor = 50);
