-- refresh_each: correct live CRON jobs that do not match the present rules of their time zone: the alarm with
-- its entry and, if the rules have changed (p_changed_from), the pointer, computed again from the last tick
-- that is accounted for. All in one transaction. A pointer that the new rules put into the past is due now.
-- Ticks of the old rules stay in the history: the job's ledger begins after the last of them that is later
-- than p_changed_from.
-- Locks only the jobs that need a correction. If one of them fails, each half of the batch is tried
-- separately, and so on; the job that fails keeps its old values. From half a second after the first failure
-- on (p_until) no other half is tried. The first half always comes first: the next run begins with what was
-- not reached, so the jobs that fail keep no others from their turn.
-- Returns: how many alarms and pointers were corrected; which jobs are left, because other sessions hold them
-- or they were not reached; and what failed.
create or replace function kronos.refresh_each(p_job_ids uuid[], p_changed_from timestamptz,
                                               p_until timestamptz default null, out alarms integer,
                                               out pointers integer, out left_job_ids uuid[],
                                               out errors jsonb)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_half constant integer := cardinality(p_job_ids) / 2;
    v_job_ids uuid[];
    v_alarms  text[];
    v_until   timestamptz;
    v_part    record;
begin
    alarms := 0;
    pointers := 0;
    left_job_ids := '{}';
    errors := '[]';
    begin
        select coalesce(array_agg(outdated.job_id order by outdated.job_id), '{}'),
               coalesce(array_agg(outdated.alarm order by outdated.job_id), '{}')
          into v_job_ids, v_alarms
          from kronos.outdated_jobs(p_job_ids, p_changed_from) as outdated;
        if array_position(v_alarms, null) is not null then
            raise exception 'no alarm can be made for the schedule' using errcode = 'data_exception';
        end if;
        select * into v_part from kronos.correct_jobs(v_job_ids, v_alarms, p_changed_from);
        alarms := v_part.alarms;
        pointers := v_part.pointers;
        left_job_ids := v_part.busy;
        return;
    exception when others then
        if v_half = 0 or kronos.is_shortage(sqlstate) then
            errors := (select jsonb_agg(jsonb_build_object('task', 'refresh_zones', 'job_id', job_id,
                                                           'type', sqlstate, 'message', sqlerrm))
                         from unnest(p_job_ids) as job_id);
            return;
        end if;
    end;
    v_until := coalesce(p_until, kronos.clock() + interval '0.5 seconds');
    select * into alarms, pointers, left_job_ids, errors
      from kronos.refresh_each(p_job_ids[:v_half], p_changed_from, v_until);
    if kronos.clock() >= v_until then
        left_job_ids := left_job_ids || p_job_ids[v_half + 1:];
        return;
    end if;
    select * into v_part from kronos.refresh_each(p_job_ids[v_half + 1:], p_changed_from, v_until);
    alarms := alarms + v_part.alarms;
    pointers := pointers + v_part.pointers;
    left_job_ids := left_job_ids || v_part.left_job_ids;
    errors := errors || v_part.errors;
end
$$;
