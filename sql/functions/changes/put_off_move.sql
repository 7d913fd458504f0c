-- put_off_move: schedules a retry, in half a second, for jobs that could not follow their calendar.
create or replace function kronos.put_off_move(p_document_id uuid, p_type text, p_message text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    raise warning 'kronos: jobs cannot follow the calendar % yet: % (%)', p_document_id, p_message, p_type;
    update kronos.calendar_moves
       set next_at = kronos.clock() + interval '0.5 seconds',
           last_error = jsonb_build_object('at', kronos.iso(kronos.clock()), 'type', p_type,
                                           'message', p_message)
     where document_id = p_document_id;
end
$$;
