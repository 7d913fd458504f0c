-- Each execution that was made late notes its days under its own id: so that no note waits for another's. What
-- is noted already keeps its place, under an id that no execution has.
alter table kronos.late_days add column execution_id uuid not null default '00000000-0000-0000-0000-000000000000';
alter table kronos.late_days alter column execution_id drop default;
alter table kronos.late_days drop constraint late_days_pkey;
alter table kronos.late_days
    add constraint late_days_pkey primary key (workspace_id, created_day, id_day, execution_id);
