"""The text that a hint says to write is accepted and means what was meant. Every hint is followed, or is known to be
general.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cron_texts import cron_texts
from depth import depth
from refused_texts import REFUSED, damaged_texts
from sql_factory import Connection, pg_cron, value

FIELDS = ["minute", "hour", "day of month", "month", "weekday"]
ANCHOR = datetime(2026, 1, 1, tzinfo=UTC)
# Hints that explain the syntax in general, without a text to write instead.
GENERAL = re.compile(
    "Write a (number|step) from|Write one of |.*write numbers? from|.*write a number from|Write names of three letters"
    "|Write \\*, a number from"
    "|Write # between|Write five fields|Write @hourly, @daily|Use only printable|Write one step only|Shorten"
    "|Remove the comma"
    '|.*write "every" instead of cron|.*belongs? in |\\$, the last|W follows one|L, the last|The zone has|A '
    "schedule names times"
)
ADVICE = re.compile(
    r"[Ww]rite (?:its first value, )?(.+?)(?=\.?$|;|,? instead|, | in place of| for | and nothing| in plain| there)"
)
# A hint is a sentence. What stands first may be a sign of the syntax: $ or #.
SENTENCE = re.compile(r"[A-Z$#].*\.")

# A text to copy that has the sentence's period at its end: five fields, a macro, or a sign of the syntax.
_GLUED = re.compile(r"(?:(?:[-*0-9,/#?$LW]+ ){4}(?!instead)\S+|@\w+|\S*[*/#?$]\S*|[0-9]+[LW]|LW|L-[0-9]+W?)\.$")

# A text, and what it means in the program that it comes from: a cron text, or an interval.
MEANT = [
    ("0 9 * * fridayL", "0 9 * * 5L"),
    ("0 9 * * FridayL", "0 9 * * 5L"),
    ("0 9 * * mon-friL", "0 9 * * 1L,2L,3L,4L,5L"),
    ("0 9 * * monday-fridayL", "0 9 * * 1L,2L,3L,4L,5L"),
    ("0 9 * * sat-sunL", "0 9 * * 6L,0L"),
    ("0 9 * * 1-3#2", "0 9 * * 1#2,2#2,3#2"),
    ("0 9 * * friday#2", "0 9 * * 5#2"),
    ("0 9 * * weekday", "0 9 * * 1-5"),
    ("0 9 * * WEEKDAYS", "0 9 * * 1-5"),
    ("0 9 * * weekend", "0 9 * * 6,0"),
    ("0 9 * * monday", "0 9 * * 1"),
    ("0 9 * * mon,thurs", "0 9 * * 1,4"),
    ("0 9 * * tuesday-thursday/2", "0 9 * * 2,4"),
    ("0 9 * january-june/2 *", "0 9 * 1,3,5 *"),
    ("0 9 * Sept *", "0 9 * 9 *"),
    ("0 9 * * L5", "0 9 * * 5L"),
    ("0 9 * * 5#L", "0 9 * * 5L"),
    ("0 9 * * fri#last", "0 9 * * 5L"),
    ("0 9 * * L#fri", "0 9 * * 5L"),
    ("0 9 W15 * *", "0 9 15W * *"),
    ("0 9 WL * *", "0 9 LW * *"),
    ("0 9 LW-3 * *", "0 9 L-3W * *"),
    ("0 9 $-3 * *", "0 9 L-3 * *"),
    ("0 9 L5 * *", "0 9 L-5 * *"),
    ("0 9 29-L * *", "0 9 29-31 * *"),
    ("0 9 1-L * *", "0 9 1-31 * *"),
    ("59/15 * * * *", "59 * * * *"),
    ("0/15 * * * *", "0,15,30,45 * * * *"),
    ("5/15 * * * *", "5,20,35,50 * * * *"),
    ("5/90 * * * *", "5 * * * *"),
    ("0 9 * * mon/2", "0 9 * * 1,3,5"),
    ("0 9 * feb/3 *", "0 9 * 2,5,8,11 *"),
    ("? 9 * * *", "* 9 * * *"),
    ("005 * * * *", "5 * * * *"),
    ("*/60 * * * *", "0 * * * *"),
    ("0 */24 * * *", "0 0 * * *"),
    ("H * * * *", "0 * * * *"),
    ("H/15 * * * *", "*/15 * * * *"),
    ("H(0-29)/10 * * * *", "0-29/10 * * * *"),
    ("0 0 H * *", "0 0 1 * *"),
    ("5~30 * * * *", "5 * * * *"),
    ("60 * * * *", "0 * * * *"),
    ("0 24 * * *", "0 0 * * *"),
    ("0 9 * * mon, wed", "0 9 * * 1,3"),
    ("0 9 * * mon - fri", "0 9 * * 1-5"),
    ("*/ 5 * * * *", "*/5 * * * *"),
    ("0 9 * * 5 #2", "0 9 * * 5#2"),
    ("0 9 * * * # daily", "0 9 * * *"),
    ("0 9 * * 1 #every Monday", "0 9 * * 1"),
    ("0 9 * * * # täglich", "0 9 * * *"),
    ("0 9 * * mon\u2013fri", "0 9 * * 1-5"),
    ("0\u00a09 * * *", "0 9 * * *"),
    ("0 9 * * * /usr/bin/x", "0 9 * * *"),
    ("0 9 * * * curl https://example.com", "0 9 * * *"),
    ("0 9 * * * foo " + "x" * 200, "0 9 * * *"),
    ("17 *\t* * *\troot    cd / && run-parts --report /etc/cron.hourly", "17 * * * *"),
    ("@daily /usr/bin/x", "0 0 * * *"),
    ("@Hourly", "0 * * * *"),
    ('"0 9 * * *"', "0 9 * * *"),
    ("'@daily'", "0 0 * * *"),
    ("09:30", "30 9 * * *"),
    # seconds first: Quartz, Spring, robfig, node-cron; years last: AWS, Quartz
    ("0 0 9 * * *", "0 9 * * *"),
    ("0 0 9 ? * MON-FRI", "0 9 * * 1-5"),
    ("30 0 9 * * ?", "0 9 * * *"),
    ("0 0 9 L-3 * ?", "0 9 L-3 * *"),
    ("0 0 12 * * ? *", "0 12 * * *"),
    ("0 0 12 1W * ? 2024-2026", "0 12 1W * *"),
    ("0 9 ? * MON-FRI *", "0 9 * * 1-5"),
    ("0 9 * * ? 2027", "0 9 * * *"),
    ("cron(0 9 ? * MON *)", "0 9 * * 1"),
    ("* * * * * *", "* * * * *"),
    ("*/10 * * * * *", "* * * * *"),
    # what cron cannot express
    ("@every 90m", "90m"),
    ("@every 1h30m", "90m"),
    ("@every 48h", "2d"),
    ("@every 1h0m0s", "1h"),
    ("every 5 minutes", "5m"),
    ("every hour", "1h"),
    ("rate(1 day)", "1d"),
    ("rate(90 minutes)", "90m"),
    ("2 hours", "2h"),
    ("90m", "90m"),
    ("60 seconds", "1m"),
    ("every 3 Days", "3d"),
    ("@every 1 hour", "1h"),
    ("*/90 * * * *", "90m"),
    ("*/120 * * * *", "2h"),
    ("0 */36 * * *", "36h"),
    ("0 0 */32 * *", "32d"),
    ("0 0 * * */14", "2w"),
]


def hint_of(connection: Connection, text: str) -> tuple[str, str] | None:
    """The message and hint for an invalid text; None if it is valid."""
    try:
        with connection.transaction():
            connection.execute("select kronos.parse_cron(%s)", [text])
    except psycopg.Error as error:
        if error.sqlstate != "KR001":
            raise
        return error.diag.message_primary or "", error.diag.message_hint or ""
    return None


def is_taken(connection: Connection, text: str) -> bool:
    return hint_of(connection, text) is None


def in_its_place(connection: Connection, text: str, field: str, advised: str, hint: str) -> str:
    """The text with the advice in place of the field's first invalid item."""
    n = FIELDS.index(field)
    fields = text.split()
    items = fields[n].split(",")
    refused = next(k for k, item in enumerate(items) if not is_item(connection, item, n))
    if "instead of ?" in hint:
        advised = items[refused].replace("?", "*")
    elif re.search("for (midnight|the start of the hour)", hint):
        advised = items[refused].replace("24" if field == "hour" else "60", "0")
    fields[n] = ",".join([*items[:refused], advised, *items[refused + 1 :]])
    return " ".join(fields)


def advice(connection: Connection, text: str, message: str, hint: str) -> Iterator[tuple[str | None, str | None]]:
    """Each cron text or interval that the hint says to write instead of the text."""
    field = re.match("cron field (.+?):", message)
    for advised in ADVICE.findall(hint):
        if every := re.fullmatch('"every": "(.+)"', advised):
            yield None, every[1]
            continue
        for one in re.split(" or | to ", advised):
            yield (in_its_place(connection, text, field[1], one, hint) if field else one), None


def seconds(connection: Connection, every: str) -> int:
    return int(
        value(
            connection,
            "select (kronos.read_schedule(null, %s, %s, 'UTC', 'SHIFT', 'FIRST')).every_seconds",
            [every, ANCHOR],
        )
    )


@pytest.mark.parametrize(("text", "meant"), MEANT)
def test_what_is_advised_first_means_what_was_meant(shared: Connection, text: str, meant: str) -> None:
    """With a pg_cron that knows whole minutes only; test_seconds_are_advised_where_pg_cron_has_them tests the other."""
    with pg_cron(shared, "1.4"):
        refusal = hint_of(shared, text)
        assert refusal, text
        cron, every = next(advice(shared, text, *refusal))
        if " " in meant:
            assert value(shared, "select kronos.describe_schedule(kronos.parse_cron(%s))", [cron]) == value(
                shared, "select kronos.describe_schedule(kronos.parse_cron(%s))", [meant]
            )
        else:
            assert every is not None
            assert seconds(shared, every) == seconds(shared, meant)


@pytest.mark.parametrize("prefix", ["TZ=Asia/Tokyo", "CRON_TZ=Asia/Tokyo", 'TZ="Asia/Tokyo"', "tz=:Asia/Tokyo"])
def test_a_zone_before_the_fields_is_sent_to_its_own(shared: Connection, prefix: str) -> None:
    refusal = hint_of(shared, f"{prefix} 0 9 * * 1")
    assert refusal
    assert refusal[1] == 'Write 0 9 * * 1, and set "timezone": "Asia/Tokyo".'
    refusal = hint_of(shared, f"{prefix} 0 9 * *")
    assert refusal
    assert refusal[1] == 'The zone has its own field, as in "timezone": "Asia/Tokyo".'


def test_a_zone_that_is_none_is_not_repeated(shared: Connection) -> None:
    refusal = hint_of(shared, "CRON_TZ=Mars/Olympus 0 9 * * 1")
    assert refusal
    assert refusal[1] == 'Write 0 9 * * 1, and set the zone, as in "timezone": "Europe/Berlin".'


@pytest.mark.parametrize(
    ("text", "every"), [("every 1 month", "1mo"), ("every 2 years", "2y"), ("rate(18 months)", "18mo")]
)
def test_months_are_sent_to_the_calendars_intervals(shared: Connection, text: str, every: str) -> None:
    refusal = hint_of(shared, text)
    assert refusal
    assert f'write "every": "{every}" instead of cron' in refusal[1]
    assert (
        value(shared, "select kronos.read_schedule(null, %s, null, 'UTC', 'SHIFT', 'FIRST') is not null", [every])
        is not None
    )


@pytest.mark.parametrize("text", ["90 seconds", "@every 1h30m10s", "every 61 seconds"])
def test_no_other_unit_is_shown_beside_a_number_of_seconds(shared: Connection, text: str) -> None:
    refusal = hint_of(shared, text)
    assert refusal
    assert refusal[1].startswith("An interval of whole minutes, or of 1 to 59 seconds from pg_cron 1.5 on")
    assert "90m" not in refusal[1]


@pytest.mark.parametrize(
    ("text", "every"),
    [
        ("30 seconds", "30s"),
        ("10 seconds", "10s"),
        ("@every 45s", "45s"),
        ("*/10 * * * * *", "10s"),
        ("* * * * * *", "1s"),
    ],
)
def test_seconds_are_advised_where_pg_cron_has_them(shared: Connection, text: str, every: str) -> None:
    with pg_cron(shared, "1.6"):
        with shared.transaction(force_rollback=True):
            refusal = hint_of_failed(shared, text)
        assert f'write "every": "{every}" instead of cron' in refusal
        assert seconds(shared, every) == int(every[:-1])
    with pg_cron(shared, "1.4"):
        refusal = hint_of_failed(shared, text)
    assert "Intervals in seconds need pg_cron 1.5" in refusal
    assert 'write "every": "1m"' in refusal or "write * * * * *" in refusal


def hint_of_failed(connection: Connection, text: str) -> str:
    """The hint for an invalid text, within a transaction that continues."""
    with pytest.raises(psycopg.Error) as caught, connection.transaction():
        connection.execute("select kronos.parse_cron(%s)", [text])
    return caught.value.diag.message_hint or ""


def test_where_sunday_may_be_1_names_are_advised(shared: Connection) -> None:
    for text in ("0 0 9 ? * 2", "0 9 ? * 2 *", "0 0 9 ? * 2 2027"):
        refusal = hint_of(shared, text)
        assert refusal
        assert refusal[1].endswith("if 1 is Sunday, as in Quartz, use names for weekdays: sun, mon."), text
    for text in ("0 0 9 ? * MON", "0 0 9 * * 2", "0 9 * * ? 2027"):
        refusal = hint_of(shared, text)
        assert refusal
        assert "Quartz" not in refusal[1], text


def followed(connection: Connection, text: str) -> int:
    """Check that each text and interval that the hint advises is accepted, except for other invalid items of the text.
    Return their number; 0 for a valid text.
    """
    refusal = hint_of(connection, text)
    if refusal is None:
        return 0
    message, hint = refusal
    assert SENTENCE.fullmatch(hint), (text, hint)
    assert not _GLUED.search(hint), (text, hint)
    if GENERAL.match(hint):
        return 0
    count = 0
    for cron, every in advice(connection, text, message, hint):
        count += 1
        assert not hint.endswith(f"{every or cron}."), (text, hint)
        if every is not None:
            assert seconds(connection, every) > 0, (text, hint)
        elif cron is not None:
            again = hint_of(connection, cron)
            assert again is None or (
                "cron field" in message and (again[0] != message or is_there_twice(text, message))
            ), (
                text,
                hint,
                cron,
                again,
            )
            if again is not None:  # another item is wrong: by itself, the advice is accepted
                assert is_progress(connection, text, cron), (text, hint, cron, again)
    assert count > 0, (text, hint)
    return count


def is_there_twice(text: str, message: str) -> bool:
    """Whether the item that the message quotes occurs more than once in the text, as in ?,?. The advice was followed
    for one of them.
    """
    quoted = re.search(r'"([^"]+)"', message)
    return quoted is not None and text.count(quoted[1]) > 1


def is_progress(connection: Connection, before: str, after: str) -> bool:
    """Whether fewer items are invalid than before."""
    return refused_items(connection, after) < refused_items(connection, before)


def refused_items(connection: Connection, text: str) -> int:
    return sum(not is_item(connection, item, n) for n, field in enumerate(text.split()) for item in field.split(","))


def is_item(connection: Connection, item: str, n: int) -> bool:
    """Whether an item may be in the list of a field."""
    stars = ["*"] * 5
    return is_taken(connection, " ".join([*stars[:n], f"{item},{item}", *stars[n + 1 :]]))


@pytest.mark.parametrize("text", [text for text, _, _ in REFUSED] + [text for text, _ in MEANT])
def test_what_a_hint_says_to_write_is_taken(shared: Connection, text: str) -> None:
    followed(shared, text)


# Words and signs of other crons, in any position.
_FOREIGN = st.sampled_from(
    ["?", "L", "W", "#", "H", "~", "R", "/", "-", ",", "5/15", "L-3", "LW", "fridayL", "mon-friL", "friday", "1-5#2",
     "5#L", "W15", "29-L",
     "weekday", "sept", "*/90", "*/120", "005", "100", "60", "24", "32W", "L-31", "# x", "/usr/bin/x", "root", "2027",
     "0", "*/10",
     "TZ=UTC", "@every", "90m", "seconds", "mon, wed", "\u2013", '"', "cron(", ")", "$-3", "1.5", "fri-", "jan-monday"]
)  # fmt: skip


@st.composite
def foreign_texts(draw: st.DrawFn) -> str:
    """A valid text with items, parts of items, or fields from other crons."""
    fields = draw(cron_texts.filter(lambda text: not text.startswith("@"))).split()
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(fields) - 1))
        sign = draw(_FOREIGN)
        forms = [
            sign,
            sign,
            f"{fields[at]},{sign}",
            f"{sign},{fields[at]}",
            f"{fields[at]}{sign}",
            f"{sign}{fields[at]}",
        ]
        fields[at] = draw(st.sampled_from([*forms, f"{fields[at]} {sign}", f"{sign} {fields[at]}"]))
    return " ".join(fields)


@settings(
    deadline=None,
    max_examples=depth(100, deep=700),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(text=st.one_of(foreign_texts(), foreign_texts(), damaged_texts()))
def test_what_any_hint_says_to_write_is_taken(shared: Connection, text: str) -> None:
    followed(shared, text)
