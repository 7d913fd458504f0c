-- has_worker_groups: whether a worker has to check which endpoints it serves: any endpoint names a group, or
-- the worker serves some. Runs as the owner: the worker does not see the gates of others.
create or replace function kronos.has_worker_groups() returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce(current_setting('kronos.worker_groups', true), '') <> ''
        or exists (select from kronos.endpoint_gate as gate where gate.worker_group is not null);
end
$$;
