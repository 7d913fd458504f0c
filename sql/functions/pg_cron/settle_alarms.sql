-- settle_alarms: writes the shared entries that the transaction's jobs count on, and removes those of which
-- it took away the last job (note_alarm): at its very end, as it commits. Then nothing is waited for any
-- more but the locks of alarms, in their order, so no two transactions wait for one another, and none holds
-- one for longer than a commit takes: jobs of one alarm are made side by side, since who gives it a job
-- holds the lock shared; who takes one away holds it alone, and sees what those before it have committed.
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
begin
    if coalesce(cardinality(v_lines), 0) = 0 then
        return;
    end if;
    perform set_config('kronos.alarms_noted', '', true);
    select array_agg(noted.text order by kronos.alarm_lock(kronos.alarm_name(noted.text)), noted.text),
           array_agg(noted.joins order by kronos.alarm_lock(kronos.alarm_name(noted.text)), noted.text)
      into v_texts, v_joins
      from (select each.text, bool_or(left(each.line, 1) <> '-') as joins
              from unnest(v_lines, kronos.ring_texts(array(select substr(line, 2)
                                                             from unnest(v_lines) with ordinality
                                                                  as lines (line, nth)
                                                            order by nth))) as each (line, text)
             group by each.text) as noted;
    for v_lock in
        -- a folded one is nobody's last
        select kronos.alarm_lock(kronos.alarm_name(each.text)) as key,
               bool_and(each.joins or each.text = any (kronos.folded_texts())) as is_shared
          from unnest(v_texts, v_joins) as each (text, joins)
         group by kronos.alarm_lock(kronos.alarm_name(each.text))
         order by kronos.alarm_lock(kronos.alarm_name(each.text))
    loop
        if v_lock.is_shared then
            perform pg_advisory_xact_lock_shared(hashtext('kronos.alarms'), v_lock.key);
        else
            perform pg_advisory_xact_lock(hashtext('kronos.alarms'), v_lock.key);
        end if;
    end loop;
    perform kronos.write_alarms(v_texts, v_joins, kronos.needed_alarms(v_texts),
                                '*' = any (select left(line, 1) from unnest(v_lines) as line));
end
$$;
