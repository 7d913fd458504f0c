-- name: find_key
-- What the call before with this key made, and whether it was the same request. No row: the key is new, or
-- older than is remembered. The statements that make something keep the key themselves (kept): both, or
-- neither.
select resource_id, request_sha256 = %(request_sha256)s::bytea as is_same_request
  from kronos.idempotency_keys
 where workspace_id = kronos.current_workspace_id()
   and operation = %(operation)s
   and idempotency_key = %(idempotency_key)s;
