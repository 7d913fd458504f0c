-- settle_alarms: writes the shared entries that the transaction's jobs need, and removes those whose last job
-- it took away (note_alarm), at its very end, as it commits. From then on it waits only for the locks of
-- alarms, in their order, so no two transactions wait for each other, and none holds such a lock for longer
-- than a commit takes. Jobs with the same alarm can be created concurrently, since giving an alarm a job
-- takes the lock shared. Taking one away takes it exclusively, and sees what earlier holders have committed.
-- Raises: pg_cron's errors, unchanged.
create or replace function kronos.settle_alarms() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_lines  constant text[] := string_to_array(trim(e'\n' from current_setting('kronos.alarms_noted', true)),
                                                e'\n');
    v_lock   record;
    v_texts  text[];
    v_joins  boolean[];
    v_leaves boolean[];
    v_needed boolean[];
begin
    if coalesce(cardinality(v_lines), 0) = 0 then
        return;
    end if;
    perform set_config('kronos.alarms_noted', '', true);
    select array_agg(noted.text order by kronos.alarm_lock(kronos.alarm_name(noted.text)), noted.text),
           array_agg(noted.joins order by kronos.alarm_lock(kronos.alarm_name(noted.text)), noted.text),
           array_agg(noted.leaves order by kronos.alarm_lock(kronos.alarm_name(noted.text)), noted.text)
      into v_texts, v_joins, v_leaves
      from (select each.text, bool_or(left(each.line, 1) in ('+', '*')) as joins,
                   bool_or(left(each.line, 1) in ('-', '~')) as leaves
              from unnest(v_lines, kronos.ring_texts(array(select substr(line, 2)
                                                             from unnest(v_lines) with ordinality
                                                                  as lines (line, nth)
                                                            order by nth))) as each (line, text)
             group by each.text) as noted;
    for v_lock in
        -- no job is ever the last of a folded alarm
        select kronos.alarm_lock(kronos.alarm_name(each.text)) as key,
               bool_and(not each.leaves or each.text = any (kronos.folded_texts())) as is_shared
          from unnest(v_texts, v_leaves) as each (text, leaves)
         group by kronos.alarm_lock(kronos.alarm_name(each.text))
         order by kronos.alarm_lock(kronos.alarm_name(each.text))
    loop
        if v_lock.is_shared then
            perform pg_advisory_xact_lock_shared(hashtext('kronos.alarms'), v_lock.key);
        else
            perform pg_advisory_xact_lock(hashtext('kronos.alarms'), v_lock.key);
        end if;
    end loop;
    v_needed := kronos.needed_alarms(v_texts);
    if exists (select from unnest(v_joins, v_needed) as each (joins, needed) where joins and not needed) then
        perform kronos.write_late_alarms(v_lines);
    end if;
    -- An entry is removed only by a session that holds its lock exclusively, and not if a fold that was just
    -- set, or just removed, replaces it: the entry that will ring instead may not exist yet. The reaper
    -- handles both (remove_shared).
    perform kronos.write_alarms(v_texts,
                                array(select joins and needed
                                        from unnest(v_joins, v_needed) with ordinality
                                             as each (joins, needed, nth) order by nth),
                                array(select needed or not leaves or '-' || text <> all (v_lines)
                                                    and '~' || text <> all (v_lines)
                                             or kronos.is_alarm_needed(text)
                                        from unnest(v_texts, v_needed, v_leaves) with ordinality
                                             as each (text, needed, leaves, nth) order by nth),
                                '*' = any (select left(line, 1) from unnest(v_lines) as line));
end
$$;
