"""`dataclass` as in the standard library, except that it writes a class's methods only when they are used.

The standard library compiles six methods for each class that it defines. For the 600 classes of `kronos serve` that was
a fifth of its start, and a process makes instances of few of them. Here __init__ is compiled for the first instance.
The other methods are the same functions for all classes.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, field
from operator import attrgetter
from reprlib import recursive_repr
from types import FunctionType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

__all__ = ["dataclass", "field"]

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:
    Class = TypeVar("Class", bound=type)

    def dataclass(
        *, frozen: bool = False, slots: bool, kw_only: bool = False, eq: bool = True
    ) -> Callable[[Class], Class]:
        """Define a dataclass, with options of `dataclasses.dataclass`."""
        define = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)
        methods = {"__repr__": _shown} | (_FROZEN if frozen else {})
        if eq:
            methods |= {"__eq__": _equals, "__hash__": _hash if frozen else None}

        def defined(given: Class) -> Class:
            own = vars(given)
            for name, method in methods.items():
                if name not in own:
                    setattr(given, name, method)
            if not given.__doc__:
                given.__doc__ = given.__name__  # otherwise the standard library writes its signature: 0.1 ms
            made = define(given)
            if "__init__" not in own:
                _write_when_called(made, is_frozen=frozen)
            return made

        return defined


def _write_when_called(of: type[Any], *, is_frozen: bool) -> None:
    """Set an __init__ that writes the actual one, puts it in its own place, and calls it."""

    def __init__(self: object, *given: object, **named: object) -> None:
        of.__init__ = written = _init(of, is_frozen=is_frozen)  # two threads may write it: both are the same
        written(self, *given, **named)

    __init__.__qualname__ = f"{of.__qualname__}.__init__"
    of.__init__ = __init__


def _init(of: type[Any], *, is_frozen: bool) -> Callable[..., None]:
    """Compile the __init__ of a class."""
    known: dict[str, Any] = {"_set": object.__setattr__, "_MISSING": MISSING}
    by_place, by_name, lines = ["self"], ["*"], ["pass"]
    for each in dataclasses.fields(of):
        parameter = value = each.name
        if each.default_factory is not MISSING:
            known[f"_make_{each.name}"] = each.default_factory
            parameter += "=_MISSING"
            value = f"_make_{each.name}() if {each.name} is _MISSING else {each.name}"
        elif each.default is not MISSING:
            known[f"_default_{each.name}"] = each.default
            parameter += f"=_default_{each.name}"
        if each.init:
            (by_name if each.kw_only else by_place).append(parameter)
        elif each.default is not MISSING:
            value = f"_default_{each.name}"
        else:
            continue  # __post_init__ sets it
        lines.append(f"_set(self, {each.name!r}, {value})" if is_frozen else f"self.{each.name} = {value}")
    if hasattr(of, "__post_init__"):
        lines.append("self.__post_init__()")
    parameters = by_place + (by_name if len(by_name) > 1 else [])
    text = "\n ".join([f"def __init__({', '.join(parameters)}):", *lines])
    exec(text, known)  # noqa: S102 - names of fields, as in the standard library
    made: FunctionType = known["__init__"]
    made.__qualname__ = f"{of.__qualname__}.__init__"
    return made


_READERS: dict[type[Any], Callable[[object], object]] = {}


def _compared(of: type[Any]) -> Callable[[object], object]:
    """Return what reads the fields that an instance is compared by. Its class comes first, so that one field is not
    taken for several."""
    if (reader := _READERS.get(of)) is None:
        names = [each.name for each in dataclasses.fields(of) if each.compare]
        reader = _READERS[of] = attrgetter("__class__", *names)
    return reader


def _equals(self: Any, other: object) -> Any:  # noqa: ANN401 - any dataclass; NotImplemented, too
    if other.__class__ is not self.__class__:
        return NotImplemented
    values = _compared(self.__class__)
    return values(self) == values(other)


def _hash(self: Any) -> int:  # noqa: ANN401 - any dataclass
    return hash(_compared(self.__class__)(self))


@recursive_repr("...")
def _shown(self: Any) -> str:  # noqa: ANN401 - any dataclass
    shown = (f"{each.name}={getattr(self, each.name)!r}" for each in dataclasses.fields(self) if each.repr)
    return f"{self.__class__.__qualname__}({', '.join(shown)})"


def _refuse_to_set(self: object, name: str, value: object) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: object, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[object]:  # noqa: ANN401 - any dataclass
    return [getattr(self, each.name) for each in dataclasses.fields(self)]


def _set_state(self: Any, state: list[object]) -> None:  # noqa: ANN401 - any dataclass
    for each, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, each.name, value)


_FROZEN: dict[str, Callable[..., object]] = {
    "__setattr__": _refuse_to_set,
    "__delattr__": _refuse_to_delete,
    "__getstate__": _state,  # without these, a copy would set attributes
    "__setstate__": _set_state,
}
