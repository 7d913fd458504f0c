"""parse_cron takes pg_cron's dialect where its versions agree, and says what to write instead of anything else."""

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cron_texts import Reading, cron_texts, read

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
    """The bigint of these bits: the 64th is its sign."""
    return mask - 2**64 if mask >= 2**63 else mask


def masks(reading: Reading) -> tuple[object, ...]:
    return (
        bits(*reading.minutes),
        bits(*reading.hours),
        signed(bits(*reading.days, *(64 - n for n in reading.before_last)) | (reading.is_last_day << 32) | (reading.is_last_workday << 33)),
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
        # ranges that go round, and whose step counts on
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
def test_both_days_must_match_where_a_day_field_begins_with_a_star(shared: Connection, days: str, weekdays: str, both_days: bool) -> None:
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


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(cron_texts, min_size=40, max_size=40))
def test_any_valid_text_becomes_the_sets_that_it_names(shared: Connection, texts: list[str]) -> None:
    assert parse(shared, *texts) == [masks(read(text)) for text in texts]


@st.composite
def damaged_texts(draw: st.DrawFn) -> str:
    """A valid text with one to three characters put in, taken out or replaced."""
    text = draw(cron_texts)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        new = draw(st.sampled_from([*" \t*,-/$?#@.+0123456789LWHAamonSUNjf\n\x7f\u00e9\u0661", ""]))
        text = text[:at] + new + text[at + draw(st.integers(0, 1)) :]
    return text


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=damaged_texts())
def test_a_damaged_text_is_refused_with_a_hint_or_still_means_what_it_says(shared: Connection, text: str) -> None:
    outcome = parsed_or_refused(shared, text)
    if isinstance(outcome, psycopg.Error):
        assert (outcome.sqlstate, bool(outcome.diag.message_hint)) == ("KR001", True), (text, outcome)
    else:
        assert outcome == [masks(read(text))]


# text, what the message names, what the hint says
REFUSED = [
    ("", "0 fields", "write five fields"),
    (" \t ", "0 fields", "write five fields"),
    ("*", "1 field,", "write five fields"),
    ("* * * *", "4 fields", "write five fields"),
    ("* * * * * *", "6 fields", "no field for seconds or years"),
    ("0 0 12 * * ? 2024", "7 fields", "no field for seconds or years"),
    ("30 seconds", "30 seconds", "a minute is the shortest interval"),
    ("* * * * * foo", "6 fields", "write five fields"),
    ("@reboot", '"@reboot"', "IMMEDIATE"),
    ("@Daily", '"@Daily"', "write @daily"),
    ("@every 5m", '"@every 5m"', "*/5 * * * *"),
    ("@fortnightly", '"@fortnightly"', "write @hourly"),
    ("@hourly * * * *", '"@hourly * * * *"', "five fields"),
    ("@", '"@"', "write @hourly"),
    ("5-010 * * * *", 'minute: "5-010"', "a range low-high"),
    ("5-10/002 * * * *", 'minute: "5-10/002"', "as in */5"),
    ("60 * * * *", 'minute: "60"', "write 0 for the full hour"),
    ("61 * * * *", 'minute: "61"', "from 0 to 59"),
    ("5-64/30 * * * *", 'minute: "64"', "from 0 to 59"),
    ("0 24 * * *", 'hour: "24"', "write 0 for midnight"),
    ("0 0 0 * *", 'day of month: "0"', "from 1 to 31"),
    ("0 0 32 * *", 'day of month: "32"', "from 1 to 31"),
    ("0 0 1 0 *", 'month: "0"', "from 1 to 12"),
    ("0 0 1 13 *", 'month: "13"', "from 1 to 12"),
    ("0 0 * * 8", 'weekday: "8"', "from 0 to 7"),
    ("*/60 * * * *", 'minute: step "60"', "write its first value, 0"),
    ("*/0 * * * *", 'minute: step "0"', "from 1 to 59"),
    ("0 */24 * * *", 'hour: step "24"', "write its first value, 0"),
    ("0 0 */32 * *", 'day of month: step "32"', "write its first value, 1"),
    ("0 0 * */13 *", 'month: step "13"', "write its first value, 1"),
    ("0 0 * * */8", 'weekday: step "8"', "write its first value, 0"),
    ("*/61 * * * *", 'minute: step "61"', "write its first value, 0"),
    ("*/5000000000 * * * *", 'minute: "*/5000000000"', "as in */5"),
    ("0-5000000000 * * * *", 'minute: "0-5000000000"', "a range low-high"),
    ("0 0 * * 1#5000000000", 'weekday: "1#5000000000"', "from 1 to 5"),
    ("1/5 * * * *", 'minute: "1/5"', "write 1-59/5"),
    ("0 0 * * mon/2", 'weekday: "mon/2"', "write mon-7/2"),
    ("*/5/2 * * * *", 'minute: "*/5/2"', "one step only"),
    ("*-5 * * * *", 'minute: "*-5"', "a range low-high"),
    ("-5 * * * *", 'minute: "-5"', "a number from 0 to 59"),
    ("5- * * * *", 'minute: "5-"', "a range low-high"),
    ("1.5 * * * *", 'minute: "1.5"', "a number from 0 to 59"),
    ("0x10 * * * *", 'minute: "0x10"', "numbers from 0 to 59"),
    ("005 * * * *", 'minute: "005"', "a number from 0 to 59"),
    ("1,2,, * * * *", 'minute: ""', "remove the comma"),
    (",1 * * * *", 'minute: ""', "remove the comma"),
    ("? 0 * * *", 'minute: "?"', "write * instead of ?"),
    ("0 0 ?,5 * *", 'day of month: "?"', "write * instead of ?"),
    ("0 0 ?/2 * *", 'day of month: "?/2"', "write * instead of ?"),
    ("0 0 * ? *", 'month: "?"', "write * instead of ?"),
    ("0 0 L-0 * *", 'day of month: "0" of "L-0"', "L-1 to L-30"),
    ("0 0 L-31 * *", 'day of month: "31" of "L-31"', "L-1 to L-30"),
    ("0 0 L-31W * *", 'day of month: "31" of "L-31W"', "L-1 to L-30"),
    ("0 0 * * L-3", 'weekday: "L-3"', "third field"),
    ("0 L-3 * * *", 'hour: "L-3"', "third field"),
    ("* * * * *\n* * * * *", "U+000A", "printable ASCII"),
    ("0 0 W * *", 'day of month: "W"', "as in 15W"),
    ("0 0 WL * *", 'day of month: "WL"', "months and weekdays only"),
    ("0 0 1-5W * *", 'day of month: "1-5W"', "as in 1W,15W"),
    ("0 0 0W * *", 'day of month: "0"', "from 1 to 31"),
    ("0 0 32W * *", 'day of month: "32"', "from 1 to 31"),
    ("0 0 155W * *", 'day of month: "155W"', "from 1 to 31"),
    ("0 0 5L * *", 'day of month: "5L"', "fifth field"),
    ("0 0 5#2 * *", 'day of month: "5#2"', "fifth field"),
    ("0 0 $L * *", 'day of month: "$L"', "stands alone"),
    ("0 0 $-3 * *", 'day of month: "$-3"', "stands alone"),
    ("0 0 $/2 * *", 'day of month: "$/2"', "stands alone"),
    ("0 0 15W/2 * *", 'day of month: "15W/2"', "months and weekdays only"),
    ("0 L * * *", 'hour: "L"', "third field"),
    ("15W * * * *", 'minute: "15W"', "third field"),
    ("0 0 1 5#2 *", 'month: "5#2"', "fifth field"),
    ("0 0 * * L", 'weekday: "L"', "write 6L or satL"),
    ("0 0 * * 1,L", 'weekday: "L"', "6 for each"),
    ("0 0 * * LW", 'weekday: "LW"', "belongs into day of month"),
    ("0 0 * * 15W", 'weekday: "15W"', "third field"),
    ("0 0 * * $", 'weekday: "$"', "third field"),
    ("0 0 * * 5#0", 'weekday: "0" of "5#0"', "write 5#1 to 5#5, or 5L"),
    ("0 0 * * fri#6", 'weekday: "6" of "fri#6"', "write fri#1 to fri#5, or friL"),
    ("0 0 * * 8#1", 'weekday: "8"', "from 0 to 7"),
    ("0 0 * * 8L", 'weekday: "8"', "from 0 to 7"),
    ("0 0 * * jan#1", 'weekday: "jan"', "write one of sun mon"),
    ("0 0 * * 5#", 'weekday: "5#"', "5#2 or fri#2"),
    ("0 0 * * #2", 'weekday: "#2"', "5#2 or fri#2"),
    ("0 0 * * 1-5#2", 'weekday: "1-5#2"', "ranges are not"),
    ("0 0 * * 5#-1", 'weekday: "5#-1"', "from 1 to 5"),
    ("0 0 * * 5#2#3", 'weekday: "5#2#3"', "5#2 or fri#2"),
    ("0 0 * * 5#100", 'weekday: "5#100"', "from 1 to 5"),
    ("0 0 * * 5LW", 'weekday: "5LW"', "a number from 0 to 7"),
    ("0 0 * * MONDAY", 'weekday: "MONDAY"', "write mon"),
    ("0 0 * * monday-friday", 'weekday: "monday-friday"', "write mon-fri"),
    ("0 0 1 January *", 'month: "January"', "write jan"),
    ("0 0 * mon *", 'month: "mon"', "write one of jan feb"),
    ("0 0 * * jan", 'weekday: "jan"', "write one of sun mon"),
    ("0 mon * * *", 'hour: "mon"', "months and weekdays only"),
    ("H * * * *", 'minute: "H"', "months and weekdays only"),
    ("* * * *\n*", "U+000A", "printable ASCII"),
    ("* * * *\x0b*", "U+000B", "printable ASCII"),
    ("* * * * \x7f", "U+007F", "printable ASCII"),
    ("*\u00a0* * * *", "U+00A0", "printable ASCII"),
    ("\u0661 * * * *", "U+0661", "printable ASCII"),
    ("0 0 * * \u0130", "U+0130", "printable ASCII"),
    ("* * * * *" + " " * 192, "201 characters", "shorten"),
    ("1," * 100 + "1 * * * *", "characters", "shorten"),
]


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
