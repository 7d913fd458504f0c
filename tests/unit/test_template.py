"""Templates: what they accept, what they reject and where, and that no value leaves its place."""

import re
import time
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kronos.delivery.egress import EgressPolicy, check_url
from kronos.delivery.refused import Refused
from kronos.delivery.sanitise import MAX_DEPTH
from kronos.delivery.template import (
    MAX_RENDERED_BYTES,
    check,
    check_header_templates,
    check_url_template,
    key_parts,
    named,
    names,
    render,
    render_body,
    render_headers,
    render_url,
)
from kronos.delivery.template_text import TemplateError

PUBLIC = EgressPolicy()
CONTEXT: dict[str, Any] = {
    "config": {"region": "eu", "n": 3, "off": None},
    "secret": {"api-key": "s3", "a.b": "dotted"},
    "job": {"id": "j", "name": None},
    "execution": {"id": "e", "attempt": 2, "cause": "API"},
    "scheduled_at": "2026-12-01T09:00:00Z",
    "scheduled_local": "2026-12-01T10:00:00+01:00",
    "input": {
        "a": {"b": 7},
        "list": ["x", {"y": None}],
        "text": "hé\nllo",
        "7": "seven",
        "t": True,
        "tpl": "{{input.t}}",
    },
}


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("{{input.a.b}}", 7),
        ("{{ input.a.b }}", 7),
        ("{{input.a}}", {"b": 7}),
        ("{{input.list.0}}", "x"),
        ("{{input.list.1.y}}", None),
        ("{{input.7}}", "seven"),
        ("{{input}}", CONTEXT["input"]),
        ("n={{input.a.b}}", "n=7"),
        ("{{input.a.b}}{{input.t}}", "7true"),
        ("{{input.a}} {{input.list.1.y}}", '{"b":7} null'),
        ("{{input.text}}!", "hé\nllo!"),
        ("{{input.tpl}}", "{{input.t}}"),
        ("-{{input.tpl}}", "-{{input.t}}"),
        ("\\{{input.a}}", "{{input.a}}"),
        ("a }} b { {", "a }} b { {"),
        ("{{config.region}}/{{config.n}}", "eu/3"),
        ("{{config.n}}", 3),
        ("{{secret.api-key}}", "s3"),
        ("{{job.id}} {{execution.id}} {{execution.attempt}} {{execution.cause}}", "j e 2 API"),
        ("{{execution.attempt}}", 2),
        ("{{job.name}}", None),
        ('{{job.name | default: "no name"}}', "no name"),
        ("{{scheduled_at}}", "2026-12-01T09:00:00Z"),
        ("{{scheduled_at | local}}", "2026-12-01T10:00:00+01:00"),
        ("{{scheduled_at|local}}!", "2026-12-01T10:00:00+01:00!"),
        ('{{input.none | default: "a \\" b"}}', 'a " b'),
        ("{{input.none | default: 'single'}}", "single"),
        ("{{input.none | default: -1.5}}", -1.5),
        ("{{input.none | default: false}}", False),
        ("{{input.none | default: null}}", None),
        ("{{input.a.b | default: 1}}", 7),
        ("{{config.off | default: 1}}", 1),
        ('{{config.off.deeper | default: ""}}', ""),
        ('{{secret.none | default: "-"}}', "-"),
        ("", ""),
        ({"k": ["{{input.a.b}}", 1, None, {"z": "{{input.t}}"}]}, {"k": [7, 1, None, {"z": True}]}),
        (3.5, 3.5),
    ],
)
def test_template_is_filled(template: Any, rendered: Any) -> None:
    check(template)
    assert render(template, CONTEXT) == rendered


@pytest.mark.parametrize(
    ("template", "pointer", "message"),
    [
        ("{{input.a", "", "is not closed"),
        ("{{}}", "", "is not a path"),
        ("{{ }}", "", "is not a path"),
        ("{{input.}}", "", "is not a path"),
        ("{{input..a}}", "", "is not a path"),
        ("{{input.a | upper}}", "", "the filter upper is not allowed here"),
        ("{{input.a | local}}", "", "the filter local is not allowed here"),
        ("{{scheduled_at | local | local}}", "", "the filter local is not allowed here"),
        ("{{input.a | default}}", "", "the filter default is not allowed here"),
        ("{{input.a | default: 1 | default: 2}}", "", "the filter default is not allowed here"),
        ("{{input.a | default: {} }}", "", "is not a valid default"),
        ("{{input.a | default: NaN}}", "", "is not a valid default"),
        ("{{input.a | default: 1e999}}", "", "is not a valid default"),
        ("{{input.a | default: -1e999}}", "", "is not a valid default"),
        ("{{input.a | default: word}}", "", "is not a valid default"),
        ('{{input.a | default: "open}}', "", "the filter default is not allowed here"),
        ("{{input.a |}}", "", "a path with a valid filter"),
        ("{{input a}}", "", "is not a path"),
        ("{{{input.a}}}", "", "is not a path"),
        ("{{inputs.a}}", "", "inputs is not known"),
        ("{{secret}}", "", "names no secret"),
        ("{{job}}", "", "there is no such value"),
        ("{{job.endpoint}}", "", "there is no such value"),
        ("{{execution.id.x}}", "", "there is no such value"),
        ("{{scheduled_at.x}}", "", "there is no such value"),
        ("{{secret.x.y}}", "", "names no secret"),
        ({"a/b": [1, {"c": "{{x}}"}]}, "/a~1b/1/c", "x is not known"),
        ({"k{{input.a}}": 1}, "/k{{input.a}}", "a member's name contains"),
    ],
)
def test_wrong_template_is_refused_where_it_stands(template: Any, pointer: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message) as refused:
        check(template)
    assert (refused.value.pointer, refused.value.code) == (pointer, "template")
    with pytest.raises(TemplateError):
        render(template, CONTEXT)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{input.b}}", "there is no input.b, which"),
        ("{{input.a.b.c}}", "there is no input.a.b.c"),
        ("{{input.list.2}}", "there is no input.list.2"),
        ("{{input.list.-1}}", "there is no input.list.-1"),
        ("{{input.list.²}}", "there is no input.list.²"),
        ("{{input.list." + "9" * 5000 + "}}", "there is no input.list.9"),
        ("{{input.text.0}}", "there is no input.text.0"),
        ("{{config.none}}", "there is no config.none"),
        ("{{secret.none}}", "there is no secret.none"),
    ],
)
def test_name_that_is_not_there_is_an_error_that_says_which(template: str, message: str) -> None:
    check(template)
    with pytest.raises(TemplateError, match=message) as refused:
        render(["ok", template], CONTEXT)
    assert refused.value.pointer == "/1"


def test_body_without_a_template_is_the_input() -> None:
    assert render_body(None, {"input": {"a": [1, "é"]}}) == '{"a":[1,"é"]}'.encode()
    assert render_body({"n": "{{input.n}}"}, {"input": {"n": 2**70}}) == b'{"n":%d}' % 2**70


def test_template_that_multiplies_its_input_is_refused_before_it_is_built() -> None:
    context = {"input": {"big": "x" * 100_000}}
    with pytest.raises(TemplateError, match=str(MAX_RENDERED_BYTES)):
        render(["{{input.big}}"] * 11, context)
    with pytest.raises(TemplateError, match=str(MAX_RENDERED_BYTES)):
        render("{{input.big}}" * 11, context)
    assert len(render_body(["{{input.big}}"] * 10, context)) > 1_000_000


def test_template_nested_too_deep_is_refused() -> None:
    template: Any = "x"
    for _ in range(5000):
        template = [template]
    with pytest.raises(TemplateError, match="nested deeper"):
        check(template)


TEXTS = st.text() | st.sampled_from(
    ["{{input.a}}", "{{", "}}", "\\{{", "{{input.a.b}} x", "{{ input.list.0 }}", "{{x}}"]
)
TEMPLATES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)


@settings(deadline=None)
@given(TEMPLATES, TEMPLATES)
def test_render_raises_nothing_but_template_error(template: Any, value: Any) -> None:
    context = {"input": value}
    try:
        check(template)
        render_body(template, context)
        render_headers({"X-A": str(template)}, context)
    except TemplateError:
        pass  # any other exception fails the test


@settings(deadline=None)
@given(TEMPLATES)
def test_whole_string_template_is_the_value_itself(value: Any) -> None:
    assert render({"v": "{{input.v}}"}, {"input": {"v": value}})["v"] is value


@settings(deadline=None)
@given(st.text())
def test_value_in_a_url_stays_in_its_place(value: str) -> None:
    template = "https://a.example/x/{{input.v}}/y?q={{input.v}}&z=1"
    try:
        url = check_url(render_url(template, {"input": {"v": value}}), PUBLIC)
    except TemplateError:
        assert {".", ".."} & set(re.split(r"[/\\;]", value))
        return
    except Refused:
        assert len(template) + 6 * 4 * len(value) > 2048
        return
    path, _, query = url.target.partition("?")
    assert (url.host, path.count("/"), query.count("&")) == ("a.example", 3, 1)
    assert unquote(path.split("/")[2]) == value
    assert unquote(query.removeprefix("q=").removesuffix("&z=1")) == value


@pytest.mark.parametrize("value", ["..", ".", "../admin", "a/../b", "a\\..\\b", "/..", "..;", "..;x=1", "a;.."])
def test_value_that_would_step_to_another_path_is_refused(value: str) -> None:
    with pytest.raises(TemplateError):
        render_url("https://a.example/x/{{input.v}}", {"input": {"v": value}})


@pytest.mark.parametrize("value", ["a.b", "v1.2.3", ".a", "a.", "...", "..a", "a..", "a/.b", "a..;b", "1.5/x"])
def test_value_with_dots_that_are_no_step_is_taken(value: str) -> None:
    assert render_url("https://a.example/x/{{input.v}}/y", {"input": {"v": value}}) == (
        f"https://a.example/x/{quote(value, safe='')}/y"
    )


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("{{input.a}}", [{"path": ["a"], "default": None}]),
        ("{{input.a | default: null}}", [{"path": ["a"], "default": None}]),
        ("x-{{input.a.b | default: 7}}", ["x-", {"path": ["a", "b"], "default": "7"}]),
        (
            "{{input.a | default: 'none'}}/{{input.b}}",
            [{"path": ["a"], "default": "none"}, "/", {"path": ["b"], "default": None}],
        ),
    ],
)
def test_a_concurrency_key_is_texts_and_paths_into_the_input(text: str, parts: list[Any]) -> None:
    assert key_parts(text) == parts


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("plain", "names no value"),
        ("", "names no value"),
        ("{{input}}", "is not a value of the input"),
        ("{{input.a}}{{config.region}}", "is not a value of the input"),
        ("{{secret.s}}", "is not a value of the input"),
    ],
)
def test_a_concurrency_key_names_the_input_and_nothing_else(text: str, why: str) -> None:
    with pytest.raises(TemplateError, match=why):
        key_parts(text)


def test_a_template_may_be_as_deep_and_what_it_makes_as_large_as_they_may_be() -> None:
    deepest: Any = "x"
    for _ in range(MAX_DEPTH):
        deepest = [deepest]
    check(deepest)
    with pytest.raises(TemplateError, match="nested deeper"):
        check({"a": deepest})
    largest = "x" * (MAX_RENDERED_BYTES - 2)
    assert render_body("{{input.v}}", {"input": {"v": largest}}) == f'"{largest}"'.encode()
    with pytest.raises(TemplateError, match="more than"):
        render_body("{{input.v}}", {"input": {"v": f"{largest}x"}})


def test_a_header_may_have_a_tab_and_is_cut_at_its_ends() -> None:
    assert render_headers({"X-A": " a\t{{input.v}} "}, {"input": {"v": "b\tc"}}) == {"X-A": "a\tb\tc"}


def test_steps_that_the_author_wrote_stand_and_a_value_adds_none() -> None:
    template = "https://a.example/x/../{{input.v}}/..;y"
    assert render_url(template, {"input": {"v": "b"}}) == "https://a.example/x/../b/..;y"
    with pytest.raises(TemplateError):
        render_url("https://a.example/x/../.{{input.v}}", {"input": {"v": ""}})


def test_escaped_braces_are_parsed_in_linear_time() -> None:
    text = "\\{{" * 250_000  # 1.5 s when each literal was copied
    started = time.thread_time()
    check(text)
    assert render(text, {}) == "{{" * 250_000
    assert time.thread_time() - started < 5  # not a benchmark: quadratic time would take minutes at this size


def test_values_that_make_a_step_together_are_refused() -> None:
    with pytest.raises(TemplateError):
        render_url("https://a.example/x/.{{input.v}}", {"input": {"v": ""}})


@pytest.mark.parametrize(
    "url",
    [
        "https://{{input.h}}/",
        "https://a.{{input.h}}/",
        "{{input.url}}",
        "https://a.example:{{input.p}}/",
        "https://a.example{{input.rest}}",
        "{{input.s}}://a.example/",
        "https://u:{{input.p}}@a.example/",
    ],
)
def test_template_in_a_urls_host_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        check_url_template(url, PUBLIC)
    with pytest.raises(Refused):
        render_url(url, {"input": {"h": "x", "url": "x", "p": "1", "rest": ".evil.example/", "s": "https"}})


def test_url_template_is_judged_with_its_values_left_out() -> None:
    check_url_template("https://a.example/{{ input.a }}?x={{input.b}}", PUBLIC)
    check_url_template("https://a.example?x={{input.b}}", PUBLIC)
    with pytest.raises(Refused) as refused:
        check_url_template("http://10.0.0.1/{{input.a}}", PUBLIC)
    assert refused.value.code == "address_blocked"
    with pytest.raises(TemplateError):
        check_url_template("https://a.example/{{nothing}}", PUBLIC)


def test_header_templates_are_checked_and_filled() -> None:
    check_header_templates({"X-Run": "run-{{input.a.b}}"})
    assert render_headers({"X-Run": "run-{{input.a.b}}", "X-B": "b"}, CONTEXT) == {"X-Run": "run-7", "X-B": "b"}
    with pytest.raises(TemplateError) as refused:
        check_header_templates({"X-Run": "{{nothing}}"})
    assert refused.value.pointer == "/X-Run"
    with pytest.raises(Refused) as reserved:
        check_header_templates({"Host": "{{input.a}}"})
    assert reserved.value.code == "header_reserved"


def test_value_that_would_end_a_header_is_refused() -> None:
    with pytest.raises(TemplateError) as refused:
        render_headers({"X-Text": "{{input.text}}"}, CONTEXT)
    assert refused.value.pointer == "/X-Text"


def test_what_a_template_names_is_said_with_its_place() -> None:
    template = {"a": ["{{secret.one}}", {"b": "x {{config.c.d}}{{secret.two | default: 1}}"}], "c": "\\{{secret.no}}"}
    assert names(template, "secret") == {"one", "two"}
    assert names(template, "config") == {"c.d"}
    assert [(pointer, str(name)) for pointer, name in named(template)] == [
        ("/a/0", "secret.one"),
        ("/a/1/b", "config.c.d"),
        ("/a/1/b", "secret.two"),
    ]


def test_a_secret_stands_in_a_urls_query_and_not_in_its_path() -> None:
    check_url_template("https://e.example/a?key={{secret.k}}", PUBLIC)
    for url in ("https://e.example/{{secret.k}}", "https://e.example/{{secret.k}}?a={{input.b}}"):
        with pytest.raises(Refused, match="may not be in a URL's path"):
            check_url_template(url, PUBLIC)


def test_the_names_below_a_root_are_those_of_all_strings() -> None:
    template = {
        "a": ["{{secret.x}}", {"b": "y {{ secret.y-1 }}{{input.z}}"}],
        "c": 1,
        "d": "\\{{secret.no}}",
        "e": None,
    }
    assert names(template, "secret") == {"x", "y-1"}
    assert names(template, "input") == {"z"}
    assert names([], "secret") == names("plain", "secret") == set()
