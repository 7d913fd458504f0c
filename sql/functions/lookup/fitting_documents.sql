-- fitting_documents: the first of the given documents, in their order: at most p_limit, and at most p_bytes
-- of content, but at least one (see fitting_jobs). Runs as the caller: row level security applies.
create or replace function kronos.fitting_documents(p_document_ids uuid[], p_limit integer, p_bytes integer)
returns uuid[]
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_fitting  uuid[] := '{}'::uuid[];
    v_bytes    bigint := 0;
    v_document record;
begin
    for v_document in
        select document.document_id, made_of.content
          from unnest(p_document_ids[1:p_limit]) with ordinality as asked (document_id, nth)
          join kronos.documents as document using (document_id)
          join kronos.document_versions as made_of using (document_id, version)
         order by asked.nth
    loop
        v_bytes := v_bytes + octet_length(v_document.content::text);
        exit when v_bytes > p_bytes and cardinality(v_fitting) > 0;
        v_fitting := v_fitting || v_document.document_id;
    end loop;
    return v_fitting;
end
$$;
