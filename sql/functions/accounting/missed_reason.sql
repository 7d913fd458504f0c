-- missed_reason: the reason recorded for a run of missed ticks that are not delivered.
create or replace function kronos.missed_reason(p_job kronos.jobs, p_first timestamptz, p_last timestamptz,
                                                p_count bigint)
returns jsonb
language sql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
    select jsonb_build_object('code', 'missed',
                              'detail', format('accounted for more than %s s after its time; not delivered '
                                               'under the job''s catch-up policy',
                                               extract(epoch from kronos.grace())::integer),
                              'policy', p_job.catch_up_policy,
                              'window_seconds', p_job.catch_up_window_seconds,
                              'first', p_first, 'last', p_last, 'count', p_count)
$$;
