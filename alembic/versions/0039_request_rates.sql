alter table kronos.api_keys
    add column requests_per_minute integer,
    add column burnt_at timestamptz,
    add constraint api_keys_rate_bounded check (requests_per_minute between 1 and 100000000);

create table kronos.request_limit (
    only_row    boolean not null default true,
    per_minute  integer default 300000,
    constraint request_limit_pkey    primary key (only_row),
    constraint request_limit_is_one  check (only_row),
    constraint request_limit_bounded check (per_minute between 1 and 100000000)
);
insert into kronos.request_limit default values;

create unlogged table kronos.request_rates (
    key_id     uuid        not null,
    window_at  timestamptz not null,
    taken      integer     not null,
    granted    integer     not null,
    constraint request_rates_pkey primary key (key_id)
) with (fillfactor = 50);
