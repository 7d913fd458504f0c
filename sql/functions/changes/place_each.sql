-- place_each: place_again for jobs that its caller has locked. If one of them fails, the halves are tried
-- separately, and so on, so that it stops no other job of its calendar; until p_until and in random order, as
-- in expire_each.
-- Returns: how many pointers moved, which jobs have followed, and the last error of the others.
-- Raises: shortages (is_shortage), with which the next job would fail too.
create or replace function kronos.place_each(p_job_ids uuid[], p_until timestamptz default null,
                                             out moved integer, out placed uuid[], out error jsonb)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_half   constant integer := cardinality(p_job_ids) / 2;
    v_first  uuid[] := p_job_ids[:v_half];
    v_second uuid[] := p_job_ids[v_half + 1:];
    v_until  timestamptz;
    v_part   record;
begin
    moved := 0;
    placed := '{}';
    if p_job_ids = '{}' then
        return;
    end if;
    begin
        moved := kronos.place_again(p_job_ids);
        placed := p_job_ids;
        return;
    exception when others then
        if kronos.is_shortage(sqlstate) then
            raise;
        elsif v_half = 0 then
            raise warning 'kronos: job % cannot follow its calendar yet: % (%)', p_job_ids[1], sqlerrm,
                          sqlstate;
            error := jsonb_build_object('at', kronos.iso(kronos.clock()), 'type', sqlstate,
                                        'message', sqlerrm);
            return;
        end if;
    end;
    v_until := coalesce(p_until, kronos.clock() + interval '0.5 seconds');
    if random() < 0.5 then
        v_first  := v_second;
        v_second := p_job_ids[:v_half];
    end if;
    select * into moved, placed, error from kronos.place_each(v_first, v_until);
    if kronos.clock() < v_until then
        select * into v_part from kronos.place_each(v_second, v_until);
        moved := moved + v_part.moved;
        placed := placed || v_part.placed;
        error := coalesce(v_part.error, error);
    end if;
end
$$;
