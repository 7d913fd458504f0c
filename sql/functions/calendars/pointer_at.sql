-- pointer_at: the pointer of a job whose next tick is p_tick: when it is due (next_tick_at; 'infinity' if
-- there is no tick before ends_at), and the tick itself if that is a different instant (tick_at).
create or replace function kronos.pointer_at(p_job kronos.jobs, p_tick timestamptz,
                                             out due_at timestamptz, out tick_at timestamptz)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    due_at := 'infinity';
    if p_tick < p_job.ends_at or (p_job.ends_at is null and p_tick is not null) then
        due_at := kronos.due_of(p_job, p_tick);
        tick_at := nullif(p_tick, due_at);
    end if;
end
$$;
