"""What a template's values become: instants, header values that cannot add a header, and errors that say where."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from kronos.delivery.sanitise import MAX_DEPTH
from kronos.delivery.template import check, render, render_headers, utc_text
from kronos.delivery.template_text import TemplateError


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2026, 12, 1, 9, tzinfo=UTC), "2026-12-01T09:00:00Z"),
        (datetime(2026, 12, 1, 0, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))), "2026-11-30T19:00:00Z"),
        (datetime(2026, 12, 1, 9, 0, 1, 20, tzinfo=UTC), "2026-12-01T09:00:01.000020Z"),
        (datetime(2026, 12, 31, 23, tzinfo=timezone(timedelta(hours=-2))), "2027-01-01T01:00:00Z"),
    ],
)
def test_an_instant_is_written_in_utc(at: datetime, text: str) -> None:
    assert utc_text(at) == text
    assert datetime.fromisoformat(utc_text(at)) == at


@pytest.mark.parametrize(
    "value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b", "a\x7fb", "\x1b[0m", "é", "\x85", "\u2028"]
)
@pytest.mark.parametrize("template", ["{{input.v}}", "a {{input.v}} b"])
def test_a_value_that_a_header_cannot_have_is_refused_and_not_quoted(template: str, value: str) -> None:
    with pytest.raises(TemplateError) as refused:
        render_headers({"X-A": "fixed", "X-B/c": template}, {"input": {"v": f"x{value}x"}})
    told = "the template's value for the header X-B/c contains a character that cannot be sent"
    assert (refused.value.message, refused.value.pointer) == (told, "/X-B~1c")
    assert refused.value.hint == "Header values may only contain visible ASCII characters, spaces and tabs."


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("a", "a"),
        ("", ""),
        (" a ", "a"),
        ("a\tb", "a\tb"),
        ("\ta\r\n", "a"),
        ("~!@#$%^&*()[]{}|;:'\",.<>/?`\\", "~!@#$%^&*()[]{}|;:'\",.<>/?`\\"),
        (7, "7"),
        (True, "true"),
        (None, "null"),
        ([1, "a"], '[1,"a"]'),
        ({"a": 1.5}, '{"a":1.5}'),
        (10**21, "1000000000000000000000"),
    ],
)
def test_a_value_in_a_header_is_its_text_or_its_json_without_spaces_around_it(value: Any, sent: str) -> None:
    assert render_headers({"X-A": "{{input.v}}"}, {"input": {"v": value}}) == {"X-A": sent}
    assert render_headers({"X-A": "a:{{input.v}}"}, {"input": {"v": "b"}}) == {"X-A": "a:b"}


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}], ids=["lists", "objects"])
def test_lists_and_objects_may_be_nested_equally_deep(wrap: Any) -> None:
    template: Any = "{{input}}"
    for _ in range(MAX_DEPTH):
        template = wrap(template)
    check(template)
    rendered: Any = render(template, {"input": 7})
    while isinstance(rendered, list | dict):
        (rendered,) = rendered if isinstance(rendered, list) else rendered.values()
    assert rendered == 7
    with pytest.raises(TemplateError, match=f"nested deeper than {MAX_DEPTH}"):
        check(wrap(template))
    with pytest.raises(TemplateError, match=f"nested deeper than {MAX_DEPTH}"):
        render(wrap(template), {"input": 7})


@pytest.mark.parametrize(
    ("template", "pointer"),
    [
        ("{{input.none}}", ""),
        (["a", "{{input.none}}"], "/1"),
        ([["{{input.none}}"]], "/0/0"),
        ({"a": "x", "b": {"c~/d": "{{input.none}}"}}, "/b/c~0~1d"),
        ({"a": [{"b": "x"}, {"b": "{{input.none}}"}], "z": "{{input.none}}"}, "/a/1/b"),
        ({"": "{{input.none}}"}, "/"),
    ],
)
def test_a_missing_value_is_reported_at_its_place(template: Any, pointer: str) -> None:
    with pytest.raises(TemplateError) as refused:
        render(template, {"input": {}})
    assert (refused.value.pointer, refused.value.code) == (pointer, "template")


@pytest.mark.parametrize(
    ("input", "there"),
    [({}, "input.a"), ({"a": {}}, "input.a.b"), ({"a": {"b": []}}, "input.a.b.c"), ({"a": None}, "input.a.b")],
)
def test_a_missing_value_is_named_up_to_where_it_is_missing(input: Any, there: str) -> None:
    with pytest.raises(TemplateError) as refused:
        render("{{input.a.b.c.d}}", {"input": input})
    assert refused.value.message == f"there is no {there}, which a template names"


def test_the_name_of_a_missing_value_is_quoted_up_to_128_characters() -> None:
    with pytest.raises(TemplateError) as refused:
        render("{{input." + "n" * 300 + "}}", {"input": {}})
    assert refused.value.message == f"there is no input.{'n' * 122}, which a template names"


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{secret.s}}", "hidden"),
        ("{{secret.none | default: 'x'}}", "x"),
        ("{{secret.none | default: null}}", None),
        ("{{config.off}}", None),
        ("{{config.off | default: 3}}", 3),
        ("{{config.off | default: null}}", None),
        ("{{input | default: 3}}", 3),
        ("{{scheduled_at | local | default: 'x'}}", "2026-12-01T10:00:00+01:00"),
    ],
)
def test_a_default_stands_for_what_is_missing_or_null_and_for_nothing_else(template: str, value: Any) -> None:
    context: dict[str, Any] = {
        "secret": {"s": "hidden"},
        "config": {"off": None},
        "input": None,
        "scheduled_local": "2026-12-01T10:00:00+01:00",
    }
    assert render(template, context) == value


def test_a_secret_is_missing_where_the_workspace_has_none() -> None:
    with pytest.raises(TemplateError, match=r"there is no secret\.s, which a template names"):
        render("{{secret.s}}", {"input": {}})
