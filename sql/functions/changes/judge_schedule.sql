-- judge_schedule: reads a schedule as its user wrote it (read_schedule), and returns it as a job stores it,
-- with its first tick within the window; or the fault. Many can be judged at once: one wrong schedule does
-- not fail the others.
-- Returns: one row. fault: {"sqlstate", "message", "hint", "column"}, null if it is sound.
create or replace function kronos.judge_schedule(
    p_cron text, p_every text, p_anchor timestamptz, p_timezone text, p_dst_gap text, p_dst_overlap text,
    p_anchor_local timestamp, p_starts_at timestamptz, p_ends_at timestamptz,
    out schedule text, out alarm text, out description text, out read_at timestamptz,
    out next_tick_at timestamptz, out fault jsonb
)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_read    kronos.schedule;
    v_state   text;
    v_message text;
    v_hint    text;
    v_column  text;
begin
    v_read := kronos.read_schedule(p_cron, p_every, p_anchor, p_timezone, p_dst_gap, p_dst_overlap,
                                   p_anchor_local);
    schedule := v_read::text;
    alarm := kronos.alarm(p_cron, v_read);
    description := kronos.describe_schedule(v_read);
    read_at := kronos.now();
    next_tick_at := kronos.first_tick(v_read, p_starts_at, p_ends_at);
exception when sqlstate 'KR001' or sqlstate 'KR002' or sqlstate 'KR003' or sqlstate 'KR004'
            or sqlstate 'KR005' then
    get stacked diagnostics v_state = returned_sqlstate, v_message = message_text,
                            v_hint = pg_exception_hint, v_column = column_name;
    fault := jsonb_build_object('sqlstate', v_state, 'message', v_message, 'hint', nullif(v_hint, ''),
                                'column', nullif(v_column, ''));
end
$$;
