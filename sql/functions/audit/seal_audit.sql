-- seal_audit: moves committed audit rows into their chains (seal_chain), the oldest of each chain first, at
-- most p_limit. Rows that are committed later, however long their transaction took, are found by the next
-- call. One session at a time; a second session notices that and does nothing.
--
-- A chain that cannot be sealed, because its rows were changed by hand, is logged as a warning and left for
-- the next call: neither other chains nor deliveries wait for it. From half a second after the first failure
-- on, no further chain is tried. Each call begins at another chain, so that each has its turn, however many
-- cannot be sealed. It finds chains and their rows by audit_pending_by_chain: what waits costs it nothing.
-- Returns: the number of rows sealed.
create or replace function kronos.seal_audit(p_limit integer) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
declare
    v_count    integer := 0;
    v_start    constant uuid := gen_random_uuid();
    v_chain_id uuid := v_start;
    v_is_again boolean := false;        -- those before v_start follow
    v_until    timestamptz := 'infinity'::timestamptz;
begin
    if not exists (select from kronos.audit_pending)
    or not pg_try_advisory_xact_lock(hashtext('kronos.seal_audit')) then
        return 0;
    end if;
    while v_count < p_limit and kronos.clock() < v_until loop
        v_chain_id := kronos.next_pending_chain(v_chain_id, true);
        if v_chain_id is null and not v_is_again then
            v_is_again := true;
            v_chain_id := kronos.next_pending_chain(kronos.audit_chain(null), false);
        end if;
        exit when v_chain_id is null or (v_is_again and v_chain_id > v_start);
        begin
            v_count := v_count + kronos.seal_pending(v_chain_id, array(
                select pending.ctid
                  from kronos.audit_pending as pending
                 where kronos.audit_chain(pending.workspace_id) = v_chain_id
                 order by kronos.audit_chain(pending.workspace_id), pending.at
                 limit p_limit - v_count));
        exception when others then
            raise warning 'kronos: the audit of chain % cannot be sealed: % (%)', v_chain_id, sqlerrm,
                          sqlstate;
            v_until := least(v_until, kronos.clock() + interval '0.5 seconds');
        end;
    end loop;
    return v_count;
end
$$;
