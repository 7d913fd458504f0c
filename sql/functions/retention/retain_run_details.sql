-- retain_run_details: drop_run_details for the next p_limit rows, from where the last run stopped.
-- Returns: one row; is_left: there may be more.
create or replace function kronos.retain_run_details(p_limit integer, out run_details bigint,
                                                     out is_left boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_step record;
begin
    select step.* into v_step
      from kronos.retention as instance
     cross join lateral kronos.drop_run_details(instance.run_details_until, instance.run_details_days,
                                                p_limit, false) as step;
    run_details := v_step.run_details;
    is_left := v_step.is_left;
    update kronos.retention set run_details_until = v_step.last_runid;
end
$$;
