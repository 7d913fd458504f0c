-- release_after: releases the next run of a key as soon as the one before it has ended, in the same
-- transaction, whichever session ends it. Also releases a newly held run immediately if nothing is left to
-- wait for.
create or replace function kronos.release_after() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform kronos.release_next(coalesce(old.overlap_key, new.overlap_key));
    return null;
end
$$;
create or replace trigger execution_live_releases_next
    after delete on kronos.execution_live
    for each row when (old.overlap_key is not null) execute function kronos.release_after();
create or replace trigger execution_live_waits_for_something
    after insert on kronos.execution_live
    for each row when (new.visible_at = 'infinity') execute function kronos.release_after();
