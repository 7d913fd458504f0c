-- parse_cron_fields: the five fields of a cron text as bit masks.
-- Returns: as parse_cron; a mask is null if its field is rejected and p_raises is false.
-- Raises: KR001 with a hint, if p_raises.
create or replace function kronos.parse_cron_fields(p_fields text[], p_raises boolean) returns kronos.schedule
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_schedule kronos.schedule;
    v_plain    bigint[] := '{}'::bigint[];
    v_special  bigint[] := '{}'::bigint[];
    v_bits     record;
begin
    for n in 1..5 loop
        v_bits := kronos.parse_cron_field(p_fields[n], n, p_raises);
        v_plain := v_plain || v_bits.p_plain;
        v_special := v_special || v_bits.p_special;
    end loop;
    v_schedule.minutes := v_plain[1];
    v_schedule.hours := v_plain[2];
    v_schedule.days := v_plain[3];
    v_schedule.nearest_days := v_special[3];
    v_schedule.months := v_plain[4];
    v_schedule.weekdays := (v_plain[5] | (v_plain[5] >> 7)) & 127;
    v_schedule.nth_weekdays := v_special[5] & ((1::bigint << 35) - 1);
    v_schedule.last_weekdays := v_special[5] >> 35;
    v_schedule.both_days := starts_with(p_fields[3], '*') or starts_with(p_fields[5], '*');
    v_schedule.every_hour := starts_with(p_fields[2], '*');
    return v_schedule;
end
$$;
