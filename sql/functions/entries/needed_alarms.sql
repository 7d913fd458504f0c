-- needed_alarms: for each of these schedules of shared entries, whether a job needs it, as of this statement.
-- The folded ones are needed as long as there is a fold.
create or replace function kronos.needed_alarms(p_texts text[]) returns boolean[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_folded constant bigint := (select setting.folded from kronos.alarm_setting as setting);
    v_texts  constant text[] := kronos.folded_alarms(v_folded);
begin
    return array(select case when asked.text = any (v_texts) then true
                             when kronos.ring_text(asked.text, v_folded) <> asked.text then false
                             else kronos.is_alarm_needed(asked.text) end
                   from unnest(p_texts) with ordinality as asked (text, nth)
                  order by asked.nth);
end
$$;
