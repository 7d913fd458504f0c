"""What an endpoint's spec makes of an input: an entry's fields, a record's headers, key and value, a mail's subject and
text.
"""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from kronos.delivery.destinations import Message
from kronos.delivery.messages import entry, mail, record
from kronos.delivery.template import MAX_RENDERED_BYTES
from kronos.delivery.template_text import TemplateError

_BEYOND = 10**21  # PostgreSQL writes the double 1e21 as an integer, which has more than 64 bits
_CONTEXT: dict[str, Any] = {
    "input": {"text": "hé", "n": 7, "list": [1, None], "big": _BEYOND, "lone": "\ud800", "empty": ""},
    "execution": {"id": "e1", "attempt": 2},
}
_WHOLE = {"n": 1}


@pytest.mark.parametrize(
    ("template", "sent"),
    [
        ("{{input.text}}", "hé".encode()),
        ("{{input.n}}", b"7"),
        ("{{input.list}}", b"[1,null]"),
        ("{{input.list.1}}", b"null"),
        ("{{input.big}}", b"1000000000000000000000"),
        ("n={{input.big}}", b"n=1000000000000000000000"),
        ("{{input.lone}}", b"?"),
        ("{{input.empty}}", b""),
        ("{{input.none | default: 'x'}}", b"x"),
        ({"a": ["{{input.n}}", "{{input.text}}"]}, '{"a":[7,"hé"]}'.encode()),
        (True, b"true"),
        (None, b"null"),
        ("\\{{input.n}}", b"{{input.n}}"),
    ],
)
def test_a_text_is_sent_as_it_is_and_anything_else_as_json(template: Any, sent: bytes) -> None:
    assert entry({"fields_template": {"f": template}}, _CONTEXT).pairs == (("f", sent),)
    assert record({"headers": {"h": template}}, _CONTEXT).pairs == (("h", sent),)
    if sent != b"null":
        assert record({"key_template": template}, _CONTEXT).key == sent


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (entry, Message(pairs=(("input", b'{"n":1}'),))),
        (record, Message(pairs=(), value=b'{"n":1}')),
        (mail, Message(pairs=(("Subject", b"Kronos"),), value=b'{\n  "n": 1\n}')),
    ],
)
@pytest.mark.parametrize(
    "spec", [{}, {"fields_template": None, "headers": None, "key_template": None, "value_template": None}]
)
def test_a_spec_that_says_nothing_sends_the_input(
    make: Callable[[dict[str, Any], dict[str, Any]], Message], spec: dict[str, Any], message: Message
) -> None:
    assert make(spec, {"input": _WHOLE}) == message


def test_fields_and_headers_keep_their_order_and_a_record_its_parts() -> None:
    named = {"z": "{{execution.id}}", "a": "2", "m": "{{input.n}}"}
    pairs = (("z", b"e1"), ("a", b"2"), ("m", b"7"))
    assert entry({"fields_template": named}, _CONTEXT) == Message(pairs=pairs)
    spec = {"headers": named, "key_template": "{{input.n}}", "value_template": {"t": "{{input.text}}"}}
    assert record(spec, _CONTEXT) == Message(pairs=pairs, key=b"7", value='{"t":"hé"}'.encode())


def test_a_record_has_no_key_if_the_endpoint_names_none_or_its_value_is_null() -> None:
    """Those are spread over the partitions. Records of one key, also of an empty one, stay in order."""
    assert record({"key_template": "{{input.empty}}"}, _CONTEXT).key == b""
    assert record({}, _CONTEXT).key is None
    assert record({"key_template": "{{input.list.1}}"}, _CONTEXT).key is None


@pytest.mark.parametrize(
    ("make", "spec", "pointer"),
    [
        (entry, {"fields_template": {"a/b": "{{input.none}}"}}, "/spec/fields_template/a~1b"),
        (entry, {"fields_template": {"a": "x", "b": ["{{input.none}}"]}}, "/spec/fields_template/b/0"),
        (record, {"headers": {"h": "{{input.none}}"}}, "/spec/headers/h"),
        (record, {"key_template": "{{input.none}}"}, "/spec/key_template"),
        (record, {"value_template": {"v": {"w": "{{input.none}}"}}}, "/spec/value_template/v/w"),
        (mail, {"subject_template": "{{input.none}}"}, "/spec/subject_template"),
        (mail, {"text_template": "a {{input.none}}"}, "/spec/text_template"),
    ],
)
def test_a_value_that_is_missing_is_reported_where_the_spec_names_it(
    make: Callable[[dict[str, Any], dict[str, Any]], Message], spec: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(TemplateError) as refused:
        make(spec, _CONTEXT)
    assert (refused.value.pointer, refused.value.message) == (
        pointer, "there is no input.none, which a template names",
    )  # fmt: skip


@pytest.mark.parametrize("make", [entry, record, mail])
def test_a_message_that_would_grow_without_bound_is_refused(
    make: Callable[[dict[str, Any], dict[str, Any]], Message],
) -> None:
    grown = "{{input.text}}" * 11
    context = {"input": {"text": "x" * 100_000}}
    spec = {"fields_template": {"a": grown}, "value_template": grown, "text_template": grown}
    with pytest.raises(TemplateError, match=f"more than {MAX_RENDERED_BYTES} bytes"):
        make(spec, context)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\nb", b"a\nb"),
        ("\ud800", b"?"),
        ("", b""),
        (7, b"7"),
        (None, b"null"),
        ([1, {"a": "é"}], '[\n  1,\n  {\n    "a": "é"\n  }\n]'.encode()),
        ({"n": _BEYOND}, b'{"n":1000000000000000000000}'),
        ({"n": 2**63}, b'{\n  "n": 9223372036854775808\n}'),
        ({"t": "\ud800"}, '{"t":"\ufffd"}'.encode()),
    ],
)
def test_the_text_of_a_mail_is_readable_whatever_the_input_is(value: Any, text: bytes) -> None:
    """An integer of more than 64 bits, as 1e21 is once PostgreSQL has stored it, used to end every attempt."""
    assert mail({"text_template": "{{input}}"}, {"input": value}).value == text


def test_the_text_of_a_mail_may_be_nested_as_deep_as_an_input() -> None:
    deep: Any = []
    for _ in range(300):
        deep = [deep]
    assert b"(nested too deep)" in mail({}, {"input": deep}).value
    assert orjson.loads(mail({}, {"input": {"a": [[1]]}}).value) == {"a": [[1]]}


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("a\r\nBcc: x@example.com", "a Bcc: x@example.com"),
        ("  a \t b\n", "a b"),
        ("a\u2028b\x0bc\x85d", "a b c d"),
        ("x" * 301, "x" * 300),
        ("é" * 301, "é" * 300),
        ("\ud800", "?"),
        ("", ""),
        (" \n ", ""),
        ([1, "a b"], '[1,"a b"]'),
        (_BEYOND, "1000000000000000000000"),
    ],
)
def test_a_subject_is_one_line_of_at_most_300_characters(written: Any, line: str) -> None:
    for spec in ({"subject_template": "{{input.s}}"}, {"subject_template": "{{input.s}}", "text_template": "x"}):
        assert mail(spec, {"input": {"s": written}}).pairs == (("Subject", line.encode()),)


@pytest.mark.parametrize(
    ("input", "subject"),
    [
        ({"text": "it failed"}, b"it failed"),
        ({"text": None}, b"Kronos"),
        ({}, b"Kronos"),
        ("plain", b"Kronos"),
        ({"text": 7}, b"7"),
    ],
)
def test_the_subject_is_the_inputs_text_if_the_endpoint_names_none(input: Any, subject: bytes) -> None:
    assert mail({}, {"input": input}).pairs == (("Subject", subject),)


def test_the_size_of_a_message_is_that_of_all_its_parts() -> None:
    assert Message(pairs=()).bytes == 0
    assert Message(pairs=(("ab", b"c"), ("d", b""))).bytes == 4
    assert Message(pairs=(("a", b"bc"),), key=b"key", value=b"value").bytes == 11
