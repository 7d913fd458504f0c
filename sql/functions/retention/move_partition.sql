-- move_partition: move the rows of one partition of execution_done or attempt to other machines. A table of
-- server kronos_history takes its place for rows that ended before p_until, and holds them already
-- (kronos/distribution.py copied and compared them). Of the same week, executions that did not succeed stay
-- here, because they may be retried, and so do those that end from now on: a delivery never writes to another
-- machine.
-- p_until: just after the end of the newest row over there, so later ends are known without a query.
-- Locks: the partition against writers until the transaction ends; the caller locked it before it compared.
-- All writers of the week wait meanwhile, and no others do. The replacement is prepared separately, with
-- rows, keys and indexes. The tables' locks are taken last, and only if they are free.
-- Returns: whether it moved. If the tables were in use it did not, and the caller rolls back.
create or replace function kronos.move_partition(p_parent text, p_partition text, p_until timestamptz)
returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
declare
    v_from_id  uuid;
    v_to_id    uuid;
    v_is_done  constant boolean := p_parent = 'execution_done';
    v_new      constant text    := p_partition || '_new';
    v_was      constant text    := p_partition || '_was';
    v_rest     constant text    := case when v_is_done then p_partition || '_rest' else v_new end;
    v_by       constant text    := case when v_is_done then 'list (status)' else 'range (completed_at)' end;
    v_leaf     text;
begin
    select each.from_id, each.to_id into strict v_from_id, v_to_id
      from kronos.partitions() as each
     where each.partition = p_partition;
    execute format('create table kronos.%I (like kronos.%I including all) partition by %s', v_new, p_parent,
                   v_by);
    -- so that PostgreSQL need not check whether its rows belong there
    execute format('alter table kronos.%I add constraint %I check (execution_id >= %L and execution_id < %L)',
                   v_new, v_new, v_from_id, v_to_id);
    if v_is_done then
        execute format('create table kronos.%I partition of kronos.%I '
                       'for values in (''FAILED'', ''CANCELLED'', ''EXPIRED'')',
                       p_partition || '_failed', v_new);
        execute format('create table kronos.%I partition of kronos.%I '
                       'for values in (''SUCCESS'', ''SKIPPED'', ''MISSED'') '
                       'partition by range (completed_at)', v_rest, v_new);
    end if;
    execute format('create foreign table kronos.%I partition of kronos.%I '
                   'for values from (minvalue) to (%L) server kronos_history '
                   'options (schema_name ''kronos_history'', table_name %L)',
                   p_partition || '_far', v_rest, p_until, p_partition);
    execute format('create table kronos.%I partition of kronos.%I for values from (%L) to (maxvalue)',
                   p_partition || '_late', v_rest, p_until);
    foreach v_leaf in array case when v_is_done then array['_failed', '_late'] else array['_late'] end loop
        perform kronos.key_partition(p_parent, p_partition || v_leaf);
    end loop;
    if v_is_done then
        execute format('insert into kronos.%I select * from kronos.%I '
                       'where status in (''FAILED'', ''CANCELLED'', ''EXPIRED'')', p_partition || '_failed',
                       p_partition);
    end if;
    if not kronos.lock_history() then
        return false;
    end if;
    execute format('alter table kronos.%I detach partition kronos.%I', p_parent, p_partition);
    execute format('alter table kronos.%I rename to %I', p_partition, v_was);
    execute format('alter table kronos.%I rename to %I', v_new, p_partition);
    execute format('alter table kronos.%I attach partition kronos.%I for values from (%L) to (%L)', p_parent,
                   p_partition, v_from_id, v_to_id);
    execute format('alter table kronos.%I drop constraint %I', p_partition, v_new);
    execute format('drop table kronos.%I', v_was);
    return true;
end
$$;
