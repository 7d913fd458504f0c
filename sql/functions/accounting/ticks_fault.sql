-- ticks_fault: why a job's due ticks cannot be read; null, null if they can. A row that our code did not
-- write (a manual change, a disk fault) is reported here instead of breaking its batch. Called once for each
-- job of a batch that failed.
create or replace function kronos.ticks_fault(p_job kronos.jobs, p_pointer kronos.pointers, p_now timestamptz,
                                              out fault text, out message text)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    perform from kronos.due_ticks(p_job, p_pointer, p_now);
exception when others then
    fault := sqlstate;
    message := sqlerrm;
end
$$;
