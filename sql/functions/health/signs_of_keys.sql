-- signs_of_keys: whether anybody can administer the instance, which keys need attention, and which quotas are
-- nearly used up.
-- Returns: one row. administrators: valid keys of the instance; lasting: those valid for at least 14 more
-- days. burnt: valid keys that have appeared in a URL; ending: keys used within 30 days that expire within 7,
-- by their public ids. nearly_full: workspaces that have used nine tenths of a day's executions.
create or replace function kronos.signs_of_keys(
    out administrators integer, out lasting integer, out burnt text[], out ending text[],
    out nearly_full text[]
)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_now constant timestamptz := kronos.now();
begin
    select count(*) filter (where key.role = 'instance_admin'),
           count(*) filter (where key.role = 'instance_admin'
                              and coalesce(key.expires_at, 'infinity') > v_now + interval '14 days'),
           coalesce(array_agg(key.public_id order by key.burnt_at)
                        filter (where key.burnt_at is not null), '{}'),
           coalesce(array_agg(format('%s on %s', key.public_id,
                                     to_char(key.expires_at at time zone 'UTC', 'YYYY-MM-DD'))
                              order by key.expires_at)
                        filter (where key.expires_at < v_now + interval '7 days'
                                  and key.last_used_at > v_now - interval '30 days'), '{}')
      into administrators, lasting, burnt, ending
      from kronos.api_keys as key
     where key.revoked_at is null and coalesce(key.expires_at, 'infinity') > v_now;
    nearly_full := array(
        select format('%s (%s of %s)', workspace.slug, day.used, workspace.max_executions_per_day)
          from kronos.workspaces as workspace
         cross join lateral (select sum(shard.used)::bigint as used
                               from kronos.quota_shards as shard
                              where shard.workspace_id = workspace.workspace_id
                                and shard.day >= (v_now at time zone 'UTC')::date) as day
         where workspace.max_executions_per_day > 0 and workspace.status <> 'DELETED'
           and day.used >= 0.9 * workspace.max_executions_per_day
         order by 1
         limit 100);
end
$$;
