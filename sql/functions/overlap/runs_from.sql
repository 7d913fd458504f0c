-- runs_from: from which overlap_nth on the unfinished runs of an overlap key are looked for: none has a lower
-- one. The live version's pointer knows it, as each tick leaves it (next_runs_from), so that nobody walks
-- through the runs that ended before, whose entries nothing may remove while another session reads in an old
-- snapshot.
-- Returns: 0 where no version is live: all of them.
-- plpgsql, for its plan is kept: as sql it is planned at each call.
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
