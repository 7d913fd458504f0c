"""Ready templates fill in whatever they can exactly as template.py renders it, byte by byte, and leave the rest
to it.
"""

from itertools import product

import pytest

from kronos.delivery.egress import EgressPolicy, check_url
from kronos.delivery.envelope import Envelope, envelope
from kronos.delivery.headers import check_headers
from kronos.delivery.ready import ReadyBody, ReadyHead
from kronos.delivery.refused import Refused
from kronos.delivery.template import MAX_RENDERED_BYTES, render_body, render_headers, render_url
from kronos.delivery.template_text import TemplateError
from kronos.model import Json, JsonObject

PUBLIC = EgressPolicy()
VALUES: tuple[Json, ...] = (
    *("", "a", "a.b", ".", "..", ".a", "a/../b", "..;x", ";", "a;b", "%2e", "2e", "a b", "é", "\U0001f600", "\x7f"),
    *(
        "a\r\nX: y",
        "a\tb",
        " a ",
        '"',
        "\\",
        "{{input.b}}",
        "#",
        "?q=1&r",
        "a@b.example",
        "2026-01-02T03:04:05Z",
        "~-_",
    ),
    *(0, -1, 2**63, 2**70, 1.5, 1e300, True, None, [], {}, [1, "x"], {"a": {"é": [None]}}),
)
URLS = (
    *("https://a.example/{{input.v}}", "https://a.example?x={{input.v}}", "https://a.example/x/.{{input.v}}"),
    *("https://A.example:444/%2{{input.v}}/..", "https://a.example/%{{input.v}}", "https://a.example/x{{input.v}}.;y"),
    *("https://a.example/%2F{{input.v}}?{{input.v}}=1&b={{config.c}}#", "https://a.example/{{input.v}}{{input.v}}/é"),
    *("https://a.example/.;{{input.v}}", "https://a.example/fixed?a=b", "https://10.0.0.1/{{input.v}}"),
    *('https://a.example/"{{input.v}}', "https://a.example/{{input.v | default: 'none'}}", "{{input.v}}"),
    *("https://a.example/{{input.none}}", "https://a.example/{{input.l.1}}", "https://a.example/\\{{{{input.v}}"),
)
HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"X-V": "{{input.v}}"},
    {"X-V": " {{input.v}} and {{secret.s}}", "user-agent": "mine"},
    {"Accept": "text/plain", "content-type": "x/{{scheduled_at}}", "X-L": "{{scheduled_at | local}}"},
    {"X-V": "{{input.none | default: 7}}", "X-T": "a\tb"},
    {"Host": "{{input.v}}"},
    {"X-V": "{{input.long}}", "X-W": "{{input.long}}"},
    {"X-E": "{{execution.id}}/{{ execution.attempt }}", "X-J": "{{job.name | default: 'none'}}", "X-C": "{{config.s}}"},
    {"X-C": "{{config.t}} {{input.l}}", "X-N": "{{config.none}}"},
    {"X-C": " {{config.u}}", "X-V": "{{input.v}}{{input.v}}{{input.w}}"},
)
BODIES: tuple[Json, ...] = (
    *("{{input}}", "{{input.v}}", "a {{input.v}} b", "\\{{ {{input.v}}", [], {}, [[{}], "x", 1, None, True, 1.0, "é"]),
    {
        "a": "{{input.v}}",
        "b": ["{{input.v}}", {"c": "{{config.c}}-{{input.v}}"}],
        'q"': "{{input.none | default: null}}",
    },
    *(
        {"{{input.v}}": 1},
        "{{input.none}}",
        "{{input.l.0}}",
        "{{nobody}}",
        [2**70, "{{input.v}}"],
        [["{{input.deep}}"]],
        ["{{config.c}}", "{{config.c}} of {{config.s}}", "{{config.s}}", {"x": "{{config.c.d}}"}],
        ["{{config.none}}"],
        ["{{config.none | default: [1]}}", "{{config.null | default: 'x'}}", "{{config.null}}"],
        ["{{job.id}}", "{{input.v}}", "{{input.w}}", "{{execution.attempt}} {{input.v}}", "{{secret.s}}"],
        [["{{config.deep}}"]],
    ),
)
CONFIG: JsonObject = {"c": {"d": 1}, "s": 'a "b"', "t": "", "u": "é\t", "null": None}


def _deep(value: Json) -> Json:
    for _ in range(252):
        value = [value]
    return value


def _context(value: Json) -> dict[str, Json]:
    return {
        "input": {"v": value, "w": 7, "l": [value, "second"], "long": "y" * 9_000, "deep": _deep(value)},
        "config": {**CONFIG, "deep": _deep(None)},
        "job": {"id": "0193-1", "name": None},
        "execution": {"id": "0193-2", "attempt": 3},
        "secret": {"s": "hidden"},
        "scheduled_at": "2026-12-01T09:00:00Z",
        "scheduled_local": "2026-12-01T10:00:00+01:00",
    }


def _rendered(url: str, headers: dict[str, str], context: dict[str, Json]) -> Envelope:
    rendered, lines = render_url(url, context), render_headers(headers, context)
    check_headers(lines)
    return envelope("POST", rendered, lines, check_url(rendered, PUBLIC))


def _all_of(one: Envelope) -> tuple[object, ...]:
    stored = [one.described(has_body=body, is_signed=signed) for body, signed in product((False, True), repeat=2)]
    return one.origin, one.head, one.request("", b"{}"), stored


@pytest.mark.parametrize("config", [None, _context(None)["config"]])
def test_a_head_is_filled_as_it_is_rendered_or_not_at_all(config: Json) -> None:
    """Whether or not the config's values were filled in beforehand."""
    filled = refused = 0
    for url, headers in product(URLS, HEADERS):
        try:
            head = ReadyHead("POST", url, headers, lambda text: check_url(text, PUBLIC), config)
        except Refused:
            refused += 1
            continue
        for value in VALUES:
            context = _context(value)
            if (made := head.fill(context)) is not None:
                filled += 1
                assert _all_of(made) == _all_of(_rendered(url, headers, context)), (url, headers, value)
    assert filled > 600
    assert refused > 20


@pytest.mark.parametrize(
    ("url", "value"),
    [
        *(("https://a.example/{{input.v}}", value) for value in ("4711", 4711, "a.b", "a b", "é", "a@b.example")),
        *(("https://a.example/{{input.v | default: 'x'}}?a={{input.v}}", value) for value in ("4711", "a b", -1)),
    ],
)
def test_usual_values_are_filled(url: str, value: Json) -> None:
    head = ReadyHead("POST", url, {"X-V": "{{input.l}}"}, lambda text: check_url(text, PUBLIC))
    assert head.fill({"input": {"v": value, "w": 7, "l": "x"}}) is not None


@pytest.mark.parametrize(
    ("written", "value", "sent"),
    [
        ("{{input.v}}", " a ", "a"),
        ("{{input.v}} {{input.v}}", "", ""),
        ("{{input.v}} b", "", "b"),
        ("a {{input.v}}", " ", "a"),
        ("{{input.v}}", [1], "[1]"),
        ("a{{config.s}}b", None, "aeub"),
        ("{{config.s}}", None, "eu"),
        ("{{input.v}}", "a\r\nX: y", None),
        ("x {{input.v}}", "a\tb", None),
        ("{{input.v}} {{config.s}}", "é", None),
    ],
)
def test_a_header_is_filled_whatever_surrounds_its_value(written: str, value: Json, sent: str | None) -> None:
    """With the headers around it, whose order stays. None: it is left to template.py, which names the fault."""
    headers = {"X-A": "fixed", "X-V": written, "X-Z": "{{input.z}}"}
    head = ReadyHead("POST", "https://a.example/", headers, lambda text: check_url(text, PUBLIC), {"s": "eu"})
    made = head.fill({"input": {"v": value, "z": 1}, "config": {"s": "eu"}})
    lines = None if made is None else made.head.split("\r\n")[2:5]
    assert lines == (None if sent is None else ["X-A: fixed", f"X-V: {sent}", "X-Z: 1"])


def test_headers_that_no_delivery_can_fill_are_left_to_what_names_the_fault() -> None:
    for headers, config in (
        ({"X-T": "a\tb"}, None),
        *(
            ({"X-C": written}, {"u": u})
            for u in ("\x7f", "é", ["é"])
            for written in ("{{config.u}}", "{{config.u}}{{input}}")
        ),
    ):
        with pytest.raises(Refused, match=r"X-[TC]"):
            ReadyHead("POST", "https://a.example/", headers, lambda text: check_url(text, PUBLIC), config)


@pytest.mark.parametrize("config", [None, _context(None)["config"]])
def test_a_body_is_filled_as_it_is_rendered_or_not_at_all(config: Json) -> None:
    filled = 0
    for template in BODIES:
        try:
            body = ReadyBody(template, config)
        except (Refused, TypeError):
            continue
        for value in VALUES:
            context = _context(value)
            if (made := body.fill(context)) is not None:
                filled += 1
                assert made == render_body(template, context), (template, value)
    assert filled > 250


@pytest.mark.parametrize("template", [["{{input.v}}"] * 9, ["a{{input.v}}"] * 9, "{{input.v}}" * 9])
def test_a_body_is_bounded_as_where_it_is_rendered(template: Json) -> None:
    body = ReadyBody(template)
    fits = MAX_RENDERED_BYTES // 9 - 2
    assert body.fill(_of(fits - 9)) == render_body(template, _of(fits - 9))
    assert body.fill(_of(fits)) in (None, render_body(template, _of(fits))), "the bound leaves room for a literal"
    assert body.fill(_of(fits + 1)) is None
    with pytest.raises(TemplateError):
        render_body(template, _of(fits + 1))


def test_what_a_config_fills_in_counts_to_the_bound() -> None:
    half = "x" * (MAX_RENDERED_BYTES // 2)
    template: Json = ["{{config.c}}", "{{config.c}}", "{{input.v}}"]
    assert ReadyBody(template, {"c": half}).fill(_of(1)) is None
    assert ReadyBody(template[1:], {"c": half}).fill(_of(1)) == render_body(
        template[1:], {**_of(1), "config": {"c": half}}
    )


def _of(size: int) -> dict[str, Json]:
    return {"input": {"v": "x" * size}}


@pytest.mark.parametrize("input", [[], "text", None, 7, {}, {"a": 1}, {"b": 1}])
def test_an_input_without_what_is_named_is_left_to_what_names_the_fault(input: Json) -> None:
    for template in ("{{input.a}}-{{input.b}}", ["{{input.a}}", {"x": "{{input.b}}"}], "{{input.c}}"):
        assert ReadyBody(template).fill({"input": input}) is None
    assert ReadyBody("{{secret.s}}").fill({"input": input}) is None, "there are no secrets"
