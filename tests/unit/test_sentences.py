"""Plain English sentences become cron texts or intervals; the error names what is not understood."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kronos import errors, sentences
from kronos.sentences import Picks


@pytest.mark.parametrize(
    ("sentence", "cron"),
    [
        ("every weekday at 9:30", "30 9 * * 1-5"),
        ("first monday of the month at 06:00", "0 6 * * 1#1"),
        ("every 15 minutes between 9 and 17", "*/15 9-16 * * *"),
        ("every 15 minutes on weekdays between 9am and 5pm", "*/15 9-16 * * 1-5"),
        ("Every day at noon.", "0 12 * * *"),
        ("daily at 6am and 6 pm", "0 6,18 * * *"),
        ("every day", "0 0 * * *"),
        ("every minute", "* * * * *"),
        ("hourly between 22 and 4", "0 0-4,22,23 * * *"),
        ("every 2 hours between 8 and 18", "0 8-18/2 * * *"),
        ("every 2 hours on weekdays", "0 */2 * * 1-5"),
        ("mon-fri at 8", "0 8 * * 1-5"),
        ("saturday to monday at 5", "0 5 * * 0,1,6"),
        ("weekends at 10", "0 10 * * 0,6"),
        ("every tuesday and thursday at 14:15", "15 14 * * 2,4"),
        ("monday, wednesday and friday at 8:00", "0 8 * * 1,3,5"),
        ("on the 1st and 15th at 3:00", "0 3 1,15 * *"),
        ("last day of the month at 23:00", "0 23 L * *"),
        ("last friday of every month at 5pm", "0 17 * * 5L"),
        ("every second tuesday of the month at 9", "0 9 * * 2#2"),
        ("last working day of the month at 18:00", "0 18 LW * *"),
        ("every month on the 5th at 7", "0 7 5 * *"),
        ("monthly", "0 0 1 * *"),
        ("quarterly at 4", "0 4 1 1,4,7,10 *"),
        ("in may at 4:00", "0 4 1 5 *"),
        ("every year in march on the 3rd at 4", "0 4 3 3 *"),
        ("at midnight", "0 0 * * *"),
        ("at 12am and 12pm", "0 0,12 * * *"),
        ("at 1am and 11pm", "0 1,23 * * *"),
        ("1st monday of the month at 6:00", "0 6 * * 1#1"),
        ("3rd tuesday and thursday of each month at 6:00", "0 6 * * 2#3,4#3"),
        ("on the first weekday of the month at 6:00", "0 6 1W * *"),
        ("first day of the month at 6:00", "0 6 1 * *"),
        ("on the 31st at 6:00", "0 6 31 * *"),
        ("monday to monday at 8", "0 8 * * 1"),
        ("friday-sunday at 8", "0 8 * * 0,5,6"),
        ("every month", "0 0 1 * *"),
        ("every month on mondays", "0 0 * * 1"),
        ("on mondays", "0 0 * * 1"),
        ("on the 5th", "0 0 5 * *"),
        ("in may and june", "0 0 1 5,6 *"),
        ("in may on mondays at 9:00", "0 9 * 5 1"),
        ("yearly", "0 0 1 1 *"),
        ("yearly in may at 9:00", "0 9 1 5 *"),
        ("every half hour", "*/30 * * * *"),
        ("each half an hour", "*/30 * * * *"),
        ("every quarter of an hour in may", "*/15 * * 5 *"),
        ("every quarter hour", "*/15 * * * *"),
        ("every quarter at 9:00", "0 9 1 1,4,7,10 *"),
        ("every 10min", "*/10 * * * *"),
        ("every 6 h", "0 */6 * * *"),
        ("every two hours", "0 */2 * * *"),
        ("hourly at 0:15", "15 * * * *"),
        ("every 2 hours at 0:30", "30 */2 * * *"),
        ("every 2 hours at midnight", "0 */2 * * *"),
        ("every hour between 9 and 17", "0 9-17 * * *"),
        ("every hour between 9:30 and 17:00", "30 9-16 * * *"),
        ("every hour between 9:30 and 17:30", "30 9-17 * * *"),
        ("every 2 hours between 9:30 and 10:00", "30 9 * * *"),
        ("every 2 hours between 22 and 4", "0 0,2,4,22 * * *"),
        ("every 5 minutes between 9 and 10", "*/5 9 * * *"),
        ("every 5 minutes between 22 and midnight", "*/5 22-23 * * *"),
        ("every 5 minutes between 23 and 1", "*/5 0,23 * * *"),
    ],
)
def test_a_sentence_is_the_cron_text_that_a_person_would_write(sentence: str, cron: str) -> None:
    assert sentences.read(sentence) == sentences.ReadSentence(cron=cron)


@pytest.mark.parametrize(
    ("sentence", "every"),
    [
        ("every 60 minutes", "60m"), ("every 1440 minutes", "1440m"), ("every 90 minutes", "90m"),
        ("every 7 minutes", "7m"), ("every 24 hours", "24h"), ("every 5 hours", "5h"), ("every 2 days", "2d"),
        ("every other day", "2d"), ("every 1 week", "1w"), ("every two weeks", "2w"),
    ],
)  # fmt: skip
def test_what_does_not_divide_the_hour_or_the_day_is_an_interval(sentence: str, every: str) -> None:
    assert sentences.read(sentence) == sentences.ReadSentence(every=every)


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("every blue moon at 9", "“blue moon” was not understood"),
        ("", "no time, no interval and no day"),
        ("at 25:00", "“25:00” is not a time of day"),
        ("at 13 pm", "“13 pm” is not a time"),
        ("at 9:30 and 17:00", "one schedule has the same minutes in each of its hours"),
        ("every 7 minutes on mondays", "cannot have times or days"),
        ("every other day at 9", "cannot have times or days"),
        ("on the 32nd at 9", "32 is not a day of the month"),
        ("on the 1st and on mondays at 9", "cron runs when either matches"),
        ("every 5 minutes at 9", "it has times"),
        ("between 9 and 17", "not how often"),
        ("every 5 minutes every 2 hours", "two intervals"),
        ("every half hour, hourly", "two intervals"),
        ("every 2 hours and hourly", "two intervals"),
        ("every half hour and every quarter of an hour", "two intervals"),
        ("every 2 hours at 9", "it has times, but runs every few hours"),
        ("every 2 hours at 0:00 and 0:30", "it has times, but runs every few hours"),
        ("every 2 hours at 0:30 between 9 and 17", "it has times, but runs every few hours"),
        ("every 5 minutes between 9:30 and 17", "begins and ends at full hours"),
        ("every 5 minutes between 9 and 17:30", "begins and ends at full hours"),
        ("every 1 day", "every 1 day is every day"),
        ("every 2 weeks in may", "cannot have times or days"),
        ("every 90 minutes between 9 and 17", "cannot have times or days"),
        ("every other monday at 9", "“other” was not understood"),
        ("second monday at 9", "“second” was not understood"),
        ("on the 0th at 9", "0 is not a day of the month"),
        ("at 0 am", "“0 am” is not a time"),
        ("at 9:60", "“9:60” is not a time of day"),
        ("at", "no time, no interval and no day"),
        ("every 0 minutes", "is not an interval"),
        ("x" * 200, "was not understood"),
        ("x" * 201, "has 201 characters"),
        ("30 9 * * 1-5", "was not understood"),
    ],
)
def test_what_is_not_understood_is_said(sentence: str, said: str) -> None:
    with pytest.raises(errors.Unprocessable) as refused:
        sentences.read(sentence)
    (fault,) = refused.value.faults
    assert fault.pointer == "/sentence"
    assert said in fault.detail
    assert fault.hint


@given(st.text(max_size=250))
def test_no_text_is_more_than_refused(text: str) -> None:
    try:
        read = sentences.read(text)
    except errors.Unprocessable:
        return
    assert (read.cron is None) != (read.every is None)


_NAMES = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")


@given(
    st.integers(0, 59),
    st.sets(st.integers(0, 23), min_size=1, max_size=4),
    st.sets(st.integers(0, 6), min_size=1, max_size=6),
)
def test_a_sentence_and_a_calendar_say_the_same(minute: int, hours: set[int], weekdays: set[int]) -> None:
    times = [f"{hour:02}:{minute:02}" for hour in hours]
    days = " and ".join(_NAMES[day] for day in weekdays)
    picked = sentences.from_picks(Picks(times=times, weekdays=sorted(weekdays)))
    assert sentences.read(f"every {days} at {' and '.join(times)}").cron == picked


@pytest.mark.parametrize(
    ("picks", "cron"),
    [
        (Picks(times=["9:00"]), "0 9 * * *"),
        (Picks(times=["09:00", "09:30"]), "0,30 9 * * *"),
        (Picks(times=["09:00", "09:30", "10:00", "10:30"]), "0,30 9,10 * * *"),
        (Picks(times=["8:00", "9:00", "10:00"], weekdays=[0, 6]), "0 8-10 * * 0,6"),
        (Picks(times=["00:00"], days=[1, 2, 3, 15]), "0 0 1-3,15 * *"),
        (Picks(times=["00:00"], months=[12, 1, 2]), "0 0 * 1,2,12 *"),
    ],
)
def test_picks_are_the_cron_text_of_all_their_combinations(picks: Picks, cron: str) -> None:
    assert sentences.from_picks(picks) == cron


def test_a_calendar_that_cron_cannot_say_is_refused_at_its_field() -> None:
    with pytest.raises(errors.Unprocessable) as refused:
        sentences.from_picks(Picks(times=["09:30", "10:00"], weekdays=[1], days=[2]))
    assert [each.pointer for each in refused.value.faults] == ["/days", "/times"]
    with pytest.raises(errors.Unprocessable):
        sentences.from_picks(Picks(times=[]))
