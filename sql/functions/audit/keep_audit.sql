-- keep_audit: audit rows are never changed, and only retain_audit deletes them, from the beginning of their
-- chain.
-- Raises: 42501.
create or replace function kronos.keep_audit() returns trigger
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'DELETE' and coalesce(current_setting('kronos.cutting_audit', true), '') = 'on' then
        return null;
    end if;
    raise sqlstate '42501' using
        message = format('%s of kronos.%s is not allowed: audit rows cannot be changed', lower(tg_op),
                         tg_table_name),
        hint = 'KRONOS_RETENTION_AUDIT_DAYS sets how long audit rows are kept.';
end
$$;
create or replace trigger audit_is_kept before update or delete or truncate on kronos.audit
    for each statement execute function kronos.keep_audit();
