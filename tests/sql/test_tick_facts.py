"""The parts that next_tick, count_ticks and the coming load are made of, each by itself, worked out by hand."""

import pytest

from sql.truths import differing
from sql_factory import Connection


def at(clock: str) -> str:
    """That time on the day of these facts, on a clock that no zone changes, as PostgreSQL writes it."""
    return f"2026-05-06 {clock}"


def test_the_last_time_of_a_day_that_a_schedule_names(shared: Connection) -> None:
    facts = [
        ("15,45 9,17 * * *", upto, expected)
        for upto, expected in (
            (at("23:59:00"), at("17:45:00")),
            (at("17:45:00"), at("17:45:00")),
            (at("17:44:59.999999"), at("17:15:00")),
            (at("17:14:00"), at("09:45:00")),
            (at("10:50:00"), at("09:45:00")),
            (at("09:15:00"), at("09:15:00")),
            (at("09:14:00"), None),
            (at("08:59:00"), None),
            (at("00:00:00"), None),
        )
    ]
    facts += [
        ("0 0 * * *", at("00:00:00"), at("00:00:00")),
        ("59 23 * * *", at("23:59:59"), at("23:59:00")),
        ("59 23 * * *", at("23:58:00"), None),
        ("* * * * *", at("12:34:56"), at("12:34:00")),
        ("* 0 * * *", at("01:30:00"), at("00:59:00")),
    ]
    assert differing(shared, "kronos.earlier_that_day(kronos.parse_cron(%s), %s::timestamp)::text", facts) == []


def test_how_many_times_of_a_day_a_schedule_names(shared: Connection) -> None:
    facts = [
        ("15,45 9,17 * * *", at(first), at(upto), expected)
        for first, upto, expected in (
            ("09:15:00", "17:45:00", 4),
            ("09:15:00", "17:44:00", 3),
            ("09:15:00", "17:14:00", 2),
            ("09:45:00", "17:14:00", 1),
            ("09:45:00", "12:00:00", 1),
            ("09:15:00", "09:15:00", 1),
            ("09:15:00", "09:44:00", 1),
            ("09:15:00", "09:45:00", 2),
            ("17:15:00", "23:59:00", 2),
        )
    ]
    facts += [
        ("* * * * *", at("00:00:00"), at("23:59:59"), 1440),
        ("* * * * *", at("10:30:00"), at("10:30:00"), 1),
        ("59 23 * * *", at("23:59:00"), at("23:59:00"), 1),
        ("0,59 0 * * *", at("00:00:00"), at("00:59:00"), 2),
    ]
    call = "kronos.ticks_that_day(kronos.parse_cron(%s), %s::timestamp, %s::timestamp)"
    assert differing(shared, call, facts) == []


def test_until_when_clocks_that_were_put_back_show_times_again(shared: Connection) -> None:
    """Berlin's go back from 3:00 to 2:00 at 1:00 UTC; those of Lord Howe by half an hour, at 15:00 UTC."""
    berlin, again = "Europe/Berlin", "2026-10-25 03:00:00"
    facts = [
        (berlin, "2026-10-25 00:30:00", "2026-10-25 02:30:00", None),
        (berlin, "2026-10-25 01:00:00", "2026-10-25 02:00:00", again),
        (berlin, "2026-10-25 01:30:00", "2026-10-25 02:30:00", again),
        (berlin, "2026-10-25 01:59:59", "2026-10-25 02:59:59", again),
        (berlin, "2026-10-25 02:00:00", "2026-10-25 03:00:00", None),
        (berlin, "2026-10-25 23:00:00", "2026-10-26 00:00:00", None),
        (berlin, "2026-10-26 02:30:00", "2026-10-26 03:30:00", None),
        (berlin, "2026-03-29 01:30:00", "2026-03-29 03:30:00", None),
        ("Australia/Lord_Howe", "2026-04-04 14:40:00", "2026-04-05 01:40:00", None),
        (
            "Australia/Lord_Howe",
            "2026-04-04 15:10:00",
            "2026-04-05 01:40:00",
            "2026-04-05 02:00:00",
        ),
        ("UTC", "2026-10-25 01:30:00", "2026-10-25 01:30:00", None),
    ]
    assert differing(shared, "kronos.repeated_until(%s, %s::timestamp, %s::timestamp)::text", facts) == []


def test_when_a_time_that_clocks_never_show_ticks(shared: Connection) -> None:
    """On the day on which Berlin's go forward from 2:00 to 3:00, at 1:00 UTC. 2:30 would have been at 1:30 UTC."""
    facts = [
        ("30 2 * * *", "SHIFT", "2026-03-29 01:00:00+00", True),
        ("15,30 2,3 * * *", "SHIFT", "2026-03-29 01:00:00+00", True),
        ("30 2 * * *", "SHIFT_BY_GAP", "2026-03-29 01:30:00+00", True),
        ("15 3 * * *", "SHIFT_BY_GAP", "2026-03-29 01:15:00+00", True),
        ("0 3 * * *", "SHIFT_BY_GAP", "2026-03-29 01:00:00+00", True),
        ("45 3 * * *", "SHIFT_BY_GAP", "2026-03-29 01:30:00+00", True),
    ]
    call = (
        "kronos.gap_tick(kronos.read_schedule(%s, null, null, 'Europe/Berlin', %s, 'FIRST'), '2026-03-29 01:30', "
        "'2026-03-29 01:00', '2026-03-29 03:00') = %s::timestamptz"
    )
    assert differing(shared, call, facts) == []


@pytest.mark.parametrize(
    ("seconds", "since", "until", "expected"),
    [
        # 0:00, 0:45; 1:30; 2:15; 3:00, 3:45: the minutes 0, 3, 6 and 9 have two, those between one
        (45, "00:00:00", "00:10:00", f"1:{0b0110110110} 2:{0b1001001001}"),
        (45, "00:01:10", "00:03:30", f"1:{0b1110}"),
        (45, "00:01:31", "00:02:15", None),
        (30, "00:00:00", "00:03:00", f"2:{0b111}"),
        (1, "00:00:00", "00:02:00", f"60:{0b11}"),
        (60, "00:01:00", "00:03:00", f"1:{0b110}"),
        (120, "00:00:00", "00:05:00", f"1:{0b10101}"),
    ],
)
def test_how_often_an_interval_ticks_in_each_minute(
    shared: Connection, seconds: int, since: str, until: str, expected: str | None
) -> None:
    call = (
        "(select string_agg(each.ticks || ':' || each.minutes, ' ' order by each.ticks)"
        " from kronos.interval_runs(%s::integer, %s::timestamptz, %s::timestamptz, %s::timestamptz) as each"
        " where each.minutes <> 0)"
    )
    began, first, last = (f"{at(each)}+00" for each in ("00:00:00", since, until))
    assert differing(shared, call, [(seconds, began, first, last, expected)]) == []


def test_times_are_told_in_whole_minutes(shared: Connection) -> None:
    call = (
        "(select to_jsonb(each) from kronos.minutes_open(%s::tstzmultirange, '2026-05-06 00:00+00'::timestamptz)"
        " as each)"
    )
    facts = [
        ("{}", {"opens": [], "closes": []}),
        ("{[2026-05-06 00:00+00, 2026-05-06 00:01+00)}", {"opens": [0], "closes": [1]}),
        (
            "{[2026-05-06 00:00:30+00, 2026-05-06 00:01:30+00), [2026-05-06 02:00+00, 2026-05-06 03:00:01+00)}",
            {"opens": [1, 120], "closes": [2, 181]},
        ),
    ]
    assert differing(shared, call, facts) == []
