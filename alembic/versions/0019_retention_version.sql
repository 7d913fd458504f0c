-- A constant default: the rows there are get it without being written.
alter table kronos.workspace_retention add column version integer not null default 2;
