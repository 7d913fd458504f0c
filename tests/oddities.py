"""Rows that PostgreSQL accepts but no one would write: instants, documents and schedules at their types' limits."""

from typing import Any

from hypothesis import strategies as st

Row = dict[str, Any]


INSTANTS = st.sampled_from(
    [
        "-infinity",
        "4714-11-24 00:00:00+00 BC",
        "0001-01-01 00:00:00+00 BC",
        "0001-01-01 00:00:00+00",
        "1969-12-31 23:59:59.999999+00",
        "2026-11-28 12:00:00.000001+00",
        "9999-12-31 23:59:59.999999+00",
        "10000-01-01 00:00:00+00",
        "294276-12-31 23:59:59.999999+00",
        "infinity",
    ]
)
DOCUMENTS = st.sampled_from(
    [
        "null",
        "true",
        '"text"',
        '""',
        "0",
        "-0.0",
        "5e-324",
        "9223372036854775807",
        "18446744073709551616",
        "-1e19",
        "5.9e24",
        "1e300",
        "1e400",
        "-1e5000",
        "1e30000",
        "0." + "3" * 200,
        "[]",
        "{}",
        '{"code": [1], "first": "never", "last": "x", "count": 2, "window_seconds": "x", "policy": {}, "message": '
        '[1], "type": []}',
        '{"code": "missed", "first": 1, "last": "-infinity", "count": 1e300, "window_seconds": null}',
        '{"code": "skip_next", "last": "294276-12-31T23:59:59.999999Z", "count": 3, "detail": {}, "actor": [], '
        '"until": 5}',
        '[1, [2, {"a": null}]]',
        "[" * 300 + "]" * 300,
        '{"a":' * 1200 + "1" + "}" * 1200,
        '{"": "", "\\u2028": "</script>"}',
        '{"code": 5, "detail": [1], "message": {"type": 1e300}, "type": null, "at": "never", "first": 1, "count": "x"}',
        '{"code": "paused", "at": "infinity", "until": "x", "actor": 1e400}',
        '{"mass": 1e300, "list": [1e400, -1e19]}',
    ]
)
INTEGERS = st.sampled_from([-(2**31), -1, 0, 1, 2**31 - 1])
SMALL = st.sampled_from([-(2**15), -1, 0, 1, 2**15 - 1])
POSITIVE = st.sampled_from([1, 2, 2**31 - 1])


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


_NO_FIELDS = ", ".join(["null"] * 10)
_NO_CALENDAR = "null, null, null"
_NO_INTERVAL = f"{_NO_FIELDS}, null, null, 'Europe/Berlin', 'SHIFT', 'FIRST'"
SCHEDULES = st.sampled_from(
    [
        "kronos.parse_cron('0 0 29 2 *')",
        "kronos.parse_cron('* * * * *')",
        f"row({_NO_FIELDS}, null, null, null, null, null, {_NO_CALENDAR})::kronos.schedule",
        "row(0, 0, 0, 0, 0, false, 0, 0, 0, false, null, null, 'UTC', 'SHIFT', 'FIRST', "
        f"{_NO_CALENDAR})::kronos.schedule",
        "row(1, 1, 1::bigint << 30, 4, 0, true, 0, 0, 0, false, null, null, 'No/Where', 'SKIP', 'BOTH', "
        f"{_NO_CALENDAR})::kronos.schedule",
        *(
            f"row({_NO_FIELDS}, {seconds}, {anchor}, 'UTC', 'SHIFT', 'FIRST', {_NO_CALENDAR})::kronos.schedule"
            for seconds, anchor in (
                ("2147483647", "'-infinity'"),
                ("1", "'294276-12-31+00'"),
                ("0", "now()"),
                ("60", "'2026-01-01+00'"),
                ("60", "'infinity'"),
                ("2147483647", "'2026-01-01+00'"),
            )
        ),
        *(
            f"row({_NO_INTERVAL}, {days}, {months}, {anchor})::kronos.schedule"
            for days, months, anchor in (
                ("1", "null", "'2026-01-01'"),
                ("2147483647", "null", "'2026-01-01'"),
                ("null", "2147483647", "'0001-01-01'"),
                ("null", "1", "'infinity'"),
                ("null", "1", "'-infinity'"),
                ("1", "null", "'4714-11-24 BC'"),
                ("null", "0", "'2026-01-01'"),
                ("1", "1", "'294276-12-31'"),
            )
        ),
    ]
)


@st.composite
def jobs(draw: st.DrawFn) -> tuple[Row, str | None]:
    """A row of kronos.jobs that satisfies its constraints, and the SQL of its schedule."""
    trigger = draw(st.sampled_from(["IMMEDIATE", "DELAYED", "CRON"]))
    is_cron = trigger == "CRON"
    status = draw(st.sampled_from(["ACTIVE", "PAUSED", "RETIRED"] if is_cron else ["ACTIVE", "RETIRED", "COMPLETED"]))
    row: Row = {
        "trigger": trigger,
        "status": status,
        "status_reason": draw(maybe(DOCUMENTS)),
        "input": draw(DOCUMENTS),
        "tags": draw(st.sampled_from(["{}", "{null}", '{"",x}', "{{a,b},{c,d}}"])),
        "run_at": draw(INSTANTS) if trigger == "DELAYED" else None,
        "cron": "x" if is_cron else None,
        "timezone": "x" if is_cron else None,
        "alarm": "x" if is_cron else None,
        "description": "x" if is_cron else None,
        "starts_at": draw(maybe(INSTANTS)),
        "max_runs": draw(maybe(POSITIVE)),
        "runs": draw(INTEGERS),
        "jitter_seconds": draw(st.sampled_from([0, 3600])),
        "overlap": draw(st.sampled_from(["ALLOW", "SKIP", "QUEUE", "REPLACE"])),
        "next_tick_at": draw(maybe(INSTANTS)) if is_cron and status != "RETIRED" else None,
        "last_run_at": draw(maybe(INSTANTS)),
        "created_at": draw(INSTANTS),
        "retired_at": draw(INSTANTS) if status in ("RETIRED", "COMPLETED") else None,
        "ticks_from": draw(INSTANTS),
        "ticks_until": draw(maybe(INSTANTS)),
        "skip_next": draw(st.sampled_from([0, 1, 100, 10000])),
        "resume_at": draw(maybe(INSTANTS)) if status == "PAUSED" else None,
        "is_halted": draw(st.booleans()),
    }
    if row["starts_at"] is None:
        row["ends_at"] = draw(maybe(INSTANTS))
    return row, draw(SCHEDULES) if is_cron else None
