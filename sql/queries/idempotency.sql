-- name: find_key
-- The result of the earlier call with this key, and whether it was the same request. No row: the key is new,
-- or older than keys are kept. The statements that create a resource store the key themselves (kept): both or
-- neither.
select resource_id, request_sha256 = %(request_sha256)s::bytea as is_same_request
  from kronos.idempotency_keys
 where workspace_id = kronos.current_workspace_id()
   and operation = %(operation)s
   and idempotency_key = %(idempotency_key)s;
