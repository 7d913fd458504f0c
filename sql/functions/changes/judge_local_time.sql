-- judge_local_time: the instant at which a zone's clocks show a local time, resolved by p_dst_gap if they
-- never do; or the fault. Like judge_schedule: one wrong time does not fail the others.
create or replace function kronos.judge_local_time(p_local timestamp, p_timezone text, p_dst_gap text,
                                                   out at timestamptz, out fault jsonb)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_message text;
    v_hint    text;
begin
    at := kronos.local_instant(p_local, kronos.check_zone(p_timezone), p_dst_gap);
exception when sqlstate 'KR004' then
    get stacked diagnostics v_message = message_text, v_hint = pg_exception_hint;
    fault := jsonb_build_object('sqlstate', 'KR004', 'message', v_message, 'hint', nullif(v_hint, ''),
                                'column', null);
end
$$;
