-- place_pointer: sets the pointer of a new job with calendars to the instant at which its first tick is due
-- (pointer_at); the inserting statement marks such a pointer by writing the tick twice.
create or replace function kronos.place_pointer() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    select place.due_at, place.tick_at into strict new.next_tick_at, new.tick_at
      from kronos.jobs as job
     cross join lateral kronos.pointer_at(job, new.next_tick_at) as place
     where job.job_id = new.job_id;
    return new;
end
$$;
create or replace trigger pointers_are_placed
    before insert on kronos.pointers
    for each row when (new.tick_at = new.next_tick_at) execute function kronos.place_pointer();
