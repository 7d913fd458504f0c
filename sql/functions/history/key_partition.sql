-- key_partition: the primary key of a partition that its table has none for. Where weeks of the history lie
-- on other machines (kronos migrate --distributed) the tables have no key: PostgreSQL lets no foreign table
-- into one that has. Each partition here then has its own, which comes to the same, as an id names its
-- partition. Elsewhere the partition has it from its table.
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
