-- told_trace: the span that an application declares for its transaction in the setting kronos.traceparent, in
-- W3C traceparent format: what kronos.enqueue creates becomes part of that trace. An invalid text is ignored,
-- as in a header.
-- Returns: {} if none is set.
create or replace function kronos.told_trace() returns jsonb
language sql stable
as $$
    select case when current_setting('kronos.traceparent', true)
                     ~ '^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$'
                then jsonb_build_object('traceparent', current_setting('kronos.traceparent', true))
                else '{}'::jsonb end
$$;
