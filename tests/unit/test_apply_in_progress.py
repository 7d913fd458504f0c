"""An apply in progress: what is created, changed and left over, and how faults of its resources are told together."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from kronos import errors
from kronos.apply_terms import FieldDifference, ResourceOutcome, WantedResource, WantedWorkspace
from kronos.applying import MOST_FAULTS, Applying, require_admin
from kronos.database import WorkspaceView
from kronos.errors import Fault
from kronos.managed import Kind, Managed, Name

AT = datetime(2026, 11, 20, tzinfo=UTC)
CHANGED = FieldDifference(field="/title", before="a", after="b", is_drift=False)


def outcome(kind: Kind, name: str, *, is_there: bool = False, is_changed: bool = False) -> ResourceOutcome:
    wanted = WantedResource(kind=kind, name=name, pointer=f"/{kind}s/0", fields={}, made=None)
    return ResourceOutcome(wanted, present={} if is_there else None, changes=[CHANGED] if is_changed else [])


def managed(kind: Kind, name: str, *, set_name: str = "default", is_same: bool | None = True) -> tuple[Name, Managed]:
    note = Managed(kind=kind, name=name, set_name=set_name, fields={}, applied_at=AT, is_same=is_same, is_over=False)
    return (kind, name), note


def applying(*outcomes: ResourceOutcome, of: Any = (), may_configure: bool = True) -> Applying:
    asked = WantedWorkspace(
        set_name="default", resources=[], secrets=[], prune=True, take_over=False, is_trial=False,
        may_configure=may_configure, shown_endpoint=lambda _: {},
    )  # fmt: skip
    return Applying(cast(WorkspaceView, None), asked, outcomes, dict(of))


def test_what_is_not_there_is_made_and_what_differs_is_changed() -> None:
    new, same = outcome("job", "new"), outcome("job", "same", is_there=True)
    changed, other = outcome("job", "changed", is_there=True, is_changed=True), outcome("endpoint", "other")
    begun = applying(new, same, changed, other)
    assert [each.change for each in begun.outcomes] == ["created", "unchanged", "changed", "created"]
    assert (begun.to_make("job"), begun.to_change("job"), list(begun.of("endpoint"))) == ([new], [changed], [other])
    new.is_refused = changed.is_refused = True
    assert (begun.to_make("job"), begun.to_change("job"), list(begun.of("job"))) == ([], [], [same])


def test_what_the_files_no_longer_hold_is_left_over_those_that_others_need_last() -> None:
    begun = applying(
        outcome("job", "kept", is_there=True),
        of=[
            managed("config", "prod"), managed("endpoint", "hook"), managed("job", "kept"), managed("job", "gone"),
            managed("alert_rule", "fails"), managed("job", "of another set", set_name="billing"),
            managed("job", "replaced by a person", is_same=False), managed("job", "deleted", is_same=None),
            managed("endpoint", "kept"),
        ],
    )  # fmt: skip
    assert begun.left_over() == [
        ("alert_rule", "fails"), ("job", "gone"), ("endpoint", "hook"), ("endpoint", "kept"), ("config", "prod"),
    ]  # fmt: skip


def test_a_fault_of_an_operation_is_placed_in_the_files() -> None:
    one = outcome("job", "weekly")
    begun = applying(one)
    begun.refuse(one, "is wrong", "/cron", hint="Write */5.")
    begun.refuse_for(one, errors.Conflict("the endpoint is in use"))
    begun.refuse_for(one, errors.Conflict("in use", faults=(Fault(pointer="/name", detail="taken", hint="Other."),)))
    begun.refuse_for(one, errors.Conflict("taken", faults=(Fault(pointer="/name", detail="taken"),)))
    assert one.is_refused
    assert [(fault.pointer, fault.detail, fault.hint) for fault in begun.faults] == [
        ("/jobs/0/cron", "is wrong", "Write */5."),
        ("/jobs/0", "the endpoint is in use", None),
        ("/jobs/0/name", "in use: taken", "Other."),
        ("/jobs/0/name", "taken", None),
    ]


def test_all_faults_are_told_together_and_one_kind_keeps_its_code() -> None:
    one = outcome("job", "weekly")
    begun = applying(one)
    begun.refuse_together()  # there is none
    begun.refuse_for(one, errors.Unprocessable("x", code="invalid_cron", faults=(Fault(pointer="/cron", detail="a"),)))
    with pytest.raises(errors.Unprocessable) as caught:
        begun.refuse_together()
    assert (caught.value.code, caught.value.detail) == ("invalid_cron", "nothing was applied: field /jobs/0/cron: a")
    begun = applying(one)
    for number in range(MOST_FAULTS + 1):
        begun.refuse(one, f"fault {number}", hint="h")
    begun.refuse_for(one, errors.JobNotFound("gone"))
    with pytest.raises(errors.Unprocessable) as caught:
        begun.refuse_together()
    assert (caught.value.code, len(caught.value.faults)) == ("input_validation_failed", MOST_FAULTS)
    assert caught.value.detail == f"nothing was applied: field /jobs/0: fault 0, and {MOST_FAULTS + 1} more"


def test_what_cannot_be_removed_is_a_fault_of_pruning() -> None:
    begun = applying()
    begun.refuse_removal(("endpoint", "hook"), errors.Conflict("in use", code="endpoint_in_use"), "is used", "Keep it.")
    assert begun.faults == [Fault(pointer="/prune", detail="is used", hint="Keep it.")]
    assert begun.codes == {"endpoint_in_use"}


@pytest.mark.parametrize(
    "error",
    [
        errors.DatabaseUnavailable("away"), errors.PgCronUnavailable("no"), errors.WorkspaceNotFound("gone"),
        errors.WorkspaceSuspended("acme", "SUSPENDED", "jobs"), errors.KronosError("unexpected"),
        errors.OutcomeUnknown("lost"),
    ],
)  # fmt: skip
def test_what_the_files_did_not_cause_ends_the_apply(error: errors.KronosError) -> None:
    one = outcome("job", "weekly")
    begun = applying(one)
    with pytest.raises(type(error)):
        begun.refuse_for(one, error)
    with pytest.raises(type(error)):
        begun.refuse_removal(("job", "weekly"), error, "d", "h")
    assert (one.is_refused, begun.faults, begun.codes) == (False, [], set())


def test_only_an_admin_changes_more_than_jobs_and_heartbeats() -> None:
    spec = outcome("payload_spec", "orders", is_there=True, is_changed=True)
    require_admin(applying(spec), spec)
    with pytest.raises(errors.Forbidden) as caught:
        require_admin(applying(spec, may_configure=False), spec)
    assert caught.value.detail == (
        "the payload spec 'orders' would be changed: this needs the role admin; an operator applies jobs and heartbeats"
    )
