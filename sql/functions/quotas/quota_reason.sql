-- quota_reason: why an execution for which a quota has no room is not created, as its status_reason.
create or replace function kronos.quota_reason(p_refusal jsonb) returns jsonb
language sql immutable
return (p_refusal - 'retry_after_seconds')
       || jsonb_build_object('code', 'quota_exceeded', 'detail', kronos.refusal_text(p_refusal));
