"""A JSON object that is read in pieces equals the one that is read whole, wherever it is cut; a truncated object is an
error."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kronos.cli import json_members
from kronos.cli.json_members import CutError
from kronos.model import Json

_LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
_VALUES = st.recursive(
    _LEAVES | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
_OBJECTS = st.dictionaries(st.text(max_size=4), _VALUES, max_size=4)


def _pieces(text: bytes, cuts: list[int]) -> Iterator[bytes]:
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return (text[start:end] for start, end in itertools.pairwise(places))


def _read(pieces: Iterator[bytes]) -> dict[str, Json]:
    found: dict[str, Any] = {}
    for name, value in json_members.members(pieces):
        found[name] = list(value) if isinstance(value, Iterator) else value
    return found


@settings(deadline=None)
@given(document=_OBJECTS, cuts=st.lists(st.integers(0, 500), max_size=6), indent=st.sampled_from([None, 2]))
def test_what_comes_in_pieces_is_what_it_is_at_once(
    document: dict[str, Json], cuts: list[int], indent: int | None
) -> None:
    text = json.dumps(document, ensure_ascii=False, indent=indent).encode("utf-8", "surrogatepass")
    if b"\xed" in text:  # half of a surrogate pair, which UTF-8 cannot encode
        text = json.dumps(document, indent=indent).encode()
    assert _read(_pieces(text, cuts)) == document
    assert list(_read(_pieces(text, cuts))) == list(document)
    cut_off = text[: cuts[0] % len(text)] if cuts else text[:-1]
    with pytest.raises(CutError):
        _read(_pieces(cut_off, cuts))


@pytest.mark.parametrize("text", ["", "[]", "7", "<html>", '{"a" 1}', '{"a":1,}', '{1:2}', '{"a":[1 2]}', '{"a":[1,]}',
                                  '{"a":tru}', '{"a":"x', '{"a":[{"b":1}'])  # fmt: skip
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(CutError):
        _read(iter([text.encode()]))


@pytest.mark.parametrize("value", ["[" * 100_000, '{"a":' * 100_000, "1" * 5000 + "}"])
def test_what_python_does_not_read_is_refused(value: str) -> None:
    with pytest.raises(CutError, match="not one that Kronos writes"):
        _read(iter([b'{"a":', value.encode()]))


def test_what_is_no_utf_8_is_refused() -> None:
    with pytest.raises(CutError, match="UTF-8"):
        _read(iter([b'{"a":"', b"\xff", b'"}']))


def test_memory_holds_one_item_of_a_list() -> None:
    asked = 0

    def pieces() -> Iterator[bytes]:
        nonlocal asked
        yield b'{"set":"x","jobs":['
        for n in range(1000):
            asked += 1
            yield (b"," if n else b"") + b'{"name":"job"}'
        yield b"]}"

    members = json_members.members(pieces())
    assert next(members) == ("set", "x")
    _, jobs = next(members)
    assert isinstance(jobs, Iterator)
    assert next(jobs) == {"name": "job"}
    assert asked <= 3
    assert sum(1 for _ in jobs) == 999
    assert next(members, None) is None


def test_a_value_without_end_is_not_kept_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_members, "_MOST_OF_A_VALUE", 1000)
    with pytest.raises(CutError, match="no end"):
        _read(iter([b'{"a":"', *[b"x" * 100] * 100, b'"}']))


def test_a_number_is_whole_wherever_it_is_cut() -> None:
    for number in ("-12", "0.5", "3.163304641849679e-216", "1E+20"):
        text = f'{{"a":{number},"b":[{number}]}}'.encode()
        for cut in range(1, len(text)):
            assert _read(iter([text[:cut], text[cut:]])) == {"a": float(number), "b": [float(number)]}, (text, cut)
