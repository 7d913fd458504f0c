-- How many executions of a workspace with max_executions_per_day were created on a day (UTC): 16 rows, each
-- with a share of the day's limit, so that sessions that create executions at the same time do not wait for
-- each other (take_executions). No rows: no such limit, and nothing is counted.
create table kronos.quota_shards (
    workspace_id  uuid      not null,
    shard         smallint  not null,
    day           date      not null,
    used          bigint    not null default 0,
    share         bigint    not null,      -- of this day: the maximum of used
    day_share     bigint    not null,      -- of a new day
    constraint quota_shards_pkey           primary key (workspace_id, shard),
    constraint quota_shards_workspace_fkey foreign key (workspace_id)
        references kronos.workspaces (workspace_id),
    constraint quota_shards_shard_known    check (shard between 0 and 15)
) with (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
