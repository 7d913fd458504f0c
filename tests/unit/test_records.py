"""A data class of kronos/records.py behaves as one of the standard library, whose decorator it takes the place of."""

import copy
import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import field
from typing import Any, Generic, TypeVar

import pytest

from kronos import records

_T = TypeVar("_T")


def _classes(decorator: Callable[..., Callable[[type], type]]) -> dict[str, Any]:
    """Return data classes with all that those of Kronos have, made by `decorator`."""

    @decorator(frozen=True, slots=True, kw_only=True)
    class Pair(Generic[_T]):
        """Two, and what is shown or compared of them."""

        one: _T
        two: int = 2
        shown: str = field(default="hidden", repr=False)
        compared: list[int] = field(default_factory=list, compare=False)

        @property
        def total(self) -> Any:
            return self.one + self.two  # type: ignore[operator]

    @decorator(frozen=True, slots=True, kw_only=True)
    class Longer(Pair[int]):
        three: int

    @decorator(frozen=True, slots=True)
    class Nothing:
        pass

    @decorator(slots=True)
    class Place:
        name: str
        row: int = 0
        made: str = field(init=False)
        later: str | None = field(init=False, default=None)
        listed: list[int] = field(init=False, default_factory=list)

        def __post_init__(self) -> None:
            self.made = f"{self.name}:{self.row}"

    @decorator(slots=True, eq=False)
    class Own:
        value: float

        def __repr__(self) -> str:
            return "<Own>"

    return {made.__name__: made for made in (Pair, Longer, Nothing, Place, Own)}


_OURS, _THEIRS = _classes(records.dataclass), _classes(dataclasses.dataclass)
for _made in _OURS.values():  # so that pickle finds them
    globals()[_made.__name__] = _made
    _made.__qualname__ = _made.__name__
for _made in _THEIRS.values():
    _made.__qualname__ = _made.__name__


def _seen(deed: Callable[[Any], object], classes: dict[str, Any]) -> object:
    """Return what `deed` returns or raises, in a form that does not differ between the two kinds of classes."""
    try:
        return repr(deed(type("Classes", (), classes)))
    except Exception as error:
        return type(error), str(error).replace("_classes.<locals>.", "")


def _changed(given: Any, name: str, value: object) -> Any:
    setattr(given, name, value)
    return given


_DEEDS: dict[str, Callable[[Any], object]] = {
    "an object": lambda of: of.Pair(one=1),
    "all of its fields": lambda of: of.Pair(one=1, two=3, shown="x", compared=[1]),
    "a default of its own for each": lambda of: of.Pair(one=1).compared is of.Pair(one=1).compared,
    "a property": lambda of: of.Pair(one=1).total,
    "a field is missing": lambda of: of.Pair(two=1),
    "a field too many": lambda of: of.Pair(one=1, four=4),
    "given by position": lambda of: of.Pair(1),
    "by position where it may be": lambda of: (of.Place("a", 2), of.Place("b").made),
    "what is not an argument": lambda of: [getattr(of.Place("a"), name) for name in ("made", "later", "listed")],
    "what is not asked for": lambda of: of.Place("a", made="x"),
    "inherited": lambda of: (of.Longer(one=1, three=3), of.Longer(one=1, three=3) == of.Longer(one=1, three=3)),
    "a field of the heir is missing": lambda of: of.Longer(one=1),
    "without fields": lambda of: (of.Nothing(), of.Nothing() == of.Nothing(), len({of.Nothing(), of.Nothing()})),
    "equal": lambda of: [
        of.Pair(one=1) == of.Pair(one=one, shown=shown) for one in (1, 2) for shown in ("hidden", "x")
    ],
    "what is not compared": lambda of: of.Pair(one=1, compared=[1]) == of.Pair(one=1),
    "not equal to another class": lambda of: (of.Pair(one=1) == of.Longer(one=1, three=3), of.Pair(one=1) == (1, 2)),
    "no number equals itself that is none": lambda of: of.Place(float("nan")) == of.Place(float("nan")),
    "an answer of the other is asked for": lambda of: of.Pair(one=1).__eq__(1),
    "equal by identity": lambda of: of.Own(1.0) == of.Own(1.0),
    "its own repr": lambda of: of.Own(1.0),
    "hashed": lambda of: len({of.Pair(one=1), of.Pair(one=1, compared=[1]), of.Pair(one=2), of.Pair(one=1, shown="x")}),
    "hashed by what cannot be": lambda of: hash(of.Pair(one=[])),
    "changeable, so not hashed": lambda of: hash(of.Place("a")),
    "hashed by identity": lambda of: len({of.Own(1.0), of.Own(1.0)}),
    "set": lambda of: setattr(of.Pair(one=1), "one", 2),
    "set by an heir": lambda of: setattr(of.Longer(one=1, three=3), "three", 2),
    "deleted": lambda of: delattr(of.Pair(one=1), "one"),
    "changed where it may be": lambda of: _changed(of.Place("a"), "row", 3),
    "unknown where others may be changed": lambda of: setattr(of.Place("a"), "four", 4),
    "replaced": lambda of: dataclasses.replace(of.Pair(one=1, compared=[1]), two=5),
    "replaced by what is none": lambda of: dataclasses.replace(of.Pair(one=1), four=4),
    "as a dict": lambda of: dataclasses.asdict(of.Longer(one=1, three=3)),
    "its fields": lambda of: [
        (part.name, part.default, part.repr, part.kw_only) for part in dataclasses.fields(of.Place)
    ],
    "copied": lambda of: (copy.copy(of.Pair(one=[1])), copy.deepcopy(of.Longer(one=1, three=3, compared=[2]))),
    "within itself": lambda of: _changed(own := of.Place("a"), "name", own),
    "matched": lambda of: (of.Place.__match_args__, of.Pair.__match_args__, of.Place.__slots__, of.Pair.__slots__),
    "described": lambda of: of.Pair.__doc__,
}


@pytest.mark.parametrize("deed", _DEEDS.values(), ids=_DEEDS)
def test_it_does_as_one_of_the_standard_library(deed: Callable[[Any], object]) -> None:
    assert _seen(deed, _OURS) == _seen(deed, _THEIRS)


def test_what_is_no_field_is_not_set_either() -> None:
    # The standard library's own raises TypeError, from a super() of the class without slots (until Python 3.12).
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'four'"):
        _OURS["Pair"](one=1).four = 4


def test_it_is_pickled() -> None:
    given = _OURS["Longer"](one=1, three=3, compared=[4])
    read = pickle.loads(pickle.dumps(given))
    assert (read, read.compared) == (given, [4])


def test_its_init_is_compiled_once_and_then_the_standard_librarys() -> None:
    made = _classes(records.dataclass)["Pair"]
    first = vars(made)["__init__"]
    made(one=1)
    compiled = vars(made)["__init__"]
    made(one=2)
    assert vars(made)["__init__"] is compiled
    assert compiled is not first
    assert compiled.__code__.co_varnames[1:] == ("one", "two", "shown", "compared")


def test_a_default_that_all_objects_would_share_is_refused() -> None:
    with pytest.raises(ValueError, match="mutable default <class 'list'> for field shared is not allowed"):

        @records.dataclass(slots=True)
        class Shared:
            shared: list[int] = []  # noqa: RUF012
