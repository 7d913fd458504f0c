-- is_group_served: whether a connected worker delivers to the endpoints of a group; null: to those that name
-- none. Each session in which a worker claims for groups holds a shared advisory lock per group, which is
-- released when the session ends, for whatever reason (kronos/worker/link.py). A worker without groups serves
-- endpoints that name none. If no worker holds a group's lock, endpoints without a group count as served;
-- other checks report whether there are any workers.
create or replace function kronos.is_group_served(p_group text) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    with held as materialized (
        select lock.pid, lock.objid
          from pg_locks as lock
         where lock.locktype = 'advisory'
           and lock.database = (select oid from pg_database where datname = current_database())
           and lock.classid = (hashtext('kronos.worker_group')::bigint & 4294967295)::oid
    )
    select exists (select
                     from held
                    where held.objid = (hashtext(coalesce(p_group, 'default'))::bigint & 4294967295)::oid)
        or p_group is null
           and (not exists (select from held)
                or exists (select
                             from pg_stat_activity as backend
                            where backend.datname = current_database()
                              and backend.application_name = 'kronos-worker-claim'
                              and backend.pid not in (select held.pid from held)))
$$;
