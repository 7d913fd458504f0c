"""The values of secrets never appear in what is stored, in whatever form a receiver returns them."""

import base64
import html
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from urllib.parse import quote, quote_plus

import orjson
import pytest

from kronos.delivery.mask import Mask
from kronos.delivery.outcome import Outcome, described, described_request, failed
from kronos.delivery.sanitise import json_bytes

_VALUES = ['pa"ss/wörd +%41&<\\', "hunter2", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "x" * 4100, "0000", "null"]
_FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in capitals": str.upper,
    "percent-encoded": lambda value: quote(value, safe=""),
    "percent-encoded in small letters": lambda value: quote(value, safe="").lower(),
    "percent-encoded but for slashes": quote,
    "as a form": quote_plus,
    "in JSON": lambda value: json.dumps(value)[1:-1],
    "in JSON's own letters": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "in HTML": html.escape,
    "in JSON within JSON": lambda value: json.dumps(json.dumps(value, ensure_ascii=False)[1:-1])[1:-1],
    "in JSON, percent-encoded": lambda value: quote(json.dumps(value, ensure_ascii=False)[1:-1], safe=""),
    "percent-encoded twice": lambda value: quote(quote(value, safe=""), safe=""),
    "in hex": lambda value: value.encode().hex(),
}


@pytest.mark.parametrize("form", _FORMS.values(), ids=_FORMS.keys())
def test_a_value_is_hidden_in_each_form(form: Callable[[str], str]) -> None:
    for value in _VALUES:
        given = form(value)
        assert Mask([value]).text(f"before {given} after {given}") == "before *** after ***", value[:8]


@pytest.mark.parametrize("before", ["", "u", "us", "usr", "user:"])
@pytest.mark.parametrize("value", _VALUES[:4], ids=lambda value: value[:8])
def test_a_value_is_hidden_in_base64_behind_whatever(value: str, before: str) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(f"{before}{value} and more".encode()).decode()
        masked = Mask([value]).text(text)
        assert "***" in masked
        # what remains of it, next to the surrounding text, is less than its last two bytes
        found = base64.b64encode(value.encode()).decode()
        assert found[4:-4] not in masked


@pytest.mark.parametrize("before", ["", "u", "us", "usr", "user:"])
@pytest.mark.parametrize("value", _VALUES[:3], ids=lambda value: value[:8])
def test_of_base64_each_letter_that_is_of_the_value_alone_is_hidden(value: str, before: str) -> None:
    text = base64.b64encode(f"{before}{value} and more".encode()).decode()
    first = -(-len(before) * 8 // 6)
    end = (len(before) + len(value.encode())) * 8 // 6
    assert Mask([value]).text(text) == f"{text[:first]}***{text[end:]}"


@pytest.mark.parametrize(
    ("value", "text", "masked"),
    [
        ("hunter2", "hunt", "***"),
        ("hunter2", "hunter", "***"),
        ("hunter2", "hun", "hun"),
        ("hunter2", "hunter2", "***"),
        ("hunter2", "a hunter", "a ***"),
        ("0000", "00000", "***"),
        ("aaaab", "xaaaaa", "xa***"),
        ("aaaab", "aaaaab", "a***"),
    ],
)
def test_a_value_is_hidden_wherever_it_begins(value: str, text: str, masked: str) -> None:
    """Including at the beginning of the text, when a form overlaps itself, and when only its last letter was
    cut off.
    """
    assert Mask([value]).text(text) == masked


@pytest.mark.parametrize("left", [4, 5, 20, 41])
def test_the_beginning_of_a_value_that_was_cut_off_is_hidden(left: int) -> None:
    value = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw1234"
    for form in (value, base64.b64encode(value.encode()).decode(), quote(value + "/+", safe="")):
        assert Mask([value, value + "/+"]).text(f"whsec, {form[:left]}") == "whsec, ***"
    assert Mask([value]).text("whsec, no secret") == "whsec, no secret"


def test_a_value_within_another_leaves_nothing_of_it() -> None:
    assert Mask(["token", "my-token-2"]).text("my-token-2 token my-toke") == "*** *** ***"


def test_an_outcome_stays_json_whatever_the_value_is() -> None:
    outcome = Outcome(
        status="FAILED",
        retryable=True,
        retry_after=None,
        request='{"method":"POST","url":"http://h/0000/null","headers":["x-null"],"body_bytes":10000}',
        response='{"status":500,"headers":["null"],"body_bytes":4,"body":"0000","truncated":false,"more":null}',
        error={"type": "http_status", "message": 'null"}'},
        duration=timedelta(),
    )
    masked = Mask(["0000", "null", '"}  ', "truncated", "10000"]).outcome(outcome)
    assert orjson.loads(masked.request or "") == {
        "method": "POST", "url": "http://h/***/***", "headers": ["x-***"], "body_bytes": 10000,
    }  # fmt: skip
    assert orjson.loads(masked.response or "") == {
        "status": 500, "headers": ["***"], "body_bytes": 4, "body": "***", "truncated": False, "more": None,
    }  # fmt: skip
    assert masked.error == {"type": "http_status", "message": '***"}'}


@pytest.mark.parametrize("form", _FORMS.values(), ids=_FORMS.keys())
def test_a_value_is_hidden_in_a_document_in_each_form_whole_or_cut_off(form: Callable[[str], str]) -> None:
    for value in _VALUES:
        given = form(value)
        for body in (f"before {given} after {given}", f"before {given[:5]}"):
            outcome = failed("template", "why")
            outcome.response = json_bytes({"body": body, "status": 500}).decode()
            masked = Mask([value]).outcome(outcome)
            hidden = Mask([value]).text(body)
            assert orjson.loads(masked.response or "") == {"body": hidden, "status": 500}, value[:8]
            assert hidden.startswith("before ***"), value[:8]


@pytest.mark.parametrize("place", ["request", "response", "error"])
@pytest.mark.parametrize("others", ["there", "none"])
def test_a_value_is_hidden_where_it_stands_in_one_place_alone(place: str, others: str) -> None:
    outcome = failed("template", "why")
    if others == "there":
        outcome.request, outcome.response = '{"url":"http://h/"}', '{"body":"fine"}'
    else:
        outcome.error = None
    hidden = {
        "request": replace(outcome, request='{"url":"http://h/hunter2"}'),
        "response": replace(outcome, response='{"body":"is hunter2"}'),
        "error": replace(outcome, error={"type": "template", "message": ["of", "hunter2"]}),
    }[place]
    masked = Mask(["hunter2"]).outcome(hidden)
    shown = {
        "request": replace(outcome, request='{"url":"http://h/***"}'),
        "response": replace(outcome, response='{"body":"is ***"}'),
        "error": replace(outcome, error={"type": "template", "message": ["of", "***"]}),
    }
    assert masked == shown[place]


def test_values_side_by_side_are_hidden_as_one() -> None:
    assert Mask(["token", "other"]).text("a tokentokenother z") == "a *** z"


def test_a_document_without_a_value_is_left_as_it_is() -> None:
    outcome = failed("template", "why")
    outcome.response = '{"status":  500}'  # in a layout that Kronos itself never writes
    assert Mask(["canary-value"]).outcome(outcome) is outcome


def test_an_outcome_without_documents_stays_without() -> None:
    outcome = failed("template", "why")
    assert Mask(["value"]).outcome(outcome) == outcome


def test_a_text_that_repeats_the_beginning_of_a_value_is_read_once() -> None:
    """Ten thousand near misses take a moment, not minutes."""
    assert Mask(["a" * 4000 + "b"]).text("a" * 4000 + "c") == "a" * 4000 + "c"


def _masked(mask: Mask, request: str, response: str) -> tuple[str | None, str | None]:
    outcome = Outcome(
        status="SUCCESS",
        retryable=False,
        retry_after=None,
        request=request,
        response=response,
        error=None,
        duration=timedelta(),
    )
    found = mask.outcome(outcome)
    return found.request, found.response


def test_documents_that_repeat_the_last_ones_are_clean_and_no_others_are() -> None:
    """A request or response that was clean last time is not checked again, each of the two independently. One that
    contains a value is still masked.
    """
    masked = partial(_masked, Mask(["kingfisher"]))
    clean, hidden = '{"body":"all is well"}', '{"body":"the kingfisher"}'

    for _ in range(2):
        assert masked(clean, clean) == (clean, clean)
        assert masked(clean, hidden) == (clean, '{"body":"the ***"}')
        assert masked(clean, hidden) == (clean, '{"body":"the ***"}')
        assert masked(hidden, clean) == ('{"body":"the ***"}', clean)
        assert masked(hidden, hidden) == ('{"body":"the ***"}', '{"body":"the ***"}')
        assert masked('{"url":"other"}', clean) == ('{"url":"other"}', clean)
        assert masked('{"url":"other"}', '{"body":""}') == ('{"url":"other"}', '{"body":""}')
    assert masked("", hidden) == ("", '{"body":"the ***"}')


@pytest.mark.parametrize("value", ["kingfisher", 'king","headers":["fisher', '"],"body_bytes":1}', "4711", "king\\"])
@pytest.mark.parametrize("place", ["url", "name", "path", "nowhere"])
def test_a_value_is_hidden_wherever_it_stands_in_a_request_whose_other_parts_are_as_in_the_last_one(
    value: str, place: str
) -> None:
    """After requests that differ only in URL, header names or size, a mask works as a new one does."""

    def request(url: str, *names: str, size: int = 12) -> str:
        return described(described_request("POST", f"http://receiver.example/{url}", ["Host", *names]), size)

    last = [request("a"), request("b"), request("b", size=13), request("b", "X-Team")]
    secret = value if place != "nowhere" else "all is well"
    wanted = {
        "url": request(f"c/{secret}/d"),
        "name": request("b", secret),
        "path": request(secret, "X-Team", size=4711),
        "nowhere": request("e", "X-Team", size=4711),
    }[place]
    mask = Mask([value])
    for each in last:
        assert _masked(mask, each, "{}") == (each, "{}")
    found = _masked(mask, wanted, "{}")
    assert found == _masked(Mask([value]), wanted, "{}")
    assert (found[0] == wanted) == (place == "nowhere"), found
    assert json.loads(found[0] or "")["body_bytes"] == json.loads(wanted)["body_bytes"]
    for each in last:
        assert _masked(mask, each, "{}") == (each, "{}"), "and nothing of it is left behind"


@pytest.mark.parametrize(
    "odd",
    [
        '{"method":"POST","url":"king"],"body_bytes":12}',
        '{"method":"POST","url":"a","headers":["kingfisher"],"body_bytes":12,"body_bytes":"king"}',
        '{"method":"POST","url":"a","headers":["host","king"],"body_bytes":king}',
        '"],"body_bytes":kingfisher}',
        '"],"body_bytes":12}king","headers":["host"],"body_bytes":12}',
    ],
)
def test_a_request_of_another_form_is_searched_whole(odd: str) -> None:
    """After one whose names end as its own do, or that is longer than it."""
    mask = Mask(["king"])
    for url in ("a", "b"):
        usual = described(described_request("POST", f"http://receiver.example/{url}", ["Host"]), 12)
        assert mask._are_clean(usual, "{}")
    assert not mask._are_clean(odd, "{}")
