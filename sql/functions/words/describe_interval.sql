-- describe_interval: an interval in words, in its largest whole unit: "Every 90 minutes, counted from
-- 2026-11-20 09:00 UTC".
create or replace function kronos.describe_interval(p_seconds integer, p_anchor timestamptz) returns text
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_unit   text := 'second';
    v_size   integer := 1;
    v_anchor timestamp := p_anchor at time zone 'UTC';
begin
    if p_seconds % 86400 = 0 then
        v_unit := 'day';
        v_size := 86400;
    elsif p_seconds % 3600 = 0 then
        v_unit := 'hour';
        v_size := 3600;
    elsif p_seconds % 60 = 0 then
        v_unit := 'minute';
        v_size := 60;
    end if;
    return 'Every '
        || case p_seconds / v_size when 1 then v_unit else p_seconds / v_size || ' ' || v_unit || 's' end
        || coalesce(
        ', counted from ' || to_char(v_anchor, 'YYYY-MM-DD HH24:MI') || case
            when date_trunc('second', v_anchor) <> v_anchor then to_char(v_anchor, ':SS.US')
            when date_trunc('minute', v_anchor) <> v_anchor then to_char(v_anchor, ':SS')
            else ''
        end || ' UTC',
        ''
    );
end
$$;
