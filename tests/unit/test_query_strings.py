"""A query string says one thing only: what programs read differently, or overlook, is rejected with its parameter."""

import pytest

from kronos import errors
from kronos.api.query import check
from kronos.api.query_schemas import JobQuery


def fault_of(raw: bytes) -> errors.Fault:
    with pytest.raises(errors.InvalidRequest) as caught:
        check(raw, JobQuery)
    (fault,) = caught.value.faults
    return fault


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"q=", b"q=a+b", b"q=%C3%A9", b"q=a%26b%3Dc", b"q=a=b", b"q&status", b"&&q=1&", b"q=1&Q=2",
        b"&".join(b"k%d=1" % number for number in range(32)),
    ],
)  # fmt: skip
def test_what_every_reader_reads_alike_is_left_to_the_route(raw: bytes) -> None:
    check(raw, JobQuery)


@pytest.mark.parametrize(
    ("raw", "name"),
    [(b"q=%ff", "q"), (b"a=1&caf%E9=1", "caf\ufffd"), (b"a=%C3%A9&tag=%ed%a0%80", "tag"), (b"%C3", "\ufffd")],
)
def test_a_parameter_that_is_not_utf_8_is_named(raw: bytes, name: str) -> None:
    fault = fault_of(raw)
    assert (fault.pointer, fault.detail) == (f"/{name}", f"the query parameter {name!r} is not UTF-8")
    assert fault.hint == "Encode the text as UTF-8, and each of its bytes as %XX."


@pytest.mark.parametrize(
    ("raw", "pointer"), [(b"q=a%00b", "/q"), (b"q%00=1", "/q\ufffd"), (b"a=1&%00", "/\ufffd"), (b"q=\0", "/q")]
)
def test_nul_is_rejected_wherever_it_stands(raw: bytes, pointer: str) -> None:
    fault = fault_of(raw)
    assert (fault.pointer, fault.detail, fault.hint) == (pointer, "the query string contains NUL", "Remove %00.")


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"q=1&q=1", "q"), (b"q=1&q", "q"), (b"a=1&b=2&c=3&b=2", "b"), (b"a&b&b&a", "b"), (b"%71=1&q=2", "q"),
        (b"=1&=2", ""),
    ],
)  # fmt: skip
def test_a_parameter_that_is_given_twice_is_named(raw: bytes, name: str) -> None:
    fault = fault_of(raw)
    assert (fault.pointer, fault.detail) == (f"/{name}", f"the query parameter {name!r} is given twice")
    assert fault.hint == "Give it once."


def test_names_in_messages_are_cut() -> None:
    long = b"n" * 500
    assert fault_of(b"%s=1&%s=2" % (long, long)).detail == f"the query parameter '{'n' * 80}' is given twice"
    assert fault_of(b"%s=%%ff" % long).detail == f"the query parameter '{'n' * 80}' is not UTF-8"


@pytest.mark.parametrize("number", [33, 3000])
def test_more_parameters_than_any_route_has_are_rejected(number: int) -> None:
    fault = fault_of(b"&".join(b"k%d=1" % each for each in range(number)))
    assert fault.detail == "the query string has more than 32 parameters"
    assert fault.hint == "Remove parameters that are not in /openapi.json."


def test_a_route_without_parameters_names_each_that_was_given() -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        check(b"limit=5&cursor=x", None)
    assert caught.value.detail == "query parameter /limit: unknown parameter, and 1 more"
    assert [(fault.pointer, fault.detail, fault.hint) for fault in caught.value.faults] == [
        ("/limit", "unknown parameter", "Remove it: there are no parameters here."),
        ("/cursor", "unknown parameter", "Remove it: there are no parameters here."),
    ]
    with pytest.raises(errors.InvalidRequest) as caught:
        check(b"&".join(b"k%d" % each for each in range(32)), None)
    assert [fault.pointer for fault in caught.value.faults] == [f"/k{each}" for each in range(20)]
    for nothing in (b"", b"&", b"&&"):
        check(nothing, None)
