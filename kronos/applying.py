"""An apply in progress: what is requested, the outcomes so far, and every fault found."""

from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Final

from kronos import errors
from kronos.apply_terms import ResourceOutcome, WantedWorkspace
from kronos.database import WorkspaceView
from kronos.errors import Fault
from kronos.managed import KINDS, Kind, Managed, Name
from kronos.model import JsonObject
from kronos.records import dataclass

MOST_FAULTS = 50
LOCK_TIMEOUT: Final = "55P03"
"""SQLSTATE: a statement waited for a lock for as long as it may."""
OPERATORS_KINDS: Final[frozenset[Kind]] = frozenset(("job", "heartbeat"))
"""Kinds that an operator may create and change; all others need an admin."""


@dataclass(slots=True)
class Applying:
    """One apply, in its transaction."""

    view: WorkspaceView
    asked: WantedWorkspace
    outcomes: Sequence[ResourceOutcome]
    managed: dict[Name, Managed]
    faults: list[Fault] = field(default_factory=list)
    codes: set[str] = field(default_factory=set)
    """The codes of the faults."""
    unfinished_configs: dict[str, JsonObject] = field(default_factory=dict)
    """Configs that still have values to lose once no template names them any more: their final values."""
    foreseeing: float = 0.0
    """Seconds spent on computing how the runs of changed jobs change."""

    def of(self, kind: Kind) -> Iterator[ResourceOutcome]:
        """Return the resources of a kind without faults."""
        return (each for each in self.outcomes if each.wanted.kind == kind and not each.is_refused)

    def to_make(self, kind: Kind) -> list[ResourceOutcome]:
        """Return those that do not exist yet."""
        return [each for each in self.of(kind) if each.present is None]

    def to_change(self, kind: Kind) -> list[ResourceOutcome]:
        """Return those that exist and differ from the files."""
        return [each for each in self.of(kind) if each.present is not None and each.changes]

    def left_over(self) -> list[Name]:
        """Return the set's resources that are no longer in the files, last kind first. Resources that are gone, or that
        a person has replaced, do not belong to the set."""
        wanted = {each.wanted.key for each in self.outcomes}
        return [
            key
            for kind in reversed(KINDS)
            for key, note in self.managed.items()
            if key[0] == kind and note.set_name == self.asked.set_name and note.is_same and key not in wanted
        ]

    def refuse(self, outcome: ResourceOutcome, detail: str, pointer: str = "", *, hint: str) -> None:
        """Record a fault of a resource."""
        self.refuse_for(outcome, errors.Unprocessable.of(Fault(pointer=pointer, detail=detail, hint=hint)))

    def refuse_for(self, outcome: ResourceOutcome, error: errors.KronosError) -> None:
        """Record an operation's error about a resource, with pointers into the files. Raises errors that the files did
        not cause."""
        _raise_others(error)
        outcome.is_refused = True
        at = outcome.wanted.pointer
        faults = error.faults or (Fault(pointer="", detail=error.detail),)
        self.faults += [
            Fault(pointer=at + each.pointer, detail=_detail(error, each), hint=each.hint) for each in faults
        ]
        self.codes.add(error.code)

    def refuse_removal(self, key: Name, error: errors.KronosError, detail: str, hint: str) -> None:
        """Record that a resource that is not in the files cannot be removed."""
        _raise_others(error)
        self.faults.append(Fault(pointer="/prune", detail=detail, hint=hint))
        self.codes.add(error.code)

    def refuse_together(self) -> None:
        """Raises Unprocessable if there are any faults."""
        if self.faults:
            code = self.codes.pop() if len(self.codes) == 1 else errors.Unprocessable.code
            summary = f"nothing was applied: {errors.summary('field', tuple(self.faults))}"
            raise errors.Unprocessable(summary, code=code, faults=tuple(self.faults[:MOST_FAULTS]))


def require_admin(applying: Applying, outcome: ResourceOutcome) -> None:
    """Raises Forbidden if the change needs an admin and the caller is not one."""
    if not applying.asked.may_configure:
        raise errors.Forbidden(
            f"the {outcome.wanted.kind.replace('_', ' ')} {outcome.wanted.name!r} would be {outcome.change}: this "
            "needs the role admin; an operator applies jobs and heartbeats"
        )


def _detail(error: errors.KronosError, fault: Fault) -> str:
    """Return the fault's text, preceded by the error's text if that says more."""
    if isinstance(error, errors.Unprocessable) or error.detail == fault.detail:
        return fault.detail
    return f"{error.detail}: {fault.detail}"


def _raise_others(error: errors.KronosError) -> None:
    """Raise errors that would occur whatever the files contain."""
    if isinstance(error, errors.Unavailable | errors.WorkspaceNotFound | errors.WorkspaceSuspended):
        raise error
    if error.status >= 500:
        raise error
