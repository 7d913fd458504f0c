"""parse_cron accepts pg_cron's dialect where pg_cron's versions agree, and says what to write instead of
anything else.
"""

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cron_texts import Reading, cron_texts, read
from depth import depth
from refused_texts import REFUSED, damaged_texts

Connection = psycopg.Connection[tuple[object, ...]]

_PARSE = """
  select parsed.minutes, parsed.hours, parsed.days, parsed.months, parsed.weekdays, parsed.both_days,
         parsed.nearest_days, parsed.nth_weekdays, parsed.last_weekdays
    from unnest(%s::text[]) with ordinality as given(cron, n), kronos.parse_cron(given.cron) as parsed
order by given.n
"""

ALL = {"minute": 2**60 - 1, "hour": 2**24 - 1, "day": 2**32 - 2, "month": 2**13 - 2, "weekday": 127}


def bits(*values: int) -> int:
    return sum(1 << value for value in values)


def parse(shared: Connection, *texts: str) -> list[tuple[object, ...]]:
    return shared.execute(_PARSE, [list(texts)]).fetchall()


def refusal(shared: Connection, text: str) -> tuple[str, str]:
    with pytest.raises(psycopg.Error) as caught:
        parse(shared, text)
    assert caught.value.sqlstate == "KR001"
    return caught.value.diag.message_primary or "", caught.value.diag.message_hint or ""


def parsed_or_refused(shared: Connection, text: str) -> list[tuple[object, ...]] | psycopg.Error:
    try:
        return parse(shared, text)
    except psycopg.Error as error:
        return error


def signed(mask: int) -> int:
    """The mask as a bigint, whose 64th bit is the sign."""
    return mask - 2**64 if mask >= 2**63 else mask


def masks(reading: Reading) -> tuple[object, ...]:
    return (
        bits(*reading.minutes),
        bits(*reading.hours),
        signed(
            bits(*reading.days, *(64 - n for n in reading.before_last))
            | (reading.is_last_day << 32)
            | (reading.is_last_workday << 33)
        ),
        bits(*reading.months),
        bits(*(weekday % 7 for weekday in reading.weekdays)),
        reading.both_days,
        signed(bits(*reading.nearest_days, *(64 - n for n in reading.near_before_last))),
        bits(*(7 * (n - 1) + weekday % 7 for weekday, n in reading.nth_weekdays)),
        bits(*(weekday % 7 for weekday in reading.last_weekdays)),
    )


@pytest.mark.parametrize(
    ("text", "field", "expected"),
    [
        ("* * * * *", 0, ALL["minute"]),
        ("* * * * *", 1, ALL["hour"]),
        ("* * * * *", 2, ALL["day"]),
        ("* * * * *", 3, ALL["month"]),
        ("* * * * *", 4, ALL["weekday"]),
        ("*/45 * * * *", 0, bits(0, 45)),
        ("*/59 * * * *", 0, bits(0, 59)),
        ("5-20/7 * * * *", 0, bits(5, 12, 19)),
        ("05,5,59 * * * *", 0, bits(5, 59)),
        ("* */23 * * *", 1, bits(0, 23)),
        ("* * */10 * *", 2, bits(1, 11, 21, 31)),
        ("* * $ * *", 2, bits(32)),
        ("* * 1,$ * *", 2, bits(1, 32)),
        ("* * L * *", 2, bits(32)),
        ("* * l,$ * *", 2, bits(32)),
        ("* * LW * *", 2, bits(33)),
        ("* * 1,15W,lw,L * *", 2, bits(1, 32, 33)),
        ("* * 1,15W,L * *", 6, bits(15)),
        ("* * L-1 * *", 2, signed(bits(63))),
        ("* * l-30,L-03,L * *", 2, bits(34, 61, 32)),
        ("* * 1,L-3W,l-1w * *", 6, signed(bits(61, 63))),
        ("* * L-3W,L-2 * *", 2, bits(62)),
        ("* * 1W,01w,31W * *", 6, bits(1, 31)),
        ("* * */2,15W * *", 6, bits(15)),
        ("* * * Feb,DEC *", 3, bits(2, 12)),
        ("* * * jan-mar/2 *", 3, bits(1, 3)),
        ("* * * mar-5 *", 3, bits(3, 4, 5)),
        ("* * * * 0", 4, bits(0)),
        ("* * * * 7", 4, bits(0)),
        ("* * * * SUN", 4, bits(0)),
        ("* * * * 5-7", 4, bits(5, 6, 0)),
        ("* * * * 0-7", 4, ALL["weekday"]),
        ("* * * * mon-fri", 4, bits(1, 2, 3, 4, 5)),
        ("* * * * */7", 4, bits(0)),
        ("* * * * */2", 4, bits(0, 2, 4, 6)),
        ("* * * * 1-7/3", 4, bits(1, 4, 0)),
        ("* * * * 5#2", 7, bits(7 + 5)),
        ("* * * * fri#2", 7, bits(7 + 5)),
        ("* * * * 0#1,7#1,SUN#1", 7, bits(0)),
        ("* * * * 7#5,6#5", 7, bits(28, 34)),
        ("* * * * 5#02", 7, bits(7 + 5)),
        ("* * * * 5#2", 4, 0),
        ("* * * * 1,5#2,5L", 4, bits(1)),
        ("* * * * 1,5#2,5L", 7, bits(7 + 5)),
        ("* * * * 1,5#2,5L", 8, bits(5)),
        ("* * * * 7L,friL,Monl", 8, bits(0, 1, 5)),
        ("* * * * 0L", 8, bits(0)),
        ("* * ? * *", 2, ALL["day"]),
        ("* * ? * ?", 4, ALL["weekday"]),
        # wrapping ranges, whose step continues across the wrap
        ("55-5 * * * *", 0, bits(55, 56, 57, 58, 59, 0, 1, 2, 3, 4, 5)),
        ("55-5/2 * * * *", 0, bits(55, 57, 59, 1, 3, 5)),
        ("50-10/15,30 * * * *", 0, bits(50, 5, 30)),
        ("5-4/30 * * * *", 0, bits(5, 35)),
        ("* 22-6 * * *", 1, bits(22, 23, 0, 1, 2, 3, 4, 5, 6)),
        ("* 23-0 * * *", 1, bits(23, 0)),
        ("* 1-0 * * *", 1, ALL["hour"]),
        ("* 22-6/3 * * *", 1, bits(22, 1, 4)),
        ("* * 30-2 * *", 2, bits(30, 31, 1, 2)),
        ("* * 29-2/2 * *", 2, bits(29, 31, 2)),
        ("* * * nov-feb *", 3, bits(11, 12, 1, 2)),
        ("* * * DEC-1 *", 3, bits(12, 1)),
        ("* * * apr-mar/2 *", 3, bits(4, 6, 8, 10, 12, 2)),
        ("* * * * sat-sun", 4, bits(6, 0)),
        ("* * * * fri-mon", 4, bits(5, 6, 0, 1)),
        ("* * * * fri-mon/2", 4, bits(5, 0)),
        ("* * * * thu-tue/2", 4, bits(4, 6, 1)),
        ("* * * * 6-0", 4, bits(6, 0)),
        ("* * * * 7-2", 4, bits(0, 1, 2)),
        ("* * * * 7-0", 4, bits(0)),
        ("* * * * 7-6", 4, ALL["weekday"]),
        ("* * * * sun-sun", 4, bits(0)),
        ("* * * * 2-1", 4, ALL["weekday"]),
        ("@yearly", 3, bits(1)),
        ("@annually", 2, bits(1)),
        ("@weekly", 4, bits(0)),
        ("@hourly", 1, ALL["hour"]),
    ],
)
def test_a_field_becomes_the_bits_of_its_values(shared: Connection, text: str, field: int, expected: int) -> None:
    assert parse(shared, text)[0][field] == expected


@pytest.mark.parametrize(
    ("days", "weekdays", "both_days"),
    [
        ("*", "*", True),
        ("13", "*", True),
        ("*", "5", True),
        ("*/2", "5", True),
        ("13", "*/2", True),
        ("*,13", "5", True),
        ("13", "5", False),
        ("1-31", "5", False),
        ("13", "0-6", False),
        ("13,*", "5", False),
        ("13", "5,*", False),
        ("$", "5", False),
        ("$,*", "5", False),
        ("L", "5", False),
        ("LW", "*", True),
        ("15W", "5#2", False),
        ("*", "5L", True),
        ("*/2,15W", "5L", True),
        ("15W,*", "5L", False),
        ("?", "5", True),
        ("13", "?", True),
        ("?", "?", True),
        ("L-3", "5", False),
        ("25-5", "sat-mon", False),
    ],
)
def test_both_days_must_match_where_a_day_field_begins_with_a_star(
    shared: Connection, days: str, weekdays: str, both_days: bool
) -> None:
    assert parse(shared, f"0 0 {days} * {weekdays}")[0][5] is both_days


@pytest.mark.parametrize(
    ("macro", "same"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("\t@daily  ", "0 0 * * *"),
        (" \t1\t2   3 \t4 5 ", "1 2 3 4 5"),
        ("0 9 * * 1\n", "0 9 * * 1"),
        ("0 9 * * 1 \r\n\n", "0 9 * * 1"),
        ("\n0 9 * * 1", "0 9 * * 1"),
        ("@daily\n", "0 0 * * *"),
        ("0 0 ? * ?", "0 0 * * *"),
    ],
)
def test_macros_and_blanks_mean_their_five_fields(shared: Connection, macro: str, same: str) -> None:
    assert parse(shared, macro) == parse(shared, same)


@settings(
    deadline=None,
    max_examples=depth(8, deep=30),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(texts=st.lists(cron_texts, min_size=40, max_size=40))
def test_any_valid_text_becomes_the_sets_that_it_names(shared: Connection, texts: list[str]) -> None:
    assert parse(shared, *texts) == [masks(read(text)) for text in texts]


@settings(
    deadline=None,
    max_examples=depth(150, deep=600),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(text=damaged_texts())
def test_a_damaged_text_is_refused_with_a_hint_or_still_means_what_it_says(shared: Connection, text: str) -> None:
    outcome = parsed_or_refused(shared, text)
    if isinstance(outcome, psycopg.Error):
        assert (outcome.sqlstate, bool(outcome.diag.message_hint)) == ("KR001", True), (text, outcome)
    else:
        assert outcome == [masks(read(text))]


@pytest.mark.parametrize(("text", "named", "hint"), REFUSED)
def test_refused_text_is_named_and_a_better_one_shown(shared: Connection, text: str, named: str, hint: str) -> None:
    message, shown = refusal(shared, text)
    assert named in message
    assert hint in shown


def test_nul_cannot_even_be_sent(shared: Connection) -> None:
    with pytest.raises(psycopg.DataError, match="NUL"):
        parse(shared, "* * * *\0*")


def test_two_hundred_characters_are_accepted(shared: Connection) -> None:
    assert parse(shared, "* * * * *" + " " * 191) == parse(shared, "* * * * *")


def test_null_is_no_schedule(shared: Connection) -> None:
    assert shared.execute("select kronos.parse_cron(null) is null").fetchone() == (True,)
