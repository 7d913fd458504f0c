alter table kronos.workspaces add column was_suspended tstzmultirange not null default '{}';
