-- ask_for_aborts: tells the workers, once the transaction is committed, that executions were cancelled or
-- replaced while one of them was at work on them: the one that is ends its delivery, where it finds it so
-- (list_unwanted). One that does not hear it finds it within seconds. Two hundred to a NOTIFY: it takes 8,000
-- bytes.
create or replace function kronos.ask_for_aborts(p_execution_ids uuid[]) returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$
    select pg_notify('kronos_aborts', string_agg(told.id::text, ','))
      from unnest(p_execution_ids) with ordinality as told (id, nth)
     group by (told.nth - 1) / 200
$$;
