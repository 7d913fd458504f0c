-- How missed deliveries are spread, over all jobs together: some immediately, the rest one every
-- stagger_seconds; and how far the current wave has come.
create table kronos.catch_up_wave (
    only_row         boolean     not null default true,
    immediate        integer     not null default 5,
    stagger_seconds  integer     not null default 5,
    began_at         timestamptz not null default '-infinity',
    at_once          integer     not null default 0,
    last_run_at      timestamptz not null default '-infinity',
    constraint catch_up_wave_pkey              primary key (only_row),
    constraint catch_up_wave_is_one            check (only_row),
    constraint catch_up_wave_immediate_bounded check (immediate between 1 and 10000),
    constraint catch_up_wave_stagger_bounded   check (stagger_seconds between 0 and 3600)
);
insert into kronos.catch_up_wave default values;
