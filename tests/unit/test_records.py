"""Classes of kronos.records are what the standard library makes of them, but for when their methods are compiled."""

import copy
import dataclasses
import inspect
import pickle
import re
from dataclasses import FrozenInstanceError, field
from typing import Any

import pytest

from conftest import ROOT
from kronos import records

_OF_THE_LIBRARY = re.compile(r"^\s*from dataclasses import .*\bdataclass\b|[@=]\s*dataclasses\.dataclass", re.MULTILINE)


@records.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Frozen, as most are."""

    number: int
    text: str = "a"
    tags: list[str] = field(default_factory=list)
    secret: str = field(default="hidden", repr=False)
    at: float = field(default=0.0, compare=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    number: int
    text: str = "a"
    tags: list[str] = field(default_factory=list)
    secret: str = field(default="hidden", repr=False)
    at: float = field(default=0.0, compare=False)


@records.dataclass(frozen=True, slots=True)
class Pair:
    left: int
    right: Any = None


@records.dataclass(slots=True)
class Counter:
    """Not frozen, with fields that no caller gives."""

    name: str
    seen: int = field(init=False, default=0)
    twice: str = field(init=False)

    def __post_init__(self) -> None:
        self.twice = self.name * 2


@records.dataclass(frozen=True, slots=True, kw_only=True)
class Longer(Row):
    more: int = 1


@records.dataclass(frozen=True, slots=True, kw_only=True)
class One:
    only: int


@records.dataclass(slots=True, eq=False)
class Itself:
    name: str


def test_an_instance_is_as_the_standard_library_makes_it() -> None:
    given: dict[str, Any] = {"number": 1, "tags": ["x"], "secret": "s"}
    ours, theirs = Row(**given), _Row(**given)
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)
    assert repr(ours) == repr(theirs).removeprefix("_")
    assert Row.__match_args__ == _Row.__match_args__
    assert Row.__slots__ == _Row.__slots__
    assert inspect.signature(Row) == inspect.signature(_Row).replace(
        parameters=[each.replace(annotation=inspect.Parameter.empty) for each in _parameters(Row)],
        return_annotation=inspect.Signature.empty,
    )
    assert Row(number=1).tags is not Row(number=1).tags


def _parameters(of: type) -> list[inspect.Parameter]:
    return list(inspect.signature(of).parameters.values())


@pytest.mark.parametrize(
    ("args", "named"),
    [((), {}), ((), {"number": 1, "other": 2}), ((1,), {}), ((1,), {"number": 1})],
    ids=["nothing", "an unknown field", "by place", "by place and name"],
)
def test_a_wrong_call_is_refused_in_the_same_words(args: tuple[Any, ...], named: dict[str, Any]) -> None:
    said = []
    for each in (Row, _Row):
        with pytest.raises(TypeError) as raised:
            each(*args, **named)
        said.append(str(raised.value).replace("_Row", "Row"))
    assert said[0] == said[1]


def test_instances_are_equal_by_class_and_by_the_fields_that_are_compared() -> None:
    assert Row(number=1, at=1.0) == Row(number=1, at=2.0)
    assert Row(number=1) != Row(number=2)
    assert Row(number=1) != Longer(number=1)
    assert Longer(number=1) == Longer(number=1)
    assert Longer(number=1) != Longer(number=1, more=2)
    others: list[object] = [1, One(only=1), Pair(1)]
    assert Row(number=1) not in others
    assert One(only=1) == One(only=1)
    assert others.index(Pair(1)) == 2
    assert Itself("a") != Itself("a")


def test_frozen_instances_have_a_hash_and_others_have_none() -> None:
    assert len({Pair(1, "a"), Pair(1, "a"), Pair(2, "a")}) == 2
    assert len({One(only=1), One(only=1)}) == 1
    with pytest.raises(TypeError, match="unhashable type: 'Counter'"):
        hash(Counter("a"))
    assert len({Itself("a"), Itself("a")}) == 2


def test_a_frozen_instance_is_not_changed() -> None:
    row: Any = Row(number=1)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'number'"):
        row.number = 2
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'number'"):
        del row.number
    with pytest.raises(FrozenInstanceError):
        row.other = 2
    counter = Counter("a")
    counter.seen += 1
    assert counter.seen == 1


def test_instances_are_copied_replaced_and_pickled() -> None:
    row = Row(number=1, tags=["x"], at=3.0)
    for made in (copy.copy(row), copy.deepcopy(row), pickle.loads(pickle.dumps(row)), dataclasses.replace(row)):
        assert dataclasses.asdict(made) == dataclasses.asdict(row)
    assert dataclasses.replace(row, number=2) == Row(number=2, tags=["x"])
    assert copy.deepcopy(row).tags is not row.tags


def test_fields_that_no_caller_gives_have_their_default_or_are_set_afterwards() -> None:
    counter = Counter("ab")
    assert (counter.seen, counter.twice) == (0, "abab")
    assert repr(counter) == "Counter(name='ab', seen=0, twice='abab')"
    with pytest.raises(TypeError, match="takes 2 positional arguments"):
        Counter("a", 1)  # type: ignore[call-arg]


def test_a_method_that_the_class_has_is_kept() -> None:
    @records.dataclass(frozen=True, slots=True)
    class Told:
        name: str

        def __repr__(self) -> str:
            return f"<{self.name}>"

    assert repr(Told("a")) == "<a>"


def test_init_is_compiled_for_the_first_instance_and_not_again() -> None:
    @records.dataclass(frozen=True, slots=True)
    class Seldom:
        name: str

    before = Seldom.__init__
    assert Seldom("a").name == "a"
    compiled = Seldom.__init__
    assert compiled is not before
    Seldom("b")
    assert Seldom.__init__ is compiled
    assert before.__qualname__ == compiled.__qualname__
    before(again := Seldom("c"), "d")  # another thread may still hold the first one
    assert again.name == "d"


def test_all_of_kronos_takes_dataclass_from_here() -> None:
    """The client is a distribution of its own."""
    folder = ROOT / "kronos"
    others = [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if _OF_THE_LIBRARY.search(path.read_text(encoding="utf-8")) and path.relative_to(folder).parts[0] != "client"
    ]
    assert others == ["records.py"]
