-- system_retention: how long the instance keeps what, and how retention gets on. One row. unsealed: rows of
-- the audit that are in no chain yet, up to 10,000.
create or replace function kronos.system_retention(
    out success_days integer, out failure_days integer, out run_details_days integer, out audit_days integer,
    out ran_at timestamptz, out done_at timestamptz, out unsealed integer
)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select instance.success_days, instance.failure_days, instance.run_details_days, instance.audit_days,
           instance.ran_at, instance.done_at,
           (select count(*)::integer from (select from kronos.audit_pending limit 10000) as pending)
      from kronos.retention as instance
$$;
