-- further_terms: what note_new_job records of a job beyond the terms that nearly every CRON job has. plpgsql,
-- because its plan is kept: as sql it was planned for each job, which took more than half of its insert.
create or replace function kronos.further_terms(p_job kronos.jobs) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return jsonb_strip_nulls(jsonb_build_object(
        'name', p_job.name, 'run_at', p_job.run_at, 'starts_at', p_job.starts_at, 'ends_at', p_job.ends_at,
        'max_runs', p_job.max_runs, 'idempotency_key', p_job.idempotency_key, 'every', p_job.every,
        'anchor', p_job.anchor, 'resume_at', p_job.resume_at, 'anchor_local', p_job.anchor_local,
        'run_at_local', p_job.run_at_local, 'title', p_job.title, 'deadline_seconds', p_job.deadline_seconds,
        'spread', p_job.spread,
        'on_success', kronos.shown_field('on_success', p_job.on_success),
        'on_failure', kronos.shown_field('on_failure', p_job.on_failure)));
end
$$;
