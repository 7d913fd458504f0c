-- place_pointer: the pointer of a new job with calendars, which its statement wrote as the job's first tick,
-- twice, is where that tick is due (pointer_at).
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
