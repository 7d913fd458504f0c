-- told_trace: the span that an application says its transaction is, in the setting kronos.traceparent, as
-- W3C's traceparent writes it: what kronos.enqueue makes is a part of that trace. A text that is none says
-- nothing, as in a header.   Returns: {} where none is said.
create or replace function kronos.told_trace() returns jsonb
language sql stable
as $$
    select case when current_setting('kronos.traceparent', true)
                     ~ '^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$'
                then jsonb_build_object('traceparent', current_setting('kronos.traceparent', true))
                else '{}'::jsonb end
$$;
