-- runs_from: the overlap_nth from which the unfinished runs of an overlap key are read: none has a lower one.
-- It is in the live version's pointer, where each tick leaves it (next_runs_from). So nothing scans the runs
-- that ended before, whose index entries cannot be removed while another session reads in an old snapshot.
-- Returns: 0 if no version is live: all of them.
-- plpgsql, because its plan is kept: as sql it would be planned at each call.
create or replace function kronos.runs_from(p_overlap_key uuid) returns bigint
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce((select pointer.runs_from
                       from kronos.jobs as job
                      cross join lateral kronos.pointer_of(job.job_id) as pointer
                      where job.first_version_id = p_overlap_key
                        and job.status in ('ACTIVE', 'PAUSED')), 0);
end
$$;
