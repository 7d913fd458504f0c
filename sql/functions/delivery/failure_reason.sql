-- failure_reason: why an execution FAILED although another attempt might have followed, as its dead letter
-- reports it. outcome_unknown is a FAILED attempt that must not be repeated because its outcome is unknown:
-- UNKNOWN or TIMED_OUT, or a response that could not be read, and not retryable; only retry_unknown produces
-- these.
-- Returns: code and detail.
create or replace function kronos.failure_reason(p_status text, p_is_retryable boolean,
                                                 p_is_used_up boolean, p_is_too_old boolean,
                                                 p_is_cut_off boolean, p_max_age_ms bigint, p_error jsonb)
returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp
as $$
    select case when not p_is_retryable
                     and (p_status in ('UNKNOWN', 'TIMED_OUT')
                          or p_error ->> 'type' in ('bad_response', 'internal'))
                then jsonb_build_object('code', 'outcome_unknown', 'detail',
                         (p_error ->> 'message') || '; whether it arrived is not known, so it was not sent '
                         'again (retry_unknown)')
                when p_is_retryable and p_is_too_old and not p_is_used_up
                then jsonb_build_object('code', 'max_age_exceeded', 'detail',
                         format('no attempt is made later than %s s after it was due (max_age_seconds): %s',
                                p_max_age_ms / 1000, p_error ->> 'message'))
                else jsonb_build_object('code', case when p_is_used_up then 'attempts_exhausted'
                                                     when p_is_cut_off then 'worker_stopped'
                                                     else 'not_retryable' end,
                                        'detail', p_error ->> 'message')
           end
$$;
