-- suspension_reason: the reason of a tick that is SKIPPED because its workspace was suspended.
create or replace function kronos.suspension_reason(p_suspended_at timestamptz) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('code', 'workspace_suspended', 'detail', 'the workspace was suspended',
                              'at', kronos.iso(p_suspended_at))
$$;
