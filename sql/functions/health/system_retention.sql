-- system_retention: the instance's retention periods and the progress of retention. One row. unsealed: audit
-- rows that are in no chain yet, up to 10,000.
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
