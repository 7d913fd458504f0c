-- check_inputs: check that no input is longer, as JSON, than its workspace accepts (max_input_bytes).
-- Raises: KR041; the detail has the numbers, as JSON.
create or replace function kronos.check_inputs(p_workspace_id uuid, p_inputs jsonb[]) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_limit   constant integer := (select workspace.max_input_bytes from kronos.workspaces as workspace
                                    where workspace.workspace_id = p_workspace_id);
    v_longest integer;
    v_refusal jsonb;
begin
    if v_limit is null then
        return;
    end if;
    v_longest := (select max(octet_length(each.input::text)) from unnest(p_inputs) as each (input));
    if v_longest > v_limit then
        v_refusal := jsonb_build_object('quota', 'input_bytes', 'asked', v_longest, 'limit', v_limit);
        raise exception using errcode = 'KR041', message = kronos.refusal_text(v_refusal),
                              detail = v_refusal::text, column = 'input',
                              hint = 'Store the data elsewhere, and pass its address.';
    end if;
end
$$;
