-- tell_limits: when a limit is changed, wakes the workers, which then claim what the old limit held back.
create or replace function kronos.tell_limits() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_notify('kronos_work', 'limits');
    return null;
end
$$;
create or replace trigger endpoint_gate_tells_limits
    after update of max_in_flight, rate_count, rate_seconds, rate_burst, key_template, key_max
    on kronos.endpoint_gate
    for each row when ((old.max_in_flight, old.rate_count, old.rate_seconds, old.rate_burst,
                        old.key_template, old.key_max)
                       is distinct from (new.max_in_flight, new.rate_count, new.rate_seconds, new.rate_burst,
                                                 new.key_template, new.key_max))
    execute function kronos.tell_limits();
