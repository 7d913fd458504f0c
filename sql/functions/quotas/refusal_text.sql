-- refusal_text: what a quota that is used up says, in a sentence.
create or replace function kronos.refusal_text(p_refusal jsonb) returns text
language sql immutable
return case p_refusal ->> 'quota'
           when 'executions_per_day'
               then format('the workspace has made %s of its %s executions a day, and %s more %s asked for; '
                           'it begins again at %s', p_refusal ->> 'used', p_refusal ->> 'limit',
                           p_refusal ->> 'asked',
                           case p_refusal ->> 'asked' when '1' then 'is' else 'are' end,
                           p_refusal ->> 'resets_at')
           when 'input_bytes'
               then format('the input has %s bytes, and the workspace takes %s', p_refusal ->> 'asked',
                           p_refusal ->> 'limit')
           when 'cron_jobs'
               then format('the workspace would have %s ACTIVE and PAUSED CRON jobs, and may have %s',
                           p_refusal ->> 'used', p_refusal ->> 'limit')
           when 'heartbeats'
               then format('the workspace would have %s heartbeats, and may have %s', p_refusal ->> 'used',
                           p_refusal ->> 'limit')
           when 'alert_rules'
               then format('the workspace would have %s alert rules, and may have %s', p_refusal ->> 'used',
                           p_refusal ->> 'limit')
           else format('%s entries in pg_cron would ring in one minute, and the workspace may have %s',
                       p_refusal ->> 'used', p_refusal ->> 'limit') end;
