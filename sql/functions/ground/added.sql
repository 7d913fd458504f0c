-- added: merges two objects of counts, adding the numbers of each key.
create or replace function kronos.added(p_some jsonb, p_more jsonb) returns jsonb
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_object_agg(key, total), '{}')
      from (select key, sum(value::bigint) as total
              from (select * from jsonb_each_text(p_some)
                     union all
                    select * from jsonb_each_text(p_more)) as counted
             group by key) as summed
$$;
