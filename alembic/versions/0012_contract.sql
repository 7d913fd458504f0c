alter table kronos.workspaces
    add column version  integer not null default 1;

alter table kronos.endpoints
    add column title  text,
    add constraint endpoints_title_shape check (char_length(title) between 1 and 200 and title !~ '[\u0001-\u001f\u007f-\u009f]');

alter table kronos.jobs
    add column title  text,
    add constraint jobs_title_shape check (char_length(title) between 1 and 200 and title !~ '[\u0001-\u001f\u007f-\u009f]');
drop index kronos.jobs_by_name;
create index jobs_by_name on kronos.jobs (workspace_id, name, created_at desc, job_id) include (title) where name is not null or title is not null;
