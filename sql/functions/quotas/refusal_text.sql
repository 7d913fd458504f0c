-- refusal_text: the message for a quota that is used up.
create or replace function kronos.refusal_text(p_refusal jsonb) returns text
language sql immutable
return case p_refusal ->> 'quota'
           when 'executions_per_day'
               then format('the workspace has used %s of its %s of the day, and %s more %s '
                           'requested; they are reset at %s', p_refusal ->> 'used',
                           kronos.counted((p_refusal ->> 'limit')::bigint, 'execution'),
                           p_refusal ->> 'asked',
                           case p_refusal ->> 'asked' when '1' then 'is' else 'are' end,
                           p_refusal ->> 'resets_at')
           when 'input_bytes'
               then format('the input has %s, but the workspace''s limit is %s',
                           kronos.counted((p_refusal ->> 'asked')::bigint, 'byte'),
                           p_refusal ->> 'limit')
           when 'cron_jobs'
               then format('the workspace would have %s; its limit is %s',
                           kronos.counted((p_refusal ->> 'used')::bigint, 'ACTIVE or PAUSED CRON job',
                                          'ACTIVE and PAUSED CRON jobs'), p_refusal ->> 'limit')
           when 'heartbeats'
               then format('the workspace would have %s; its limit is %s',
                           kronos.counted((p_refusal ->> 'used')::bigint, 'heartbeat'), p_refusal ->> 'limit')
           when 'alert_rules'
               then format('the workspace would have %s; its limit is %s',
                           kronos.counted((p_refusal ->> 'used')::bigint, 'alert rule'),
                           p_refusal ->> 'limit')
           else format('%s in pg_cron would ring in the same minute; the workspace''s limit is %s',
                       kronos.counted((p_refusal ->> 'used')::bigint, 'entry', 'entries'),
                       p_refusal ->> 'limit') end;
