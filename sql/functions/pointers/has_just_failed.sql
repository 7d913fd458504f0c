-- has_just_failed: whether the due ticks of a pointer's job failed to be accounted for within the last
-- fault_rest. The rings of other jobs leave it alone for this long; otherwise each of them would try it
-- again. Its own alarm does try. plpgsql, so that a ring does not plan it as long as no due job is found.
create or replace function kronos.has_just_failed(p_pointer kronos.pointers, p_now timestamptz)
returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (select
                     from kronos.job_faults as fault
                    where fault.job_id = p_pointer.job_id
                      and fault.next_tick_at is not distinct from p_pointer.next_tick_at
                      and fault.failed_at > p_now - kronos.fault_rest());
end
$$;
