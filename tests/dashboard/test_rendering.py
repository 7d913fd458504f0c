"""How times, numbers and links are written."""

from datetime import UTC, datetime, timedelta

import pytest
from lxml import html

from kronos.dashboard import rendering

AT = datetime(2026, 11, 29, 3, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.34, "340 ms"),
        (1, "1 s"),
        (4.25, "4.2 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (303, "5 min 3 s"),
        (3600, "1 h"),
        (3661, "1 h 1 min"),
        (86400 + 5, "1 d"),
        (187200, "2 d 4 h"),
        (None, rendering.NOTHING),
        (timedelta(minutes=2), "2 min"),
    ],
)
def test_duration(seconds: float | timedelta | None, text: str) -> None:
    assert rendering.duration(seconds) == text


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("GAVE_UP", "gave up"),
        ("HTTP", "HTTP"),
        ("KAFKA", "Kafka"),
        ("REDIS_STREAM", "Redis stream"),
        ("API", "API"),
        ("pg_cron_entry", "pg_cron entry"),
    ],
)
def test_a_code_is_in_words_and_a_name_keeps_its_case(code: str, text: str) -> None:
    assert rendering.words(code) == text


@pytest.mark.parametrize(
    ("detail", "text"),
    [
        ("no job 'report' in workspace acme", "No job 'report' in workspace acme"),
        ("pg_cron is silent", "pg_cron is silent"),
        ("'x' is not a valid id", "'x' is not a valid id"),
        ("", ""),
    ],
)
def test_a_detail_is_a_sentence_unless_it_begins_with_a_name(detail: str, text: str) -> None:
    assert rendering.sentence(detail) == text


@pytest.mark.parametrize(
    ("ahead", "text"), [(0.4, "now"), (300, "in 5 min"), (-5400, "1 h 30 min ago"), (86400 * 400, "in 1 y 34 d")]
)
def test_relative(ahead: float, text: str) -> None:
    assert rendering.relative(AT + timedelta(seconds=ahead), AT) == text


def test_an_instant_names_its_zone() -> None:
    assert rendering.absolute(AT, "Europe/Berlin") == "2026-11-29 04:15:00 CET"
    assert rendering.absolute(AT) == "2026-11-29 03:15:00 UTC"
    assert rendering.absolute(AT, "No/Such") == "2026-11-29 03:15:00 UTC"


def test_an_instant_is_escaped_and_marked() -> None:
    text = rendering.when(AT, 'x" onfocus="y')
    assert 'datetime="2026-11-29T03:15:00Z"' in text
    assert 'onfocus="y' not in text
    assert rendering.when(None) == f'<span class="none">{rendering.NOTHING}</span>'


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (340, "340 B"), (4200, "4.2 kB"), (17_300_000, "17.3 MB"), (None, rendering.NOTHING)],
)
def test_size(number: int | None, text: str) -> None:
    assert rendering.size(number) == text


@pytest.mark.parametrize(
    ("path", "prefix", "below"),
    [
        ("/w/acme", "", "/w/acme"),
        ("/w/acme", "/kronos", "/w/acme"),
        ("/kronos/w/acme", "/kronos", "/w/acme"),
        ("/kronosphere", "/kronos", "/kronosphere"),
    ],
)
def test_a_path_below_the_prefix_is_one_whether_or_not_the_proxy_takes_it_away(
    path: str, prefix: str, below: str
) -> None:
    assert rendering.path_below({"path": path, "root_path": prefix}) == below


@pytest.mark.parametrize(("number", "told"), [(0, "jobs"), (1, "job"), (2, "jobs"), (None, "jobs")])
def test_one_is_told_as_one(number: int | None, told: str) -> None:
    assert rendering.plural(number, "job") == told
    assert rendering.plural(number, "delivery", "deliveries") == ("delivery" if number == 1 else "deliveries")


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (0, "0.0 %"),
        (0.00001, "less than 0.1 %"),
        (0.00099, "less than 0.1 %"),
        (0.001, "0.1 %"),
        (0.5, "50.0 %"),
        (2, "200.0 %"),
    ],
)
def test_a_share_is_never_nothing_where_there_is_something(part: float, text: str) -> None:
    assert rendering.share(part) == text


def test_the_text_of_an_element_keeps_its_quotes_and_has_no_tag() -> None:
    text = rendering.inside('{"a": "</textarea></code><script>alert(1)</script>&amp;\'"}')
    assert text == '{"a": "&lt;/textarea&gt;&lt;/code&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;\'"}'
    assert html.document_fromstring(f"<textarea>{text}</textarea>").text_content() == (
        '{"a": "</textarea></code><script>alert(1)</script>&amp;\'"}'
    )


def test_what_stands_between_backticks_is_code_and_no_more_than_text() -> None:
    assert rendering.coded("until `kronos worker` runs & `<b>`") == (
        "until <code>kronos worker</code> runs &amp; <code>&lt;b&gt;</code>"
    )
    assert rendering.coded("as it is") == "as it is"
