"""How times, numbers and links are written."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from lxml import html

from kronos.api.call import Call
from kronos.counting import plural
from kronos.dashboard import rendering
from kronos.model import Role

AT = datetime(2026, 11, 29, 3, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.34, "340 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (1, "1 s"),
        (4.25, "4.2 s"),
        (10, "10 s"),
        (10.5, "10 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (303, "5 min 3 s"),
        (3600, "1 h"),
        (3661, "1 h 1 min"),
        (86400 + 5, "1 d"),
        (187200, "2 d 4 h"),
        (31_557_600 + 86400 + 3600, "1 y 1 d"),
        (3605, "1 h"),
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
    [
        (0, "0 B"), (340, "340 B"), (999, "999 B"), (1000, "1.0 kB"), (4200, "4.2 kB"), (100_000, "100 kB"),
        (999_400, "999 kB"), (999_600, "1.0 MB"), (17_300_000, "17.3 MB"), (2_500_000_000, "2.5 GB"),
        (1_000_000_000_000, "1000 GB"), (None, rendering.NOTHING),
    ],
)  # fmt: skip
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
    assert plural(number, "job") == told
    assert plural(number, "delivery", "deliveries") == ("delivery" if number == 1 else "deliveries")


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


def page_of(path: str = "/w/acme/jobs", query: str = "", prefix: str = "", **scope: object) -> rendering.PageContext:
    whole = {"type": "http", "method": "GET", "path": path, "root_path": prefix, "query_string": query.encode(),
             "headers": [], "path_params": {"w": "acme"}, "kronos.request_id": "r-1", **scope}  # fmt: skip
    return rendering.PageContext(Call(whole))


@pytest.mark.parametrize("prefix", ["", "/kronos"])
def test_a_link_is_below_the_prefix_and_each_part_stays_one(prefix: str) -> None:
    page = page_of(prefix=prefix)
    assert page.url() == (prefix or "/")
    assert page.url("w", "a/b c", "é") == f"{prefix}/w/a%2Fb%20c/%C3%A9"
    assert page.here("jobs", "report", after="a&b", none=None, many=["1", "2"], from_=3) == (
        f"{prefix}/w/acme/jobs/report?after=a%26b&many=1&many=2&from=3"
    )


def test_a_page_keeps_the_rest_of_its_query() -> None:
    page = page_of(query="status=ACTIVE&tag=a&tag=b&cursor=c")
    assert page.with_query(cursor=None, status="PAUSED") == "/w/acme/jobs?status=PAUSED&tag=a&tag=b"
    assert page.with_query(after_="x") == "/w/acme/jobs?status=ACTIVE&tag=a&tag=b&cursor=c&after=x"
    assert page_of(path="/w/a b/~new").with_query() == "/w/a%20b/~new"


def test_what_a_caller_may_do_is_what_its_role_covers_outside_of_kronoss_own_workspace() -> None:
    def of(role: str, *, is_system: bool = False) -> rendering.PageContext:
        caller = SimpleNamespace(role=Role(role))
        scope: dict[str, Any] = {"kronos.caller": caller, "kronos.is_system": is_system}
        return page_of(**scope)

    assert (of("operator").may("operator"), of("operator").may("admin"), of("viewer").may("operator")) == (
        True,
        False,
        False,
    )
    own = of("admin", is_system=True)
    assert (own.holds("admin"), own.may("viewer")) == (True, False)
    nobody = page_of()
    assert (nobody.holds("viewer"), nobody.may("viewer"), nobody.caller) == (False, False, None)


def test_an_attribute_is_there_or_not_and_its_value_is_escaped() -> None:
    assert rendering.attributes(id="a", checked=True, disabled=False, for_="x", data_at=5, title=None) == (
        ' id="a" checked for="x" data-at="5"'
    )
    assert rendering.attributes(title='"><b>') == ' title="&#34;&gt;&lt;b&gt;"'
    assert rendering.attributes() == ""


def test_small_filters_of_templates() -> None:
    assert rendering.exact(AT) == "2026-11-29T03:15:00Z"
    assert rendering.exact(AT.replace(microsecond=5)) == "2026-11-29T03:15:00.000005Z"
    assert rendering.second_before(AT) == datetime(2026, 11, 29, 3, 14, 59, tzinfo=UTC)
    assert rendering.dictwithout({"a": 1, "b": 2, "c": 3}, "a", "c") == {"b": 2}
    assert (rendering.count(12_345), rendering.count(None)) == ("12,345", rendering.NOTHING)
    assert (rendering.duration_ms(4_250), rendering.duration_ms(None)) == ("4.2 s", rendering.NOTHING)
    assert rendering.json_text({"a": [AT], 1: "\u202e"}) == (
        '{\n  "a": [\n    "2026-11-29T03:15:00Z"\n  ],\n  "1": "\\u202e"\n}'
    )
    assert (rendering.zone_of(None).key, rendering.zone_of("No/Such").key) == ("UTC", "UTC")
    assert rendering.zone_of("../etc/passwd").key == "UTC"


@pytest.mark.parametrize(
    ("ahead", "text"), [(0.99, "now"), (1, "in 1 s"), (-0.99, "now"), (-1, "1 s ago"), (59.9, "in 59 s")]
)
def test_less_than_a_second_is_now(ahead: float, text: str) -> None:
    assert rendering.relative(AT + timedelta(seconds=ahead), AT) == text
