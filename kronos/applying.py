"""An apply under way: what is asked, what has become of it so far, and all that is wrong with it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from kronos import errors
from kronos.apply_terms import ResourceOutcome, WantedWorkspace
from kronos.database import WorkspaceView
from kronos.errors import Fault
from kronos.managed import KINDS, Kind, Managed, Name
from kronos.model import JsonObject

MOST_FAULTS = 50
LOCK_TIMEOUT: Final = "55P03"
"""Others hold what a statement needs, and did so for as long as it waits."""
OPERATORS_KINDS: Final[frozenset[Kind]] = frozenset(("job", "heartbeat"))
"""What an operator may make; all else is an admin's."""


@dataclass(slots=True)
class Applying:
    """One apply, in its transaction."""

    view: WorkspaceView
    asked: WantedWorkspace
    outcomes: Sequence[ResourceOutcome]
    managed: dict[Name, Managed]
    faults: list[Fault] = field(default_factory=list)
    codes: set[str] = field(default_factory=set)
    """Of what was refused."""
    unfinished_configs: dict[str, JsonObject] = field(default_factory=dict)
    """Configs that have still to lose values, once no template names these any more: their values in the end."""
    foreseeing: float = 0.0
    """Seconds that were spent on what becomes of the runs of jobs that change."""

    def of(self, kind: Kind) -> Iterator[ResourceOutcome]:
        """Those of a kind that nothing has been refused of."""
        return (each for each in self.outcomes if each.wanted.kind == kind and not each.is_refused)

    def to_make(self, kind: Kind) -> list[ResourceOutcome]:
        """Those that are not there yet."""
        return [each for each in self.of(kind) if each.present is None]

    def to_change(self, kind: Kind) -> list[ResourceOutcome]:
        """Those that are there and otherwise than the files have them."""
        return [each for each in self.of(kind) if each.present is not None and each.changes]

    def left_over(self) -> list[Name]:
        """What is the set's and not in the files any more, the last kind first; what is gone, or a person's by now, is
        not the set's."""
        wanted = {each.wanted.key for each in self.outcomes}
        return [
            key
            for kind in reversed(KINDS)
            for key, note in self.managed.items()
            if key[0] == kind and note.set_name == self.asked.set_name and note.is_same and key not in wanted
        ]

    def refuse(self, outcome: ResourceOutcome, detail: str, pointer: str = "", *, hint: str) -> None:
        """That one thing is wrong with a resource."""
        self.refuse_for(outcome, errors.Unprocessable.of(Fault(pointer=pointer, detail=detail, hint=hint)))

    def refuse_for(self, outcome: ResourceOutcome, error: errors.KronosError) -> None:
        """What an operation said of a resource: its pointers lead into the files. Raises what is no fault of theirs."""
        _raise_others(error)
        outcome.is_refused = True
        at = outcome.wanted.pointer
        faults = error.faults or (Fault(pointer="", detail=error.detail),)
        self.faults += [
            Fault(pointer=at + each.pointer, detail=_detail(error, each), hint=each.hint) for each in faults
        ]
        self.codes.add(error.code)

    def refuse_removal(self, key: Name, error: errors.KronosError, detail: str, hint: str) -> None:
        """That a resource which is not in the files cannot be removed."""
        _raise_others(error)
        self.faults.append(Fault(pointer="/prune", detail=detail, hint=hint))
        self.codes.add(error.code)

    def refuse_together(self) -> None:
        """Raises Unprocessable where anything was refused."""
        if self.faults:
            code = self.codes.pop() if len(self.codes) == 1 else errors.Unprocessable.code
            summary = f"nothing was applied: {errors.summary('field', tuple(self.faults))}"
            raise errors.Unprocessable(summary, code=code, faults=tuple(self.faults[:MOST_FAULTS]))


def require_admin(applying: Applying, outcome: ResourceOutcome) -> None:
    """Raises Forbidden where the caller may not change what is an admin's."""
    if not applying.asked.may_configure:
        raise errors.Forbidden(
            f"the {outcome.wanted.kind.replace('_', ' ')} {outcome.wanted.name!r} would be {outcome.change}: this "
            "needs the role admin; an operator applies jobs and heartbeats"
        )


def _detail(error: errors.KronosError, fault: Fault) -> str:
    """Of an operation that says more than its faults do, both."""
    if isinstance(error, errors.Unprocessable) or error.detail == fault.detail:
        return fault.detail
    return f"{error.detail}: {fault.detail}"


def _raise_others(error: errors.KronosError) -> None:
    """Raises what would be so whatever the files said."""
    if isinstance(error, errors.Unavailable | errors.WorkspaceNotFound | errors.WorkspaceSuspended):
        raise error
    if error.status >= 500:
        raise error
