-- backfill_steps: what a backfill decides on up to p_batch ticks from its next_at (backfill_ticks): which of
-- them are to run now, at most p_left. p_room: as in make_backfill_batch.
-- Returns: rows in no order. nth_to_run: how many ticks up to this one are to run, now or later; is_to_run:
-- whether this one is to run now: under execution_id, or if a run of it FAILED, again under failed_id;
-- due_at: when. Inlined.
create or replace function kronos.backfill_steps(p_backfill kronos.backfills, p_job kronos.jobs,
                                                 p_room integer, p_left integer, p_batch integer)
returns table (tick timestamptz, nth_to_run bigint, is_to_run boolean, failed_id uuid, execution_id uuid,
               due_at timestamptz)
language sql stable
as $$
    select found.tick, found.nth_to_run, found.is_to_run, found.failed_id,
           case when found.is_to_run
                then kronos.backfill_execution_id(p_backfill.backfill_id, p_backfill.created_at, found.tick)
           end,
           -- claimed in the order of their ticks
           kronos.now() - (p_room - found.nth_to_run) * interval '1 microsecond'
      from (select wanted.tick, wanted.failed_id, wanted.nth_to_run,
                   not wanted.is_left_out and wanted.nth_to_run <= p_left as is_to_run
              from (select each.tick, each.is_left_out, each.failed_id,
                           count(*) filter (where not each.is_left_out) over (order by each.tick)
                               as nth_to_run
                      from kronos.backfill_ticks(p_job, p_backfill.next_at, p_backfill.to_at, p_batch,
                                                 p_backfill.include) as each) as wanted) as found
$$;
