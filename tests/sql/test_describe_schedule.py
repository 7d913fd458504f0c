"""describe_schedule describes a schedule in English. Parsing its words gives the schedule again."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cron_texts import cron_texts, read
from day_fields import DayFields, day_fields, nearest_weekday
from depth import depth

Connection = psycopg.Connection[tuple[object, ...]]
Times = list[tuple[int, int]]

_DESCRIBE = (
    "select kronos.describe_schedule(kronos.parse_cron(cron)) from unnest(%s::text[]) with ordinality as "
    "given(cron, n) order by n"
)
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NTH = ["first", "second", "third", "fourth", "fifth"]
_UNITS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}


def describe(shared: Connection, texts: list[str]) -> list[str]:
    return [str(words) for (words,) in shared.execute(_DESCRIBE, [texts]).fetchall()]


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("* * * * *", "Every minute"),
        ("*/1 * * * *", "Every minute"),
        ("*/5 * * * *", "Every 5 minutes"),
        ("0-59/5 * * * *", "Every 5 minutes"),
        ("0,30 * * * *", "Every 30 minutes"),
        ("*/7 * * * *", "At every 7th minute from 0 through 56 past every hour"),
        ("*/45 * * * *", "At minutes 0 and 45 past every hour"),
        ("5-59/10 * * * *", "At every 10th minute from 5 through 55 past every hour"),
        ("1-59/11 * * * *", "At every 11th minute from 1 through 56 past every hour"),
        ("1-59/2 * * * *", "At every 2nd minute from 1 through 59 past every hour"),
        ("0 * * * *", "Every hour"),
        ("@hourly", "Every hour"),
        ("30 * * * *", "At minute 30 past every hour"),
        ("10-20 * * * *", "At every minute from 10 through 20 past every hour"),
        ("0,15,45 * * * *", "At minutes 0, 15 and 45 past every hour"),
        ("0,20,50 * * * *", "At minutes 0, 20 and 50 past every hour"),
        ("1-3,10,20-22 * * * *", "At minutes 1 through 3, 10 and 20 through 22 past every hour"),
        ("0 */2 * * *", "Every 2 hours"),
        ("0 */6 * * *", "Every 6 hours"),
        ("0 */12 * * *", "At 00:00 and 12:00"),
        ("0 */5 * * *", "At 00:00, 05:00, 10:00, 15:00 and 20:00"),
        ("30 */2 * * *", "Every 2 hours from 00:30 through 22:30"),
        ("15 1-23/2 * * *", "Every 2 hours from 01:15 through 23:15"),
        ("30 */6 * * *", "At 00:30, 06:30, 12:30 and 18:30"),
        ("0 9-12 * * *", "Every hour from 09:00 through 12:00"),
        ("45 0-22 * * *", "Every hour from 00:45 through 22:45"),
        ("0-10 11 * * *", "Every minute from 11:00 through 11:10"),
        ("0-20/3 11 * * *", "Every 3 minutes from 11:00 through 11:18"),
        ("5-59/10 11 * * *", "Every 10 minutes from 11:05 through 11:55"),
        ("0,10,20,30 9 * * *", "Every 10 minutes from 09:00 through 09:30"),
        ("0,7,9,30 11 * * *", "At 11:00, 11:07, 11:09 and 11:30"),
        ("0,7,9,30,31,40,50 11 * * *", "At minutes 0, 7, 9, 30, 31, 40 and 50 past hour 11"),
        # Across midnight on all days. On certain days only, 22:00 through 06:00 would be the halves of two nights.
        ("0 22-6 * * *", "Every hour from 22:00 through 06:00"),
        ("0 22-6 1-31 * *", "Every hour from 22:00 through 06:00"),
        ("*/5 23-1 * * *", "Every 5 minutes from 23:00 through 01:55"),
        ("0,30 23-0 * * *", "Every 30 minutes during hours 0 and 23"),
        ("* 22-20 * * *", "Every minute from 22:00 through 20:59"),
        ("0 22-6 * * 1", "At minute 0 past hours 0 through 6, 22 and 23 on Monday"),
        ("0 22-6 * 5 *", "At minute 0 past hours 0 through 6, 22 and 23 in May"),
        ("0 23-1 * * *", "At 00:00, 01:00 and 23:00"),
        ("0 0-6,12,23 * * *", "At minute 0 past hours 0 through 6, 12 and 23"),
        ("0 20-12/2 * * *", "At minute 0 past hours 0, 2, 4, 6, 8, 10, 12, 20 and 22"),
        ("0 0 * * fri-mon", "At 00:00 on Friday through Monday"),
        ("0 0 * * sun-fri", "At 00:00 on Sunday through Friday"),
        ("0 0 * * sat-mon,wed", "At 00:00 on Saturday through Monday and Wednesday"),
        ("0 0 * * sun,mon", "At 00:00 on Monday and Sunday"),
        ("0 0 1 nov-feb *", "At 00:00 on day 1 of the month in November through February"),
        ("0 0 1 dec,jan *", "At 00:00 on day 1 of the month in January and December"),
        ("0 0 25-5 * *", "At 00:00 on days 1 through 5 and 25 through 31 of the month"),
        ("0 2 1,8,15,22 * *", "At 02:00 on days 1, 8, 15 and 22 of the month"),
        ("0 2 1-29/7 * *", "At 02:00 on days 1, 8, 15, 22 and 29 of the month"),
        ("0 2 1-26/5 * *", "At 02:00 on every 5th day from 1 through 26 of the month"),
        ("0 2 1W * *", "At 02:00 on the first weekday (Monday through Friday) of the month"),
        ("0 9 * * 1", "At 09:00 on Monday"),
        ("0 9,17 * * *", "At 09:00 and 17:00"),
        ("5 9-11 * * *", "At 09:05, 10:05 and 11:05"),
        ("1,2 3-6 * * *", "At minutes 1 and 2 past every hour from 3 through 6"),
        ("0 9-17 * * *", "Every hour from 09:00 through 17:00"),
        ("0 9-17 * * 1-5", "Every hour from 09:00 through 17:00 on Monday through Friday"),
        ("*/5 9-17 * * mon-fri", "Every 5 minutes from 09:00 through 17:55 on Monday through Friday"),
        ("* 9-17 * * *", "Every minute from 09:00 through 17:59"),
        ("* 9 * * *", "Every minute from 09:00 through 09:59"),
        ("*/15 9 * * *", "Every 15 minutes from 09:00 through 09:45"),
        ("*/10 1,5,9 * * *", "Every 10 minutes during hours 1, 5 and 9"),
        ("* */3 * * *", "Every minute during every 3rd hour"),
        ("@daily", "At 00:00"),
        ("@weekly", "At 00:00 on Sunday"),
        ("@monthly", "At 00:00 on day 1 of the month"),
        ("@yearly", "At 00:00 on day 1 of the month in January"),
        ("0 0 * * 7", "At 00:00 on Sunday"),
        ("0 0 * * 6,0", "At 00:00 on Saturday and Sunday"),
        ("0 0 * * 5-7", "At 00:00 on Friday through Sunday"),
        ("0 0 * * 0,3", "At 00:00 on Wednesday and Sunday"),
        ("0 0 13 * 5", "At 00:00 on day 13 of the month and also on Friday"),
        ("0 0 13 6-8 fri", "At 00:00 on day 13 of the month and also on Friday, in June through August"),
        ("0 0 13 * */5", "At 00:00 on day 13 of the month, only if it is Friday or Sunday"),
        ("0 0 1-7 * */7", "At 00:00 on every day from 1 through 7 of the month, only if it is Sunday"),
        ("0 0 */2 1 1", "At 00:00 on every 2nd day from 1 through 31 of the month in January, only if it is Monday"),
        ("0 0 1-31 * 5", "At 00:00"),
        ("0 0 13 * 0-6", "At 00:00"),
        ("0 0 $ * *", "At 00:00 on the last day of the month"),
        ("0 0 15,$ * *", "At 00:00 on day 15 of the month and the last day of the month"),
        ("0 0 $ * 1", "At 00:00 on the last day of the month and also on Monday"),
        ("0 0 *,$ * 1", "At 00:00 on Monday"),
        ("0 0 1,15 jan,jul *", "At 00:00 on days 1 and 15 of the month in January and July"),
        ("0 0 1-5,9 * *", "At 00:00 on days 1 through 5 and 9 of the month"),
        ("0 0 1 */3 *", "At 00:00 on day 1 of the month in January, April, July and October"),
        ("0 0 * 2 *", "At 00:00 in February"),
        ("0 0 31 2 *", "At 00:00 on day 31 of the month in February"),
        ("0 0 L * *", "At 00:00 on the last day of the month"),
        ("0 0 LW * *", "At 00:00 on the last weekday (Monday through Friday) of the month"),
        ("0 0 15W * *", "At 00:00 on the weekday (Monday through Friday) nearest day 15 of the month"),
        (
            "0 0 1W,15W 6 *",
            "At 00:00 on the first weekday (Monday through Friday) of the month and the weekday (Monday through "
            "Friday) nearest day 15 "
            "of the month in June",
        ),
        ("0 0 2W,15W * *", "At 00:00 on the weekdays (Monday through Friday) nearest days 2 and 15 of the month"),
        (
            "0 0 1,15W,L * *",
            "At 00:00 on day 1 of the month, the weekday (Monday through Friday) nearest day 15 of the month and the "
            "last day of the month",
        ),
        ("0 0 L-3 * *", "At 00:00 on the 3rd day before the last day of the month"),
        ("0 0 L-1 * *", "At 00:00 on the day before the last day of the month"),
        ("0 0 L-1,L-2,L-22 * *", "At 00:00 on the 1st, 2nd and 22nd days before the last day of the month"),
        (
            "0 0 L-3W * *",
            "At 00:00 on the weekday (Monday through Friday) nearest the 3rd day before the last day of the month",
        ),
        (
            "0 0 15,L-3W,L-13W,L-3,L * mon",
            "At 00:00 on day 15 of the month, the weekdays (Monday through Friday) nearest the 3rd and 13th days "
            "before the last day "
            "of the month, the 3rd day before the last day of the month and the last day of the month and also on "
            "Monday",
        ),
        ("0 0 ? * 1", "At 00:00 on Monday"),
        ("0 9 * * 5#2", "At 09:00 on the second Friday of the month"),
        ("0 9 * * 0#1,7#5", "At 09:00 on the first Sunday and the fifth Sunday of the month"),
        ("0 9 * * 5L", "At 09:00 on the last Friday of the month"),
        (
            "0 9 * * 1-3,5#2,6L",
            "At 09:00 on Monday through Wednesday, the second Friday and the last Saturday of the month",
        ),
        ("0 9 13 * 5#2", "At 09:00 on day 13 of the month and also on the second Friday of the month"),
        (
            "0 9 */2 2 5L",
            "At 09:00 on every 2nd day from 1 through 31 of the month in February, only if it is the last Friday of "
            "the month",
        ),
    ],
)
def test_a_schedule_reads_in_english(shared: Connection, text: str, description: str) -> None:
    assert describe(shared, [text]) == [description]


def test_a_refused_text_has_no_description(shared: Connection) -> None:
    with pytest.raises(psycopg.Error) as caught:
        describe(shared, ["5- * * * *"])
    assert caught.value.sqlstate == "KR001"


@cache  # the same words are read for each day
def _list(words: str, names: tuple[str, ...] | None = None) -> frozenset[int]:
    """The numbers in "1, 3 through 7 and 9"."""

    def number(word: str) -> int:
        return names.index(word) + 1 if names else int(word)

    values: set[int] = set()
    for item in re.split(r", | and | or ", words):
        ends = [number(word) for word in item.split(" through ")]
        if names and ends[0] > ends[-1]:  # Friday through Monday
            values.update(range(ends[0], len(names) + 1), range(1, ends[-1] + 1))
        else:
            assert ends[0] <= ends[-1], words
            values.update(range(ends[0], ends[-1] + 1))
    return frozenset(values)


@cache
def _field(words: str, last: int) -> frozenset[int]:
    """The numbers in "every 2nd hour from 1 through 23", "minute 5" or "days 1 and 15"."""
    every = re.fullmatch(r"every (?:(\d+)(?:st|nd|rd|th) )?[a-z]+(?: from (\d+) through (\d+))?", words)
    if every:
        step, first, final = (int(group) if group else None for group in every.groups())
        return frozenset(range(first or 0, (last if final is None else final) + 1, step or 1))
    return _list(words.partition(" ")[2])


def _clock(word: str) -> tuple[int, int]:
    return int(word[:2]), int(word[3:])


def _times(words: str) -> Times:
    """The times of day in "Every 5 minutes during hours 1 and 9"."""
    if every := re.fullmatch(r"Every (?:(\d+) )?(hour|minute)s?(?: from (\S+) through (\S+)| during (.+))?", words):
        step = int(every[1] or 1) * (60 if every[2] == "hour" else 1)
        first, last = (
            60 * hour + minute for hour, minute in (_clock(every[3] or "00:00"), _clock(every[4] or "23:59"))
        )
        if last < first:  # across midnight
            last += 24 * 60
        assert not every[3] or (last - first) % step == 0, words
        times = sorted(divmod(minute % (24 * 60), 60) for minute in range(first, last + 1, step))
        return [time for time in times if not every[5] or time[0] in _field(every[5], 23)]
    assert words.startswith("At ")
    minutes, past, hours = words.removeprefix("At ").partition(" past ")
    if past:
        return [(hour, minute) for hour in sorted(_field(hours, 23)) for minute in sorted(_field(minutes, 59))]
    return [_clock(word) for word in re.split(r", | and ", minutes)]


def _is_month_day(words: str, day: date) -> bool:
    """Whether a day is one of "days 1 and 15", "the last day" or "the weekday (Monday through Friday) nearest day
    15"."""
    last = (day.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    if words == "the last day":
        return day == last
    words = words.replace(" (Monday through Friday)", "")
    if before := re.fullmatch(r"(?:(the weekdays? nearest) )?the (?:(.+) )?days? before the last day", words):
        named = [last - timedelta(days=int(ordinal[:-2])) for ordinal in re.split(r", | and ", before[2] or "1st")]
        return day in [nearest_weekday(one) if before[1] else one for one in named if one.month == last.month]
    if words == "the last weekday":
        return day == nearest_weekday(last)
    if words == "the first weekday":
        return day.isoweekday() <= 5 and all((day - timedelta(days=n)).isoweekday() > 5 for n in range(1, day.day))
    if nearest := re.fullmatch(r"the weekdays? nearest days? (.+)", words):
        return any(day == nearest_weekday(day.replace(day=n)) for n in _list(nearest[1]) if n <= last.day)
    return day.day in _field(words, 31)


@cache
def _items(words: str) -> list[str]:
    return re.split(r", | and | or ", words.removesuffix(" of the month"))


def _is_weekday(words: str, day: date) -> bool:
    """Whether a day is one of "Monday through Wednesday, the second Friday and the last Saturday of the month"."""
    for item in _items(words):
        nth = re.fullmatch(r"the (\w+) (\w+)", item)
        if nth is None:
            is_one = day.isoweekday() in _list(item, _WEEKDAYS)
        elif nth[1] == "last":
            is_one = day.isoweekday() in _list(nth[2], _WEEKDAYS) and (day + timedelta(days=7)).month != day.month
        else:
            is_one = day.isoweekday() in _list(nth[2], _WEEKDAYS) and (day.day - 1) // 7 == _NTH.index(nth[1])
        if is_one:
            return True
    return False


def _has_day(words: str, day: date) -> bool:
    """Whether a day is one of "day 13 of the month and also on Friday"."""
    if also := re.fullmatch(r"(.+) and also on (.+)", words):
        return _has_day(also[1], day) or _has_day(also[2], day)
    if re.match(r"(the \w+ )?[A-Z]", words):
        return _is_weekday(words, day)
    parts = re.findall(r"(.+?) of the month(?:, | and |$)", words)
    return any(_is_month_day(part, day) for part in parts)


def _told(description: str) -> tuple[Times, list[date]]:
    """The times of day of a description, and its days within more than two years that include a leap day."""
    parts = re.fullmatch(r"(.+?)(?: on (.+?))?(?:,? in (.+?))?(?:, only if it is (.+))?", description)
    assert parts, description
    times, on, months, only = parts.groups()
    if (span := re.search(r"from (\d\d:\d\d) through (\d\d:\d\d)", times)) and span[2] < span[1]:
        assert (on, months, only) == (None, None, None), description  # the second half of a night is on the next day
    return _times(times), [
        day
        for day in _DAYS
        if (not months or day.month in _list(months, _MONTHS))
        and (not on or _has_day(on, day))
        and (not only or _is_weekday(only, day))
    ]


_DAYS = [date(2026, 12, 1) + timedelta(days=n) for n in range(28 * 31)]


_HEALTHY = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(deadline=None, max_examples=depth(5, deep=20), suppress_health_check=_HEALTHY)
@given(texts=st.lists(cron_texts, min_size=30, max_size=30))
def test_a_description_read_back_is_the_schedule(shared: Connection, texts: list[str]) -> None:
    for text, description in zip(texts, describe(shared, texts), strict=True):
        reading = read(text)
        assert _told(description) == (reading.times(), [day for day in _DAYS if reading.has_day(day)]), (
            text,
            description,
        )


@settings(deadline=None, max_examples=depth(6, deep=24), suppress_health_check=_HEALTHY)
@given(fields=st.lists(day_fields, min_size=30, max_size=30))
def test_last_nearest_and_nth_days_read_back_are_what_was_written(shared: Connection, fields: list[DayFields]) -> None:
    texts = [f"30 9 {given.text}" for given in fields]
    for text, given_fields, description in zip(texts, fields, describe(shared, texts), strict=True):
        times, days = _told(description)
        assert times == [(9, 30)]
        assert days == [day for day in _DAYS if given_fields.has_day(day)], (text, description)


@settings(deadline=None, max_examples=depth(2, deep=8), suppress_health_check=_HEALTHY)
@given(fields=st.lists(day_fields, min_size=30, max_size=30))
def test_what_is_described_is_what_fires(shared: Connection, fields: list[DayFields]) -> None:
    texts = [f"30 9 {given.text}" for given in fields]
    found = shared.execute(
        "select array(select tick from kronos.next_ticks(kronos.parse_cron(cron), '2026-11-30 10:00+00', 5) as tick "
        "order by tick)"
        "  from unnest(%s::text[]) with ordinality as given (cron, n) order by n",
        [texts],
    ).fetchall()
    for text, description, (ticks,) in zip(texts, describe(shared, texts), found, strict=True):
        assert isinstance(ticks, list)
        fired = [tick.date() for tick in ticks if tick.date() <= _DAYS[-1]]
        assert fired == _told(description)[1][: len(ticks)], (text, description)


@pytest.mark.parametrize(
    ("seconds", "anchor", "description"),
    [
        (90 * 60, "2026-11-20 09:00", "Every 90 minutes, counted from 2026-11-20 09:00 UTC"),
        (60, "2026-11-20 09:00", "Every minute, counted from 2026-11-20 09:00 UTC"),
        (3600, "2026-11-20 09:00", "Every hour, counted from 2026-11-20 09:00 UTC"),
        (7 * 86400, "2026-11-20 00:00", "Every 7 days, counted from 2026-11-20 00:00 UTC"),
        (30, "2026-11-20 09:00:15", "Every 30 seconds, counted from 2026-11-20 09:00:15 UTC"),
        (5415, "2026-11-20 09:00:00.25", "Every 5415 seconds, counted from 2026-11-20 09:00:00.250000 UTC"),
    ],
)
def test_an_interval_reads_in_english(shared: Connection, seconds: int, anchor: str, description: str) -> None:
    words = shared.execute(
        "select kronos.describe_interval(%s, %s::timestamp at time zone 'UTC')", [seconds, anchor]
    ).fetchone()

    assert words == (description,)


@settings(deadline=None, max_examples=depth(50, deep=200), suppress_health_check=_HEALTHY)
@given(
    minutes=st.one_of(
        st.integers(1, 500), st.integers(1, 100).map(lambda n: 60 * n), st.integers(1, 30).map(lambda n: 1440 * n)
    ),
    anchor=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - UTC by timezones
)
def test_an_interval_read_back_is_the_interval(shared: Connection, minutes: int, anchor: datetime) -> None:
    anchor = anchor.replace(second=0, microsecond=0)
    found = shared.execute(
        """
        select kronos.describe_schedule(schedule), array(select kronos.next_ticks(schedule, %(anchor)s, 3) order by 1)
          from kronos.read_schedule(null, %(every)s, %(anchor)s, 'Asia/Kolkata', 'SHIFT', 'FIRST') as schedule
        """,
        {"every": f"{minutes}m", "anchor": anchor},
    ).fetchone()
    assert found is not None
    words = re.fullmatch(r"Every (?:(\d+) )?(\w+?)s?, counted from (.+) UTC", str(found[0]))
    assert words, found
    step = int(words[1] or 1) * _UNITS[words[2]]
    counted_from = datetime.fromisoformat(words[3]).replace(tzinfo=UTC)
    assert (step, counted_from) == (timedelta(minutes=minutes), anchor)
    assert found[1] == [counted_from + n * step for n in (1, 2, 3)]
