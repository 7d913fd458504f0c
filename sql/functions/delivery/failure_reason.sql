-- failure_reason: why an execution FAILED although its last attempt might have been followed by another: what
-- its dead letter says. A FAILED attempt that must not be repeated because nobody knows what became of it is
-- outcome_unknown: UNKNOWN or TIMED_OUT, or answered by what could not be read, and not retryable: only
-- retry_unknown makes these so.   Returns: code and detail.
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
                         format('no attempt follows %s s after it was due (max_age_seconds): %s',
                                p_max_age_ms / 1000, p_error ->> 'message'))
                else jsonb_build_object('code', case when p_is_used_up then 'attempts_exhausted'
                                                     when p_is_cut_off then 'worker_stopped'
                                                     else 'not_retryable' end,
                                        'detail', p_error ->> 'message')
           end
$$;
