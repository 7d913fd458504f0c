-- queue_each: queue_some for notifications that its caller has locked. If one of them fails, the halves are
-- tried separately, and so on, so that it stops no other; it is tried again a minute later. From half a
-- second after the first failure on (p_until) no other half is tried, as in expire_each.
-- Returns: the number of deliveries created.
-- Raises: shortages (is_shortage), with which the next notification would fail too.
create or replace function kronos.queue_each(p_execution_ids uuid[], p_until timestamptz default null)
returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_half   constant integer := cardinality(p_execution_ids) / 2;
    v_first  uuid[] := p_execution_ids[:v_half];
    v_second uuid[] := p_execution_ids[v_half + 1:];
    v_until  timestamptz;
    v_queued bigint;
begin
    if p_execution_ids = '{}' then
        return 0;
    end if;
    begin
        return kronos.queue_some(p_execution_ids);
    exception when others then
        if kronos.is_shortage(sqlstate) then
            raise;
        elsif v_half = 0 then
            raise warning 'kronos: notification % cannot be sent yet: % (%)', p_execution_ids[1], sqlerrm,
                          sqlstate;
            update kronos.alert_notifications set due_at = kronos.now() + interval '1 minute'
             where execution_id = p_execution_ids[1];
            return 0;
        end if;
    end;
    v_until := coalesce(p_until, kronos.clock() + interval '0.5 seconds');
    if random() < 0.5 then
        v_first  := v_second;
        v_second := p_execution_ids[:v_half];
    end if;
    v_queued := kronos.queue_each(v_first, v_until);
    if kronos.clock() < v_until then
        v_queued := v_queued + kronos.queue_each(v_second, v_until);
    end if;
    return v_queued;
end
$$;
