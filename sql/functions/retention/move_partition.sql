-- move_partition: puts the rows of one partition of execution_done or attempt onto other machines: a table of
-- server kronos_history takes its place for what ended before p_until, and holds those rows already
-- (kronos/distribution.py copied and compared them). Here stay, in the same week, what did not succeed, as it
-- may be retried, and what ends from now on: a delivery never writes to another machine.
-- Locks the partition against writers until the transaction ends, which its caller held before it compared;
-- and the tables, last, only if they are free. All who write to the week in between wait; nobody else does.
-- Returns: whether it moved; not where the tables were in use.
create or replace function kronos.move_partition(p_parent text, p_partition text, p_until timestamptz)
returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
declare
    v_bound text := (select pg_get_expr(class.relpartbound, class.oid)
                       from pg_class as class
                      where class.oid = format('kronos.%I', p_partition)::regclass);
    v_was   text := p_partition || '_was';
    v_rest  text := p_partition || case when p_parent = 'execution_done' then '_rest' else '' end;
    v_leaf  text;
begin
    if not kronos.lock_history() then
        return false;
    end if;
    execute format('alter table kronos.%I detach partition kronos.%I', p_parent, p_partition);
    execute format('alter table kronos.%I rename to %I', p_partition, v_was);
    if p_parent = 'execution_done' then
        execute format('create table kronos.%I (like kronos.%I including defaults including constraints) '
                       'partition by list (status)', p_partition, p_parent);
        execute format('create table kronos.%I partition of kronos.%I '
                       'for values in (''FAILED'', ''CANCELLED'', ''EXPIRED'')',
                       p_partition || '_failed', p_partition);
        execute format('create table kronos.%I partition of kronos.%I '
                       'for values in (''SUCCESS'', ''SKIPPED'', ''MISSED'') '
                       'partition by range (completed_at)',
                       v_rest, p_partition);
    else
        execute format('create table kronos.%I (like kronos.%I including defaults including constraints) '
                       'partition by range (completed_at)', p_partition, p_parent);
    end if;
    execute format('create foreign table kronos.%I partition of kronos.%I '
                   'for values from (minvalue) to (%L) server kronos_history '
                   'options (schema_name ''kronos_history'', table_name %L)',
                   p_partition || '_far', v_rest, p_until, p_partition);
    execute format('create table kronos.%I partition of kronos.%I for values from (%L) to (maxvalue)',
                   p_partition || '_late', v_rest, p_until);
    foreach v_leaf in array case when p_parent = 'execution_done' then array['_failed', '_late']
                                 else array['_late'] end loop
        perform kronos.key_partition(p_parent, p_partition || v_leaf);
    end loop;
    if p_parent = 'execution_done' then
        execute format('insert into kronos.%I select * from kronos.%I '
                       'where status in (''FAILED'', ''CANCELLED'', ''EXPIRED'')', p_partition || '_failed',
                       v_was);
    end if;
    execute format('alter table kronos.%I attach partition kronos.%I %s', p_parent, p_partition, v_bound);
    execute format('drop table kronos.%I', v_was);
    return true;
end
$$;
