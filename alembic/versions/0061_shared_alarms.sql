-- Jobs that tick alike share an entry of pg_cron, where the instance has it so.
create table kronos.alarm_setting (
    only_row    boolean not null default true,
    wanted      text    not null default 'auto',
    is_shared   boolean not null default false,
    folded      bigint  not null default 0,
    folded_at   timestamptz not null default '-infinity',
    changed_at  timestamptz not null default now(),
    constraint alarm_setting_pkey         primary key (only_row),
    constraint alarm_setting_is_one       check (only_row),
    constraint alarm_setting_wanted_known check (wanted in ('auto', 'own', 'shared')),
    constraint alarm_setting_folded_bits  check (folded between 0 and 1152921504606846975)
);
insert into kronos.alarm_setting default values;
create index jobs_by_alarm on kronos.jobs (alarm, workspace_id) where trigger = 'CRON' and status = 'ACTIVE';
