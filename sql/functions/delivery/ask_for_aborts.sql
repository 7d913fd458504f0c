-- ask_for_aborts: notifies the workers, once the transaction commits, that executions were cancelled or
-- replaced while a worker was delivering them. That worker checks, and ends its delivery (list_unwanted); one
-- that misses the notification finds out within seconds. Two hundred ids per NOTIFY, whose payload is limited
-- to 8,000 bytes.
create or replace function kronos.ask_for_aborts(p_execution_ids uuid[]) returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$
    select pg_notify('kronos_aborts', string_agg(told.id::text, ','))
      from unnest(p_execution_ids) with ordinality as told (id, nth)
     group by (told.nth - 1) / 200
$$;
