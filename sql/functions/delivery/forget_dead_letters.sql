-- forget_dead_letters: an execution that leaves the history is no dead letter any more: it is due again, or
-- retention took it. A partition that is dropped as a whole tells no trigger: its letters are older than
-- retain_dead_letters keeps any.
create or replace function kronos.forget_dead_letters() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from gone where gone.status = 'FAILED') then
        delete from kronos.dead_letters
         where execution_id = any (array(select gone.execution_id from gone where gone.status = 'FAILED'));
    end if;
    return null;
end
$$;
create or replace trigger execution_done_forgets_dead_letters
    after delete on kronos.execution_done referencing old table as gone
    for each statement execute function kronos.forget_dead_letters();
