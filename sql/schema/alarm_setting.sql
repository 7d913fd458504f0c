-- Whether the jobs of the instance share entries in pg_cron. `kronos migrate` and `kronos up` store the
-- setting. For `auto` the reaper decides, and it also decides which minutes are folded.
create table kronos.alarm_setting (
    only_row    boolean not null default true,
    wanted      text    not null default 'auto',
    is_shared   boolean not null default false,      -- one entry per alarm, otherwise one per job
    -- bits 0-59: the minutes of each hour at which one entry rings for all alarms that ring at no others
    folded      bigint  not null default 0,
    folded_at   timestamptz not null default '-infinity',      -- when it was last decided
    changed_at  timestamptz not null default now(),            -- is_shared
    constraint alarm_setting_pkey         primary key (only_row),
    constraint alarm_setting_is_one       check (only_row),
    constraint alarm_setting_wanted_known check (wanted in ('auto', 'own', 'shared')),
    constraint alarm_setting_folded_bits  check (folded between 0 and 1152921504606846975)
);
insert into kronos.alarm_setting default values;
