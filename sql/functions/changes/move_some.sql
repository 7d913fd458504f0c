-- move_some: makes up to p_limit more jobs follow a calendar, ordered by id, and then those that another
-- session had locked or that failed: their pointers move to where the calendar's present version puts them. A
-- job that is created or changed meanwhile uses the present version anyway. One session at a time; a second
-- one leaves the work to the first. A job that fails stops no other (place_each). A step that a shortage
-- stops has done nothing, and is retried half a second later.
-- Lock order: kronos.calendar_moves; jobs, pointers. It waits for none of them.
-- Returns: the number of jobs processed; 0 if nothing can be done at this moment.
create or replace function kronos.move_some(p_document_id uuid, p_limit integer) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    v_move  kronos.calendar_moves;
    v_asked uuid[];
    v_held  uuid[];
    v_done  record;
    v_is_last boolean;
begin
    select * into v_move
      from kronos.calendar_moves
     where document_id = p_document_id
       and (next_at <= kronos.clock() or next_at > kronos.clock() + interval '1 second')
       for update skip locked;
    if not found then
        return 0;
    end if;
    select coalesce(array_agg(job.job_id order by job.job_id), '{}') into v_asked
      from (select each.job_id
              from kronos.jobs as each
             where each.workspace_id = v_move.workspace_id and each.job_id > v_move.after_job_id
               and each.calendars <> '{}' and each.on_blackout <> 'SKIP'
               and each.status in ('ACTIVE', 'PAUSED')
               and each.calendars @> array[v_move.name]
             order by each.job_id
             limit p_limit) as job;
    v_is_last := cardinality(v_asked) < p_limit;
    if v_asked = '{}' then
        v_asked := v_move.behind[:p_limit];
        v_move.behind := v_move.behind[p_limit + 1:];
    else
        -- jobs after the last one are not read again: other calendars may have many, and a job that stays
        -- locked brings us back every half second
        v_move.after_job_id := case when v_is_last then 'ffffffff-ffff-ffff-ffff-ffffffffffff'
                                    else v_asked[cardinality(v_asked)] end;
    end if;
    begin
        v_held := array(select locked.job_id
                          from (select job.job_id
                                  from kronos.jobs as job
                                 where job.job_id = any (v_asked)
                                 order by job.job_id
                                   for update skip locked) as locked);
        select * into v_done from kronos.place_each(v_held);
    exception when others then      -- logged, and retried: it does not stop other calendars
        perform kronos.put_off_move(p_document_id, sqlstate, sqlerrm);
        return 0;
    end;
    perform kronos.note_move(v_move, v_asked, v_done.placed, v_done.moved, v_is_last);
    update kronos.calendar_moves set last_error = v_done.error
     where document_id = p_document_id and v_done.error is not null;
    return cardinality(v_done.placed);
end
$$;
