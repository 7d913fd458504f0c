-- quota_reason: why an execution is not made that a quota has no room for, as its status_reason says it.
create or replace function kronos.quota_reason(p_refusal jsonb) returns jsonb
language sql immutable
return (p_refusal - 'retry_after_seconds')
       || jsonb_build_object('code', 'quota_exceeded', 'detail', kronos.refusal_text(p_refusal));
