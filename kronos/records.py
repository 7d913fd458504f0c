"""`dataclass` as in the standard library, but nothing is compiled for a class before it is used.

The original writes and compiles up to six functions for each class. That was almost a third of an API's start
(decision 189). Here, a class's `__init__` is compiled when its first object is made, and the other methods are
functions of this file, which need no compiling."""

import dataclasses
import reprlib
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # mypy knows this decorator, and checks its classes

    from _typeshed import DataclassInstance
else:

    def dataclass(*, slots: bool, frozen: bool = False, kw_only: bool = False, eq: bool = True) -> Callable:
        """Make a class a data class, as the decorator of the same name of the standard library does."""

        def made(cls: type) -> type:
            cls.__doc__ = cls.__doc__ or cls.__name__  # otherwise, a signature is computed and becomes the docstring
            bare = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(cls)
            return _completed(bare, frozen=frozen, eq=eq)

        return made


def _completed(cls: "type[DataclassInstance]", *, frozen: bool, eq: bool) -> "type[DataclassInstance]":
    methods: dict[str, object] = {"__init__": _first_init(cls, frozen=frozen), "__repr__": _shown}
    if eq:
        methods["__eq__"], hashed = _comparing(cls)
        methods["__hash__"] = hashed if frozen else None
    if frozen:
        methods |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
        methods |= {"__getstate__": _state, "__setstate__": _restore}
    for name, method in methods.items():
        if name not in vars(cls):
            setattr(cls, name, method)
    return cls


def _first_init(cls: "type[DataclassInstance]", *, frozen: bool) -> Callable[..., None]:
    """Return an `__init__` which puts the one of the standard library into its place when it is first called."""

    def __init__(self: object, *given: object, **named: object) -> None:
        init = _compiled_init(cls, frozen=frozen)
        type.__setattr__(cls, "__init__", init)
        init(self, *given, **named)

    return __init__


def _compiled_init(cls: "type[DataclassInstance]", *, frozen: bool) -> Callable[..., None]:
    fields = [(field.name, field.type, field) for field in dataclasses.fields(cls)]
    own = {name: getattr(cls, name) for name in ("__doc__", "__post_init__") if hasattr(cls, name)}
    slots = "__slots__" in vars(cls)  # then it sets the default of a field that is no argument, too
    twin = dataclasses.make_dataclass(
        cls.__name__, fields, namespace=own, repr=False, eq=False, frozen=frozen, slots=slots
    )
    init: Callable[..., None] = vars(twin)["__init__"]
    return init


def _comparing(cls: "type[DataclassInstance]") -> tuple[Callable[..., bool], Callable[..., int]]:
    # With the class, it is a tuple even if there is one field, or none.
    compared = attrgetter("__class__", "__class__", *(field.name for field in dataclasses.fields(cls) if field.compare))

    def __eq__(self: object, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return bool(compared(self) == compared(other))

    def __hash__(self: object) -> int:
        return hash(compared(self))

    return __eq__, __hash__


@reprlib.recursive_repr()
def _shown(self: "DataclassInstance") -> str:
    shown = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _refuse_to_set(self: object, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: "DataclassInstance") -> list[object]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _restore(self: "DataclassInstance", state: list[object]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)
