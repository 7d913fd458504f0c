-- decide_alarms: share the alarms of the instance, or give each job its own entry, according to the
-- instance's setting. `auto` shares them from 2,000 jobs on (decision 0110) and never separates them again;
-- that takes an explicit setting. Once an hour, and after each of these changes, it decides which minutes are
-- folded; the fold changes only if that saves at least a fifth of the rings. The entries follow
-- (repair_pg_cron).
create or replace function kronos.decide_alarms(p_now timestamptz) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    c_from constant integer := 2000;
    v_setting   kronos.alarm_setting;
    v_is_shared boolean;
    v_best      record;
begin
    select * into strict v_setting from kronos.alarm_setting;
    v_is_shared := case v_setting.wanted
        when 'own'    then false
        when 'shared' then true
        else v_setting.is_shared
             or (select count(*)
                   from (select
                           from kronos.jobs as job
                          where job.trigger = 'CRON' and job.status = 'ACTIVE'
                          limit c_from) as live) = c_from
    end;
    if v_is_shared <> v_setting.is_shared then
        update kronos.alarm_setting
           set is_shared = v_is_shared, folded = 0, folded_at = '-infinity', changed_at = p_now
        returning * into v_setting;
    end if;
    if v_is_shared and v_setting.folded_at not between p_now - interval '1 hour' and p_now then
        v_best := kronos.best_fold();
        update kronos.alarm_setting
           set folded_at = p_now,
               folded = case when v_best.rings_folded < 0.8 * kronos.rings_with(v_setting.folded)
                             then v_best.folded else v_setting.folded end;
    end if;
end
$$;
