-- name: enter_workspace
-- No row: no such workspace. The setting lives as long as the transaction, and row level security goes by it.
select workspace_id, slug, status
  from kronos.find_workspace(%(workspace)s) as workspace
 where set_config('kronos.workspace_id', workspace.workspace_id::text, true) is not null;

-- name: enter_instance
-- For the instance's administrator: the workspaces themselves.
select set_config('kronos.instance_admin', 'on', true) as instance_admin;

-- name: insert_workspace
-- No row: the slug is taken.
insert into kronos.workspaces (slug, name)
values (%(slug)s, %(name)s)
    on conflict (slug) where status <> 'DELETED' do nothing
returning workspace_id, slug, name, status, created_at, suspended_at;

-- name: get_workspace
select workspace_id, slug, name, status, created_at, suspended_at
  from kronos.workspaces
 where workspace_id = (select found.workspace_id from kronos.find_workspace(%(workspace)s) as found);

-- name: list_workspaces
select workspace_id, slug, name, status, created_at, suspended_at
  from kronos.workspaces
 where status <> 'DELETED'
   and (created_at, workspace_id)
       < (case when %(before_created_at)s::timestamptz is null then 'infinity' else %(before_created_at)s::timestamptz end,
          case when %(before_id)s::uuid is null then 'ffffffff-ffff-ffff-ffff-ffffffffffff' else %(before_id)s::uuid end)
 order by created_at desc, workspace_id desc
 limit %(limit)s;

-- name: update_workspace
-- No row: no such workspace. Null leaves a field as it is. The reaper removes a suspended workspace's entries, fire already refuses them.
update kronos.workspaces
   set name         = coalesce(%(name)s::text, name),
       status       = coalesce(%(status)s::text, status),
       suspended_at = case when coalesce(%(status)s::text, status) = 'ACTIVE' then null else coalesce(suspended_at, now()) end
 where workspace_id = (select found.workspace_id from kronos.find_workspace(%(workspace)s) as found)
returning workspace_id, slug, name, status, created_at, suspended_at;

-- name: resume_jobs
-- The ticks of the time in which the workspace was suspended are recorded as skipped. One row: how many jobs that concerned.
with skipped as materialized (
    select kronos.skip_ticks(job.job_id, now(), kronos.why_halted(job)) as ticks
      from kronos.jobs as job
      join kronos.workspaces as workspace using (workspace_id)
     where job.workspace_id = %(workspace_id)s
       and workspace.status = 'SUSPENDED'
       and job.status = 'ACTIVE'
       and job.trigger = 'CRON'
       and job.next_tick_at <= now()
)
select count(*)::integer as jobs from skipped;

-- name: delete_workspace
-- No row: it has jobs that are still ACTIVE or PAUSED.
update kronos.workspaces as workspace
   set status = 'DELETED', deleted_at = now()
 where workspace_id = %(workspace_id)s
   and status <> 'DELETED'
   and not exists (select from kronos.jobs as job where job.workspace_id = workspace.workspace_id and job.status in ('ACTIVE', 'PAUSED'))
returning workspace_id, slug, name, status, created_at, suspended_at;
