-- retain_backfills: delete backfills that ended, are older than the age of their outcome, and have none of
-- their executions kept. Examines them in the order in which they ended, from where the last run stopped,
-- p_limit at a time until p_until, at 1 ms each: very many of which a failure is kept for longer would
-- otherwise take all the time of retention. At the end it begins again with the next run.
-- Returns: one row; is_left: the time was up before the end.
create or replace function kronos.retain_backfills(p_limit integer, p_until timestamptz, out backfills bigint,
                                                   out is_left boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_at    record;
    v_found record;
    v_gone  bigint;
begin
    backfills := 0;
    is_left := false;
    select instance.backfills_until, instance.backfills_until_id into v_at from kronos.retention as instance;
    loop
        select count(*) as seen, max(old.completed_at) as last_at,
               (array_agg(old.backfill_id order by old.completed_at desc, old.backfill_id desc))[1]
                   as last_id,
               array_agg(old.backfill_id)
                   filter (where old.is_old
                             and (select kept.succeeded + kept.failed + kept.cancelled + kept.skipped = 0
                                    from kronos.backfill_outcomes(old.backfill_id, old.created_at)
                                         as kept))
                   as doomed into v_found
          from kronos.backfills_after(v_at.backfills_until, v_at.backfills_until_id, p_limit) as old;
        delete from kronos.backfills where backfill_id = any (v_found.doomed);
        get diagnostics v_gone = row_count;
        backfills := backfills + v_gone;
        exit when v_found.seen < p_limit;
        v_at.backfills_until := v_found.last_at;
        v_at.backfills_until_id := v_found.last_id;
        is_left := kronos.clock() >= p_until;
        exit when is_left;
    end loop;
    update kronos.retention
       set backfills_until = case when is_left then v_at.backfills_until else '-infinity' end,
           backfills_until_id = case when is_left then v_at.backfills_until_id
                                     else '00000000-0000-0000-0000-000000000000' end;
end
$$;
