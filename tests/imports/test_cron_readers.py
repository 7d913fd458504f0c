"""How the schedules of EventBridge, of App Engine's English and of other crons are written for Kronos, or refused."""

import pytest

from kronos.imports import amazon_cron, cron_fields, google_text
from kronos.imports.amazon_cron import YearSpan
from kronos.imports.cron_fields import PG_CRON, ROBFIG, VIXIE, Dialect
from kronos.imports.google_text import Phrase
from kronos.imports.translation import RefusedError


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("every 1 minutes", Phrase(every="1m", after_the_run=True)),
        ("every 90 mins", Phrase(every="90m", after_the_run=True)),
        ("every 2 hours", Phrase(every="120m", after_the_run=True)),
        ("every 1 minutes synchronized", Phrase(cron="* * * * *")),
        ("every 15 minutes synchronized", Phrase(cron="0,15,30,45 * * * *")),
        ("every 2 hours synchronized", Phrase(cron="0 0,2,4,6,8,10,12,14,16,18,20,22 * * *")),
        ("every 24 hours synchronized", Phrase(cron="0 0 * * *")),
        ("every 2 hours from 10:00 to 14:00", Phrase(cron="0 10,12,14 * * *")),
        ("every 30 minutes from 9:15 to 9:15", Phrase(cron="15 9 * * *")),
        ("every 20 minutes from 9:00 to 10:59", Phrase(cron="0,20,40 9,10 * * *")),
        ("every 7 minutes from 0:00 to 0:59", Phrase(cron="0,7,14,21,28,35,42,49,56 0 * * *")),
        ("every 50 minutes from 23:01 to 23:59", Phrase(cron="1,51 23 * * *")),
        ("every day 00:00", Phrase(cron="0 0 * * *")),
        ("every day 23:59", Phrase(cron="59 23 * * *")),
        ("EVERY  Weekday 9:05", Phrase(cron="5 9 * * 1-5")),
        ("every mon, wed 10:30", Phrase(cron="30 10 * * 1,3")),
        ("every sunday of jan, jul 17:00", Phrase(cron="0 17 * 1,7 0")),
        ("every day of february 17:00", Phrase(cron="0 17 * 2 *")),
        ("every day of month 17:00", Phrase(cron="0 17 * * *")),
        ("1st,third monday of month 04:00", Phrase(cron="0 4 * * 1#1,1#3")),
        ("second mon,fri of mar 04:00", Phrase(cron="0 4 * 3 1#2,5#2")),
        ("1,15 of month 00:00", Phrase(cron="0 0 1,15 * *")),
        ("1st,31st of dec 00:00", Phrase(cron="0 0 1,31 12 *")),
    ],
)
def test_english_of_app_engine_is_the_same_ticks(text: str, phrase: Phrase) -> None:
    assert google_text.is_phrase(text)
    assert google_text.read(text) == phrase


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("every 0 minutes", "the interval is 0"),
        ("every 7 minutes synchronized", "a day is not a multiple of 7 minutes"),
        ("every 7 hours synchronized", "a day is not a multiple of 420 minutes"),
        ("every 40 minutes synchronized", "its hours have different minutes"),
        ("every 25 minutes from 9:00 to 10:59", "its hours have different minutes"),
        ("every 1 hours from 22:00 to 06:00", "goes past midnight"),
        ("every 1 hours from 9:00 to 24:00", "24:00 is not a time of day"),
        ("every day 24:00", "24:00 is not a time of day"),
        ("every day 09:60", "09:60 is not a time of day"),
        ("every 5 minutes from 9::0 to 10:00", "9::0 is not a time of day"),
        ("every 5 minutes from :900 to 10:00", ":900 is not a time of day"),
        ("every 5 minutes from 0900 to 10:00", "0900 is not a time of day"),
        ("0,1 of month 00:00", "is not a day of the month"),
        ("1,32 of month 00:00", "is not a day of the month"),
        ("1,15 00:00", "is not supported"),
        ("sixth monday of month 00:00", "is not supported"),
        ("first day of month 00:00", "is not supported"),
        ("every mo 00:00", "is not supported"),
        ("every mondays 00:00", "is not supported"),
        ("every monday of ju 00:00", "is not supported"),
        ("every weekday of may 00:00", "is not supported"),
        ("every blue moon", "is not supported: write it as a cron expression"),
    ],
)
def test_english_that_no_five_fields_can_say_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        google_text.read(text)


@pytest.mark.parametrize("text", ["0 9 * * 1", "* * * * *", "30 2 1 * *", ""])
def test_a_cron_expression_is_not_taken_for_english(text: str) -> None:
    assert not google_text.is_phrase(text)


@pytest.mark.parametrize(
    ("text", "written", "years"),
    [
        ("0 9 * * ? *", "0 9 * * *", None),
        ("0 9 ? * 2-6 *", "0 9 * * 1-5", None),
        ("0 9 ? * MON-FRI ?", "0 9 * * mon-fri", None),
        ("0 9 ? * 1,SAT *", "0 9 * * 0,sat", None),
        ("0 9 ? * 2-6/2 *", "0 9 * * 1-5/2", None),
        ("0 9 ? * 6L *", "0 9 * * 5L", None),
        ("0 9 ? * 2#1 *", "0 9 * * 1#1", None),
        ("0 9 ? * FRI#2,MON *", "0 9 * * fri#2,mon", None),
        ("0 9 ? * L *", "0 9 * * 6", None),
        ("0 9 L * ? *", "0 9 L * *", None),
        ("0 9 1,l-2,15w * ? *", "0 9 1,L-2,15W * *", None),
        ("0 9 LW * ? *", "0 9 LW * *", None),
        ("0/15 9 * * ? *", "0-59/15 9 * * *", None),
        ("0 9 1 jan ? 2027", "0 9 1 jan *", YearSpan(2027, 2027)),
        ("0 9 1 1 ? 2027-2030", "0 9 1 1 *", YearSpan(2027, 2030)),
        ("0 9 1 1 ? 1970-2199", "0 9 1 1 *", YearSpan(1970, 2199)),
    ],
)
def test_six_fields_of_eventbridge_are_five_of_ours_and_a_span_of_years(
    text: str, written: str, years: YearSpan | None
) -> None:
    found, span = amazon_cron.read(text)
    assert (found.text, span) == (written, years)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0 9 * * ?", "has 5 fields: EventBridge has six"),
        ("0 9 * * * *", "exactly one of day of month and weekday is ?"),
        ("0 9 ? * ? *", "exactly one of day of month and weekday is ?"),
        ("0 9 ? * 0 *", "days are 1 \\(Sunday\\) to 7, or SUN to SAT"),
        ("0 9 ? * 8 *", "days are 1 \\(Sunday\\) to 7"),
        ("0 9 ? * 2-8 *", "days are 1 \\(Sunday\\) to 7"),
        ("0 9 ? * 8L *", "days are 1 \\(Sunday\\) to 7"),
        ("0 9 ? * 2#6 *", "weekday '2#6'"),
        ("0 9 ? * FRI-MON *", "does not support backward ranges"),
        ("0 9 * * ? 2027,2029", "only one span of years"),
        ("0 9 * * ? 2027/2", "only one span of years"),
        ("0 9 * * ? 1969", "is out of range"),
        ("0 9 * * ? 2200", "is out of range"),
        ("0 9 * * ? 2030-2027", "is out of range"),
    ],
)
def test_what_eventbridge_itself_would_refuse_or_five_fields_cannot_say_is_refused(text: str, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        amazon_cron.read(text)


@pytest.mark.parametrize(
    ("text", "dialect", "written"),
    [
        ("0 9 * * 7", VIXIE, "0 9 * * 7"),
        ("0 9 * * fri-sun", VIXIE, "0 9 * * fri-7"),
        ("0 9 * * fri-0", VIXIE, "0 9 * * fri-7"),
        ("007 09 * * *", VIXIE, "7 9 * * *"),
        ("*/5 * * * *", VIXIE, "*/5 * * * *"),
        ("*/60 * * * *", VIXIE, "0 * * * *"),
        ("0 */24 * * *", VIXIE, "0 0 * * *"),
        ("0 0 */40 * *", VIXIE, "0 0 */31 * *"),
        ("0 0 * * */9", VIXIE, "0 0 * * */7"),
        ("0 9-17/1 * * *", VIXIE, "0 9-17 * * *"),
        ("0 9-17/9 * * *", VIXIE, "0 9 * * *"),
        ("0 9-17/8 * * *", VIXIE, "0 9-17/8 * * *"),
        ("0 9-9 * * *", VIXIE, "0 9 * * *"),
        ("0 9 1 JAN-MAR *", VIXIE, "0 9 1 jan-mar *"),
        ("0 9 $ * *", PG_CRON, "0 9 $ * *"),
        ("5/15 * * * *", ROBFIG, "5-59/15 * * * *"),
        ("0 0 ? * 1/2", ROBFIG, "0 0 * * 1-6/2"),
        ("? ? ? ? ?", ROBFIG, "* * * * *"),
        ("0 0 */2 * 1", ROBFIG, "0 0 1-31/2 * 1"),
        ("0 0 1 * */2", ROBFIG, "0 0 1 * 0-6/2"),
        ("0 0 */31 * 1", ROBFIG, "0 0 1 * 1"),
        ("0 0 *,5 * 1", ROBFIG, "0 0 * * 1"),
        ("0 0 */30 * 1", ROBFIG, "0 0 1-31/30 * 1"),
        ("0 0 * * 5-7/2", VIXIE, "0 0 * * 5-7/2"),
        ("0 */23 * * *", VIXIE, "0 */23 * * *"),
        ("*/59 * * * *", VIXIE, "*/59 * * * *"),
    ],
)
def test_a_cron_of_another_dialect_is_written_for_ours(text: str, dialect: Dialect, written: str) -> None:
    assert cron_fields.read(text.split(), dialect).text == written


@pytest.mark.parametrize(
    ("text", "dialect", "why"),
    [
        ("* * * *", VIXIE, "a schedule has five fields, this one has 4"),
        ("60 * * * *", VIXIE, "60 is not between 0 and 59"),
        ("* 24 * * *", VIXIE, "24 is not between 0 and 23"),
        ("* * 0 * *", VIXIE, "0 is not between 1 and 31"),
        ("* * 32 * *", VIXIE, "32 is not between 1 and 31"),
        ("* * * 13 *", VIXIE, "13 is not between 1 and 12"),
        ("* * * * 8", VIXIE, "8 is not between 0 and 7"),
        ("* * * * 7", ROBFIG, "7 is not between 0 and 6"),
        ("5/15 * * * *", VIXIE, "write 5-59/15, or 5"),
        ("*/0 * * * *", VIXIE, "a step must be at least 1"),
        ("*-5 * * * *", VIXIE, "a \\* cannot have an end"),
        ("? * * * *", VIXIE, "does not support \\?"),
        ("0 0 ? * *", VIXIE, "does not support \\?"),
        ("0 0 $ * *", VIXIE, "day of month '\\$'"),
        ("0 $ * * *", PG_CRON, "hour '\\$'"),
        ("5-1 * * * *", VIXIE, "does not support backward ranges"),
        ("* * * * sat-mon", VIXIE, "does not support backward ranges"),
        ("mon * * * *", VIXIE, "'mon' is not the name of a minute"),
        ("* * * mon *", VIXIE, "'mon' is not the name of a month"),
        ("1,,2 * * * *", VIXIE, "the list has an empty part"),
        ("~ * * * *", VIXIE, "set jitter_seconds"),
        ("H * * * *", VIXIE, "H is only for Jenkins"),
        ("h(0-9) * * * *", VIXIE, "H is only for Jenkins"),
        ("0 0 L * *", VIXIE, "this cron does not support L, W, # and \\$"),
        ("0 0 * * 5#2", VIXIE, "this cron does not support L, W, # and \\$"),
        ("0 0 * * monday", VIXIE, "names must have three letters"),
        ("0 0 * january-march *", VIXIE, "names must have three letters"),
        ("1.5 * * * *", VIXIE, "it is not valid"),
        ("0 0 ? * *", PG_CRON, "does not support \\?"),
        ("? 0 * * *", Dialect(called="other", question_mark=True), "other does not support \\?"),
        (",".join(map(str, range(60))) + " " + ",".join(map(str, range(24))) + " * * *", VIXIE, "the maximum is 200"),
    ],
)
def test_what_crons_read_differently_is_refused_and_not_guessed(text: str, dialect: Dialect, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        cron_fields.read(text.split(), dialect)


@pytest.mark.parametrize(
    ("text", "has_fixed_hours", "was_wild"),
    [
        ("0 9 * * *", True, False),
        ("* 9 * * *", True, True),
        ("*/5 9 * * *", True, True),
        ("0 * * * *", False, True),
        ("0 */2 * * *", False, True),
        ("0 */24 * * *", True, True),  # written as 0, and wild in the source
        ("*/60 9 * * *", True, True),
        ("0-59 9 * * *", True, False),
        ("1,* 9 * * *", True, False),
    ],
)
def test_a_cron_remembers_what_decides_about_clock_changes(text: str, has_fixed_hours: bool, was_wild: bool) -> None:
    found = cron_fields.read(text.split(), VIXIE)
    assert (found.has_fixed_hours, found.was_wild) == (has_fixed_hours, was_wild)
