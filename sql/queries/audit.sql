-- name: list_audit
-- For the entered workspace, newest first: one row more than the page may have, of which only as many are
-- returned as fit into %(bytes)s.
with found as materialized (
    select each.*,
           row_number() over (order by each.at desc, each.audit_id desc) as nth,
           sum(coalesce(pg_column_size(each.before), 0) + coalesce(pg_column_size(each.after), 0))
               over (order by each.at desc, each.audit_id desc) as bytes
      from kronos.list_audit(kronos.current_workspace_id(), %(filter)s,
                             coalesce(%(before_at)s::timestamptz, 'infinity'),
                             coalesce(%(before_id)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
                             %(limit)s::integer + 1) as each
), page as materialized (
    select * from found where nth <= %(limit)s::integer and (nth = 1 or bytes <= %(bytes)s::integer)
)
select page.audit_id, coalesce(page.workspace, workspace.slug) as workspace, page.at, page.actor, page.key_id,
       page.address, page.request_id, page.database_user, page.action, page.object_type, page.object_id,
       page.object, page.before, page.after, page.number, encode(page.hash, 'hex') as hash,
       page.source,
       (select count(*) from page) < (select count(*) from found) as _more
  from page
  left join kronos.workspaces as workspace using (workspace_id)
 order by page.at desc, page.audit_id desc;

-- name: list_instance_audit
-- As list_audit, for the instance and all workspaces.
with found as materialized (
    select each.*,
           row_number() over (order by each.at desc, each.audit_id desc) as nth,
           sum(coalesce(pg_column_size(each.before), 0) + coalesce(pg_column_size(each.after), 0))
               over (order by each.at desc, each.audit_id desc) as bytes
      from kronos.list_audit(null, %(filter)s,
                             coalesce(%(before_at)s::timestamptz, 'infinity'),
                             coalesce(%(before_id)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
                             %(limit)s::integer + 1) as each
), page as materialized (
    select * from found where nth <= %(limit)s::integer and (nth = 1 or bytes <= %(bytes)s::integer)
)
select page.audit_id, coalesce(page.workspace, workspace.slug) as workspace, page.at, page.actor, page.key_id,
       page.address, page.request_id, page.database_user, page.action, page.object_type, page.object_id,
       page.object, page.before, page.after, page.number, encode(page.hash, 'hex') as hash,
       page.source,
       (select count(*) from page) < (select count(*) from found) as _more
  from page
  left join kronos.workspaces as workspace using (workspace_id)
 order by page.at desc, page.audit_id desc;

-- name: get_head
-- The beginning and end of the chain of the entered workspace, or of the instance. One row.
select workspace.slug as workspace, chain.number, encode(chain.hash, 'hex') as hash, chain.sealed_at,
       (select count(*)
          from kronos.audit_pending as pending
         where kronos.audit_chain(pending.workspace_id) = which.chain_id) as pending,
       chain.cut_number, encode(chain.cut_hash, 'hex') as cut_hash, chain.cut_at
  from (select kronos.audit_chain(kronos.current_workspace_id()) as chain_id) as which
  left join kronos.audit_chains as chain using (chain_id)
  left join kronos.workspaces as workspace on workspace.workspace_id = which.chain_id;

-- name: list_lines
-- Sealed rows of that chain after number %(after)s, in order, each as one line of the export: the hashed data
-- comes last, unchanged.
select line.number, line.text
  from (select sealed.number,
               format('{"number": %%s, "hash": "%%s", "record": %%s}', sealed.number,
                      encode(sealed.hash, 'hex'), kronos.audit_record(sealed)) as text
          from kronos.audit as sealed
         where sealed.chain_id = kronos.audit_chain(kronos.current_workspace_id())
           and sealed.number > %(after)s
         order by sealed.number
         limit %(limit)s) as line
 order by line.number;

-- name: list_chains
-- All chains according to their heads and cuts, and the newest audited cut of each. For the owner.
select chain.chain_id, coalesce(workspace.slug, chain.workspace_id::text) as workspace, chain.number,
       chain.hash, chain.cut_number, chain.cut_hash,
       (select count(*)
          from kronos.audit_pending as pending
         where kronos.audit_chain(pending.workspace_id) = chain.chain_id) as pending,
       (select each.after
          from kronos.list_audit(chain.chain_id, '{"action": "audit.cut"}', 'infinity',
                                 'ffffffff-ffff-ffff-ffff-ffffffffffff', 1) as each) as noted_cut
  from kronos.audit_chains as chain
  left join kronos.workspaces as workspace on workspace.workspace_id = chain.workspace_id
 order by chain.chain_id;

-- name: read_chain
-- Recompute the next %(limit)s rows of a chain. One row.
select number, hash, seen, fault
  from kronos.verify_audit(%(chain_id)s, %(after)s, %(hash)s, %(limit)s);

-- name: seal
-- Move committed changes into their chains. One row.
select kronos.seal_audit(%(limit)s) as sealed;

-- name: list_one_shots_made
-- The creators of the entered workspace's one-shots, newest first. A last row without an id: the search ended
-- there, and continues from it.
select made.audit_id, workspace.slug as workspace, made.at, made.actor, made.key_id, made.address,
       made.request_id, made.database_user, 'one_shot.create' as action, 'one_shot' as object_type,
       made.object_id, made.object, null::jsonb as before, made.after, null::bigint as number,
       null::text as hash, null::text as source, made.place_id
  from kronos.workspaces as workspace
 cross join lateral kronos.one_shots_made(%(filter)s, coalesce(%(before_at)s::timestamptz, 'infinity'),
                                          coalesce(%(before_id)s::uuid,
                                                   'ffffffff-ffff-ffff-ffff-ffffffffffff'),
                                          %(limit)s::integer) as made
 where workspace.workspace_id = kronos.current_workspace_id();
