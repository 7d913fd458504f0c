-- version_before: the version that a new version replaces, for objects that have one row per version. One
-- statement for each table, whose plan is kept: that of a statement for all of them was made at every call.
-- Returns: that row; null if there is none.
create or replace function kronos.version_before(p_table text, p_row jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_version constant integer := (p_row ->> 'version')::integer - 1;
begin
    case p_table
        when 'jobs' then
            return (select to_jsonb(job)
                      from kronos.jobs as job
                     where job.job_id = (p_row ->> 'previous_version_id')::uuid);
        when 'endpoint_versions' then
            return (select to_jsonb(made_of) || jsonb_build_object('spec', spec_of.spec,
                                                                   'retry_policy', spec_of.retry_policy)
                      from kronos.endpoint_versions as made_of
                      join kronos.endpoint_versions as spec_of on spec_of.endpoint_id = made_of.endpoint_id
                       and spec_of.version = coalesce(made_of.spec_version, made_of.version)
                     where made_of.endpoint_id = (p_row ->> 'endpoint_id')::uuid
                       and made_of.version = v_version);
        when 'document_versions' then
            return (select to_jsonb(made_of)
                      from kronos.document_versions as made_of
                     where made_of.document_id = (p_row ->> 'document_id')::uuid
                       and made_of.version = v_version);
        else
            return null;
    end case;
end
$$;
