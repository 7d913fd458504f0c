-- The version that the workspace was deleted at: what takes its slug begins above it.
alter table kronos.deletions add column version integer not null default 0;
-- Serves continue_versions.
create index deletions_of_slug on kronos.deletions (slug, version);
-- The same of those that the release before deleted.
create index workspaces_of_slug_deleted on kronos.workspaces (slug, version) where status = 'DELETED';
