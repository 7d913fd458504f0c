-- keep_leases: the task of the internal job lease-keeper: what dead workers held goes on although no worker is left to notice.
-- Called by: run_internal_task, every minute.   Returns: counts, the execution's output.
create or replace function kronos.keep_leases() returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_counts record;
begin
    select * into v_counts from kronos.upkeep(10000);
    if v_counts.requeued > 0 then
        perform pg_notify('kronos_work', '');
    end if;
    return jsonb_strip_nulls(to_jsonb(v_counts));
end
$$;
