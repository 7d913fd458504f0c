-- write_late_alarms: writes the shared entries that the jobs of p_lines (note_alarm) need under the current
-- fold: a fold that was set while the transaction waited for its locks needs other entries. Their locks are
-- only tried, since they are out of order.
-- Raises: pg_cron's errors, unchanged.
create or replace function kronos.write_late_alarms(p_lines text[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_texts constant text[] := array(select distinct text
                                       from unnest(kronos.ring_texts(
                                                array(select substr(line, 2)
                                                        from unnest(p_lines) as line
                                                       where left(line, 1) in ('+', '*')))) as text);
begin
    perform pg_try_advisory_xact_lock_shared(hashtext('kronos.alarms'),
                                             kronos.alarm_lock(kronos.alarm_name(text)))
       from unnest(v_texts) as text;
    perform kronos.write_alarms(v_texts, kronos.needed_alarms(v_texts),
                                array_fill(true, array[cardinality(v_texts)]),
                                '*' = any (select left(line, 1) from unnest(p_lines) as line));
end
$$;
