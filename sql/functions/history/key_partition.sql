-- key_partition: adds the primary key of a partition whose table has none. If weeks of the history are stored
-- on other machines (kronos migrate --distributed), the tables have no key: PostgreSQL allows no foreign
-- table in one that has. Each local partition then has its own, which is equivalent, since an id names its
-- partition. Otherwise the partition has the key from its table.
create or replace function kronos.key_partition(p_parent text, p_partition text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from pg_index
                    where indrelid = format('kronos.%I', p_partition)::regclass and indisprimary) then
        execute format('alter table kronos.%I add primary key (%s)', p_partition,
                       case p_parent when 'attempt' then 'execution_id, claim_token'
                                     else 'execution_id' end);
    end if;
end
$$;
