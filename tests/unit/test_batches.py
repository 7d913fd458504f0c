"""Many jobs in a few statements: each fault is told at the place of its job, what exists already is returned, and what
changes meanwhile is looked at again.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import orjson
import pytest

from kronos import batches, errors, idempotency, jobs, payload_specs, schedules
from kronos.batches import _Taken
from kronos.database import WorkspaceView
from kronos.model import Job
from kronos.new_jobs import NewJob
from kronos.one_shots import OneShot
from kronos.schedules import ScheduleRead
from kronos.sql import Statement
from plain_job import AT, PLAIN

EARLIER = UUID(int=77)
READ = ScheduleRead(schedule="s", alarm="a", description="d", read_at=AT, next_tick_at=AT)


def now(**more: Any) -> NewJob:
    return NewJob(endpoint="sink", trigger="IMMEDIATE", **more)


def cron(**more: Any) -> NewJob:
    return NewJob(endpoint="sink", trigger="CRON", **{"cron": "0 9 * * 1", **more})


def there(**more: Any) -> _Taken:
    """What exists in the workspace of what a batch names."""
    plain: dict[str, Any] = {
        "workspace": "acme", "workspace_status": "ACTIVE", "endpoints": ["sink", "ops"], "specs": {}, "twins": {},
        "names": [], "called": ["load"], "quotas": None,
    }  # fmt: skip
    return _Taken(**{**plain, **more})


class View:
    """A workspace in which each look finds the next of these, and each write ends as the next of these errors says."""

    workspace, caller, creator = "acme", "ada", None

    def __init__(
        self, *looks: _Taken | None, fails: Sequence[errors.KronosError] = (), known: Sequence[Job] = ()
    ) -> None:
        self._looks = list(looks) or [there()]
        self._fails = list(fails)
        self._known = known
        self.makes_none = False
        self.writes: list[list[tuple[str, dict[str, Any]]]] = []
        self.asked: list[dict[str, Any]] = []

    async def one_or_none(self, statement: Statement[Any], params: dict[str, Any]) -> _Taken | None:
        self.asked.append(params)
        return self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]

    async def rows(self, statement: Statement[Any], params: dict[str, Any]) -> list[Job]:
        return [each for each in self._known if each.job_id in params["ids"]]

    async def write_all(self, statements: list[tuple[Statement[Any], dict[str, Any]]]) -> list[list[Any]]:
        self.writes.append([(each.name, params) for each, params in statements])
        if self._fails:
            raise self._fails.pop(0)
        return [self._made(each.name, params) for each, params in statements]

    def _made(self, name: str, params: dict[str, Any]) -> list[Any]:
        if self.makes_none or "jobs" not in params:
            return []
        records = params["jobs"].obj
        if name == "jobs.insert_bare_one_shots":
            return [
                OneShot(nth=nth, job_id=UUID(int=nth), endpoint_type="HTTP", max_attempts=5, created_at=AT, run_at=AT)
                for nth in range(1, len(records) + 1)
            ]
        return [replace(PLAIN, job_id=each["job_id"], name=each["name"]) for each in records]

    @property
    def sent(self) -> list[str]:
        """The names of all statements that were sent to write."""
        return [name for write in self.writes for name, _ in write]


@pytest.fixture(autouse=True)
def looks(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Read every schedule but `wrong`; return for each reading whether it ignored what is remembered."""
    anew_each: list[bool] = []

    async def read_all(view: object, asked: Sequence[Any], *, anew: bool) -> dict[Any, Any]:
        anew_each.append(anew)
        wrong = errors.Unprocessable.of(errors.Fault(pointer="/cron", detail="is wrong", hint="h"))
        return {each: wrong if each.text.cron == "wrong" else READ for each in asked}

    async def shown_at_all(view: object, asked: Sequence[object]) -> dict[object, datetime]:
        return dict.fromkeys(asked, AT)

    monkeypatch.setattr(schedules, "read_all", read_all)
    monkeypatch.setattr(schedules, "shown_at_all", shown_at_all)
    return anew_each


async def created(view: View, *asked: NewJob | errors.KronosError, atomic: bool = False) -> tuple[list[Any], bool]:
    return await batches.create(cast(WorkspaceView, view), asked, is_atomic=atomic)


def told(answers: Sequence[Any]) -> list[str]:
    """Of each answer its error with its first pointer, or what was made."""
    return [
        f"{each.code} {each.faults[0].pointer}" if isinstance(each, errors.KronosError) else type(each).__name__
        for each in answers
    ]


async def test_jobs_of_all_kinds_are_made_by_one_write_and_answered_in_order() -> None:
    view = View()
    named = now(name="once", tags=["t"])
    answers, existed = await created(
        view, now(input={"n": 1}), cron(name="weekly"), named, now(input={"n": 2}), atomic=True
    )
    assert (told(answers), existed) == (["dict", "Job", "Job", "dict"], False)
    assert [orjson.dumps(answer["input"]) for answer in (answers[0], answers[3])] == [b'{"n":1}', b'{"n":2}']
    assert [answers[1].name, answers[2].name] == ["weekly", "once"]
    assert [answers[0]["job_id"].int, answers[3]["job_id"].int] == [1, 2]
    assert view.sent == [
        jobs.INSERT_CRON.name, jobs.INSERT_ONE_SHOT_JOBS.name, "jobs.insert_bare_one_shots", "jobs.match_batch",
    ]  # fmt: skip
    assert len(view.writes) == 1


async def test_one_look_asks_for_all_that_the_jobs_name() -> None:
    view = View()
    job = cron(name="weekly", idempotency_key="k", on_success={"job": "load"}, on_failure={"endpoint": "ops"})
    await created(view, job, now())
    (asked,) = view.asked
    assert {name: sorted(each) for name, each in asked.items()} == {
        "endpoints": ["ops", "sink"], "called": ["load"], "keys": ["k"], "names": ["weekly"],
    }  # fmt: skip


WRONG: list[tuple[NewJob, str]] = [
    (now(), "dict"),
    (NewJob(endpoint="nowhere", trigger="IMMEDIATE"), "endpoint_not_found /jobs/1/endpoint"),
    (cron(name="taken"), "conflict /jobs/2/name"),
    (cron(cron="wrong"), "input_validation_failed /jobs/3/cron"),
    (now(on_success={"job": "nobody"}), "input_validation_failed /jobs/4/on_success/job"),
    (now(on_failure={"endpoint": "nowhere"}), "input_validation_failed /jobs/5/on_failure/endpoint"),
    (
        NewJob(endpoint="sink", trigger="DELAYED", run_at=datetime(2000, 1, 1, tzinfo=UTC)),
        "input_validation_failed /jobs/6/run_at",
    ),
    (cron(name="twice"), "Job"),
    (cron(name="twice"), "conflict /jobs/8/name"),
    (now(on_success={"job": "load"}, on_failure={"endpoint": "ops"}), "Job"),
]  # fmt: skip


async def test_each_for_itself_is_made_or_told_why_not_in_its_place() -> None:
    answers, existed = await created(View(there(names=["taken"])), *(job for job, _ in WRONG))
    assert (told(answers), existed) == ([said for _, said in WRONG], False)


async def test_all_or_none_tells_every_fault_and_writes_nothing() -> None:
    view = View(there(names=["taken"]))
    with pytest.raises(errors.Unprocessable) as caught:
        await created(view, *(job for job, _ in WRONG), atomic=True)
    places = [said.split(" ")[1] for _, said in WRONG if " " in said]
    assert [fault.pointer for fault in caught.value.faults] == places
    assert caught.value.detail.startswith("no job was created: field /jobs/1/endpoint: ")
    assert view.writes == []
    with pytest.raises(errors.EndpointNotFound):
        await created(View(), NewJob(endpoint="nowhere", trigger="IMMEDIATE"), now(), atomic=True)


async def test_what_was_wrong_in_the_request_keeps_its_place() -> None:
    wrong = errors.Unprocessable.of(errors.Fault(pointer="/trigger", detail="is required", hint="h"))
    view = View()
    answers, existed = await created(view, wrong, now(), wrong)
    assert told(answers) == [
        "input_validation_failed /jobs/0/trigger",
        "dict",
        "input_validation_failed /jobs/2/trigger",
    ]
    assert existed is False
    with pytest.raises(errors.Unprocessable, match="field /jobs/1/trigger"):
        await created(view, now(), wrong, atomic=True)
    assert view.asked[1:] == [], "nothing is looked for"


KEYED = now(idempotency_key="k", input={"a": 1})


def twin(of: NewJob = KEYED, job_id: UUID = EARLIER) -> dict[str, Any]:
    return {"k": {"job_id": str(job_id), "request_sha256": idempotency.digest(of).hex()}}


async def test_a_key_that_is_known_returns_the_job_that_it_made() -> None:
    made = replace(PLAIN, job_id=EARLIER)
    view = View(there(twins=twin()), known=[made])
    assert await created(view, KEYED, atomic=True) == ([made], True)
    assert view.writes == []
    answers, existed = await created(view, KEYED, now())
    assert (answers[0], told(answers), existed) == (made, ["Job", "dict"], False)


async def test_a_known_key_of_another_request_or_of_a_job_that_is_gone_is_told() -> None:
    answers, _ = await created(View(there(twins=twin(now(input={"a": 2})))), KEYED)
    assert told(answers) == ["idempotency_mismatch /jobs/0/idempotency_key"]
    assert str(EARLIER) in answers[0].detail
    answers, _ = await created(View(there(twins=twin())), KEYED)
    assert (told(answers), answers[0].detail) == (
        ["conflict /jobs/0"], "the job that job 0's key created was deleted meanwhile",
    )  # fmt: skip


async def test_a_key_that_a_batch_has_twice_makes_one_job() -> None:
    view = View()
    answers, _ = await created(view, KEYED, KEYED, now(idempotency_key="k"), now(idempotency_key="other"))
    assert answers[0] is answers[1]
    assert told(answers) == ["Job", "Job", "idempotency_mismatch /jobs/2/idempotency_key", "Job"]
    assert "/jobs/0 of this batch" in answers[2].detail
    assert sum(len(params["jobs"].obj) for _, params in view.writes[0] if "jobs" in params) == 2


@pytest.mark.parametrize("status", ["SUSPENDED", "DELETED"])
async def test_a_suspended_workspace_takes_no_new_job_but_returns_known_ones(status: str) -> None:
    made = replace(PLAIN, job_id=EARLIER)
    view = View(there(workspace_status=status, twins=twin()), known=[made])
    assert await created(view, KEYED) == ([made], True)
    with pytest.raises(errors.WorkspaceSuspended, match=f"is {status}: it accepts no new jobs"):
        await created(view, KEYED, now())


async def test_a_workspace_that_is_not_there_is_not_found() -> None:
    with pytest.raises(errors.WorkspaceNotFound):
        await created(View(None), now())


@pytest.mark.parametrize(
    "error", [errors.Conflict("taken"), errors.EndpointNotFound("gone"), errors.Unprocessable("no")]
)
async def test_what_changes_meanwhile_is_looked_at_again_twice_at_most(
    looks: list[bool], error: errors.KronosError
) -> None:
    view = View(fails=[error, error])
    answers, _ = await created(view, cron(), atomic=True)
    assert (told(answers), len(view.writes), looks) == (["Job"], 3, [False, True, True])
    view = View(fails=[error] * 9)
    with pytest.raises(type(error)):
        await created(view, cron(), atomic=True)
    assert len(view.writes) == 3


async def test_a_name_that_is_taken_meanwhile_is_told_in_its_place() -> None:
    view = View(there(), there(names=["weekly"]), fails=[errors.name_taken()])
    answers, _ = await created(view, cron(name="weekly"), now())
    assert told(answers) == ["conflict /jobs/0/name", "dict"]


@pytest.mark.parametrize(
    ("error", "atomic", "writes"),
    [
        (errors.WorkspaceNotFound("gone"), False, 1),
        (errors.QuotaUsedUp("full"), True, 1),
        (errors.QuotaTooSmall("full"), True, 1),
        (errors.QuotaUsedUp("full"), False, 3),
        (errors.DatabaseUnavailable("away"), False, 1),
        (errors.PgCronUnavailable("no"), True, 1),
    ],
)
async def test_what_looking_again_cannot_mend_ends_the_call(
    error: errors.KronosError, atomic: bool, writes: int
) -> None:
    view = View(fails=[error] * 9)
    with pytest.raises(type(error)):
        await created(view, now(), atomic=atomic)
    assert len(view.writes) == writes


async def test_a_job_that_is_never_made_is_told_and_not_lost() -> None:
    view = View()
    view.makes_none = True
    answers, _ = await created(view, now(), cron())
    assert told(answers) == ["conflict /jobs/0", "conflict /jobs/1"]
    assert answers[1].detail == "objects that job 1 names keep changing at the same time: it was not created"
    assert len(view.writes) == 3


async def test_jobs_beyond_a_quota_are_told_only_where_each_is_for_itself() -> None:
    room = {
        "executions_left": 1, "executions_used": 8, "max_executions_per_day": 9, "cron_jobs": None,
        "max_cron_jobs": None, "max_input_bytes": None, "resets_at": "midnight", "retry_after_seconds": 42,
    }  # fmt: skip
    answers, _ = await created(View(there(quotas=room)), now(), now(), cron())
    assert told(answers) == ["dict", "quota_exceeded /jobs/1", "Job"]
    answers, _ = await created(View(there(quotas=room)), now(), now(), atomic=True)
    assert told(answers) == ["dict", "dict"], "PostgreSQL judges them together"


async def test_inputs_are_validated_once_against_the_specs_of_their_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = {"endpoint_id": str(UUID(int=1)), "document_id": str(UUID(int=2)), "version": 3, "name": "orders"}
    judged: list[list[Any]] = []

    async def of_many(view: object, bound: Any, inputs: list[Any], *, before: int) -> tuple[list[Any], int]:
        judged.append(inputs)
        wrong = errors.Unprocessable.of(errors.Fault(pointer="/input/a", detail="no", hint="h"))
        return [wrong if each.get("a") == "bad" else None for each in inputs], before + 1

    monkeypatch.setattr(payload_specs, "of_many", of_many)
    view = View(there(specs={"sink": spec}), fails=[errors.Conflict("meanwhile")])
    answers, _ = await created(view, now(input={"a": "bad"}), now(input={"a": 1}), cron(input={"a": 2}))
    assert told(answers) == ["input_validation_failed /jobs/0/input/a", "dict", "Job"]
    assert judged == [[{"a": "bad"}, {"a": 1}, {"a": 2}]]
    assert [write[0][0] for write in view.writes] == [payload_specs.ENTER_VALIDATED.name] * 2
    assert view.writes[0][0][1] == {"validated": f",{UUID(int=1)}/{UUID(int=2)}:3,"}
