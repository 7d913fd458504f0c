create table kronos.history_weeks (
    workspace_id  uuid  not null,
    subject_id    uuid  not null,
    status        text  not null,
    week          date  not null,
    execution_id  uuid  not null,
    constraint history_weeks_pkey primary key (subject_id, status, week, execution_id)
);
create index history_weeks_by_age on kronos.history_weeks (week);
alter table kronos.retention add column weeks_from timestamptz not null default now() + interval '1 day';
