"""Which inputs are validated against which version of a payload spec, and what a changed spec does to live jobs. The
database's answers are the test's; that its statements check them again is tested in tests/api.
"""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from kronos import errors, payload_specs, payloads
from kronos.kept import Cache
from kronos.model import Json
from kronos.payload_specs import MOST_LOOKS, MOST_VIOLATIONS, Bound, InputCount, Schema, SpecOf
from scripted_view import View
from spec_views import counted, live

_INTEGER: Json = {"properties": {"n": {"type": "integer"}}}
_TEXT: Json = {"properties": {"n": {"type": "string"}}}
_SPEC, _OTHER = UUID(int=1), UUID(int=2)


def spec(version: int = 1, *, content: Json = _INTEGER, document: UUID = _SPEC) -> SpecOf:
    return SpecOf(document_id=document, version=version, name="report", content=content)


@pytest.fixture(autouse=True)
def _nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload_specs, "_compiled", Cache(budget=10**9, each=10**9))
    monkeypatch.setattr(payload_specs, "_named", Cache(budget=10**9, each=10**9))


async def validated(view: Any, input: Any, endpoint: str = "sink") -> str | None:
    return await payload_specs.validated(view, endpoint, input)


async def test_an_endpoint_that_is_not_known_to_name_a_spec_costs_no_query() -> None:
    view: Any = View(find_spec_of=[None])
    assert await validated(view, {"n": "x"}) is None
    assert await payload_specs.look(view, "sink", {"n": "x"}) is None
    assert await validated(view, {"n": "x"}) is None
    assert view.names == ["find_spec_of"]


async def test_what_was_read_once_validates_the_next_inputs_without_a_query() -> None:
    view: Any = View(find_spec_of=[spec()])
    assert await payload_specs.look(view, "sink", {"n": 1}) == f"{_SPEC}:1"
    assert await validated(view, {"n": 2}) == f"{_SPEC}:1"
    assert (await validated(view, {"n": 2}, "other"), view.asked) == (None, [("find_spec_of", {"endpoint": "sink"})])
    other: Any = View("other-workspace", find_spec_of=[None])
    assert await validated(other, {"n": "x"}) is None, "an endpoint of the same name is another workspace's"


@pytest.mark.parametrize(
    ("now", "result"),
    [(spec(2, content=_TEXT), f"{_SPEC}:2"), (spec(1, content=_TEXT, document=_OTHER), f"{_OTHER}:1"), (None, None)],
)
async def test_an_input_that_the_known_version_rejects_is_judged_by_the_current_one(
    now: SpecOf | None, result: str | None
) -> None:
    view: Any = View(find_spec_of=[spec(), now])
    await payload_specs.look(view, "sink", {})
    assert await validated(view, {"n": "text"}) == result
    assert view.names == ["find_spec_of"] * 2


async def test_an_input_that_the_current_version_rejects_is_told_where_and_by_which_spec() -> None:
    view: Any = View(find_spec_of=[spec()])
    for look in (payload_specs.look, payload_specs.validated):
        with pytest.raises(errors.Unprocessable) as refused:
            await look(view, "sink", {"n": "text"}, pointer="/input")
        (fault,) = refused.value.faults
        assert (fault.pointer, fault.detail) == ("/input/n", 'the value is not of type "integer"')
        assert refused.value.detail == ("input /input/n: the value is not of type \"integer\" (payload spec 'report')")
    with pytest.raises(errors.Unprocessable) as elsewhere:
        await payload_specs.look(view, "sink", {"n": "text"}, pointer="/jobs/3/input")
    assert elsewhere.value.faults[0].pointer == "/jobs/3/input/n"


@pytest.mark.parametrize(
    ("current", "known", "is_other"),
    [
        (None, None, False),
        (None, f"{_SPEC}:1", False),
        (spec(), None, True),
        (spec(), f"{_SPEC}:1", False),
        (spec(2), f"{_SPEC}:1", True),
        (spec(1, document=_OTHER), f"{_SPEC}:1", True),
    ],
)
async def test_an_endpoint_names_another_spec_if_nothing_was_validated_against_its_current_version(
    current: SpecOf | None, known: str | None, is_other: bool
) -> None:
    view: Any = View(find_spec_of=[current])
    assert await payload_specs.is_other(view, "sink", known) is is_other


class Made:
    """Creates a job once the input was validated against one of these."""

    def __init__(self, *accepted: str | None) -> None:
        self._accepted = accepted
        self.tried: list[str | None] = []

    async def __call__(self, against: str | None) -> str:
        self.tried.append(against)
        if against not in self._accepted:
            raise errors.Unvalidated("no")
        return "made"


@pytest.mark.parametrize(
    ("accepted", "tried"),
    [
        ((None,), [None]),
        ((f"{_SPEC}:1",), [None, f"{_SPEC}:1"]),
        ((f"{_SPEC}:3",), [None, f"{_SPEC}:1", f"{_SPEC}:2", f"{_SPEC}:3"]),
    ],
)
async def test_a_job_is_made_with_the_version_that_its_endpoint_names_when_it_is_written(
    accepted: tuple[str | None, ...], tried: list[str | None]
) -> None:
    view: Any = View(find_spec_of=[spec(1), spec(2), spec(3)])
    make = Made(*accepted)
    assert await payload_specs.made_validated(view, "sink", {"n": 1}, make) == "made"
    assert make.tried == tried


async def test_an_endpoint_whose_spec_changes_all_the_time_is_given_up() -> None:
    view: Any = View(find_spec_of=[spec(version) for version in range(1, 99)])
    make = Made("never")
    with pytest.raises(errors.Unvalidated):
        await payload_specs.made_validated(view, "sink", {}, make)
    assert len(make.tried) == MOST_LOOKS + 1


@pytest.mark.parametrize(("is_known", "tried"), [(False, [None]), (True, [])])
async def test_an_input_that_is_rejected_is_not_tried_again(is_known: bool, tried: list[str | None]) -> None:
    view: Any = View(find_spec_of=[spec()])
    if is_known:
        await payload_specs.look(view, "sink", {})
    make = Made("never")
    with pytest.raises(errors.Unprocessable):
        await payload_specs.made_validated(view, "sink", {"n": "x"}, make)
    assert make.tried == tried


_BOUND = Bound(endpoint_id=UUID(int=7), document_id=_SPEC, version=1, name="report")


async def test_each_of_many_inputs_has_its_own_error() -> None:
    view: Any = View(get_schema=[Schema(content=_INTEGER)])
    found, effort = await payload_specs.of_many(view, _BOUND, [{"n": 1}, {"n": "x"}, {}, {"n": None}], before=100)
    assert [each and each.detail for each in found] == [
        None,
        'field /input/n: the value is not of type "integer"',
        None,
        'field /input/n: the value is not of type "integer"',
    ]
    assert effort == 100 + 2 * sum(map(len, ('{"n":1}', '{"n":"x"}', "{}", '{"n":null}')))
    await payload_specs.of_many(view, _BOUND, [{}])
    assert view.names == ["get_schema"], "a version never changes"
    assert view.asked[0][1] == {"document_id": _SPEC, "version": 1}


async def test_a_spec_that_was_deleted_meanwhile_rejects_nothing() -> None:
    view: Any = View(get_schema=[None])
    assert await payload_specs.of_many(view, _BOUND, [{"n": "x"}, {}], before=5) == ([None, None], 5)


async def test_the_inputs_of_one_call_have_a_limit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    view: Any = View(get_schema=[Schema(content=_INTEGER)])
    monkeypatch.setattr(payload_specs, "_MOST_EFFORT_OF_MANY", 40)
    found, effort = await payload_specs.of_many(view, _BOUND, [{"n": 1}, {"n": 2}, {"n": 3}, {"n": "x"}], before=0)
    assert found[:2] == [None, None], "28 of 40"
    assert effort == 14 * 3 + 18
    assert len(found) == 4
    for error in found[2:]:
        assert error is not None
        (fault,) = error.faults
        assert fault.detail == "the inputs of this call are too many, or too large, to be validated together"
        assert fault.hint == "Send fewer inputs at a time, or make the payload spec 'report' simpler."
    exactly, _ = await payload_specs.of_many(view, _BOUND, [{"n": 1}], before=26)
    assert exactly == [None]
    more, _ = await payload_specs.of_many(view, _BOUND, [{"n": 1}], before=27)
    assert more != [None], "what other inputs of the call have used counts"


class Turns:
    """Counts how often others get a turn of the event loop."""

    async def __aenter__(self) -> "Turns":
        self.count = 0
        self._task = asyncio.create_task(self._run())
        await asyncio.sleep(0)
        self.count = 0
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        while True:
            self.count += 1
            await asyncio.sleep(0)


@pytest.mark.parametrize(("at_a_time", "turns"), [(10**6, 0), (139, 1), (140, 0), (30, 3), (1, 10)])
async def test_other_requests_get_a_turn_while_many_inputs_are_validated(
    monkeypatch: pytest.MonkeyPatch, at_a_time: int, turns: int
) -> None:
    """Ten inputs of 14 each, besides 500 that were used before."""
    monkeypatch.setattr(payload_specs, "_EFFORT_AT_A_TIME", at_a_time)
    view: Any = View(get_schema=[Schema(content=_INTEGER)])
    async with Turns() as others:
        await payload_specs.of_many(view, _BOUND, [{"n": 1}] * 10, before=500)
        assert others.count == turns


async def test_other_requests_get_a_turn_while_live_jobs_are_checked() -> None:
    view = counted(*(live(number, '{"n":1}') for number in range(450)))
    async with Turns() as others:
        await payload_specs.judge(view, payloads.compiled(_INTEGER), endpoint="sink")
        assert others.count == 3, "200 jobs at a time"


async def test_as_many_and_as_large_inputs_are_checked_as_are_allowed() -> None:
    largest = InputCount(jobs=payload_specs.MOST_CHECKED, bytes=payload_specs.MOST_CHECKED_BYTES, horizon=0)
    view: Any = View(count_inputs=[[largest]], list_inputs=[[]])
    assert (await payload_specs.judge(view, payloads.compiled(_INTEGER), endpoint="sink")).is_allowed


def test_the_versions_of_several_endpoints_are_stated_together() -> None:
    other = Bound(endpoint_id=UUID(int=8), document_id=_OTHER, version=12, name="other")
    assert payload_specs.validated_each([]) == ",,"
    assert payload_specs.validated_each([_BOUND, other]) == f",{UUID(int=7)}/{_SPEC}:1,{UUID(int=8)}/{_OTHER}:12,"


async def test_a_changed_spec_is_judged_by_the_inputs_of_all_live_jobs() -> None:
    view = counted(live(1, '{"n":1}'), live(2), live(3, "{}", name=None), live(4, '{"n":[]}', name=None))
    verdict, horizon = await payload_specs.judge_first(view, payloads.compiled(_INTEGER), payload_spec="report")
    assert (verdict.is_allowed, verdict.checked, verdict.more, horizon) == (False, 4, False, 9)
    assert [(each.job_id.int, each.name, each.endpoint, each.pointer, each.detail) for each in verdict.violations] == [
        (2, "job", "sink", "/n", 'the value is not of type "integer"'),
        (4, None, "sink", "/n", 'the value is not of type "integer"'),
    ]
    which = {"payload_spec": "report", "endpoint": None}
    assert view.asked == [
        ("count_inputs", which),
        ("list_inputs", which | {"horizon": None, "limit": payload_specs.MOST_CHECKED + 1}),
    ]


@pytest.mark.parametrize(
    ("count", "shown", "more"),
    [(0, 0, False), (MOST_VIOLATIONS, MOST_VIOLATIONS, False), (MOST_VIOLATIONS + 1, MOST_VIOLATIONS, True),
     (450, MOST_VIOLATIONS, True)],
)  # fmt: skip
async def test_the_first_twenty_jobs_that_a_change_rejects_are_named(count: int, shown: int, more: bool) -> None:
    """Also if they are far behind others, which are read in portions."""
    inputs = [*(live(number, '{"n":1}') for number in range(450)), *(live(number) for number in range(count))]
    verdict = await payload_specs.judge(counted(*inputs), payloads.compiled(_INTEGER), endpoint="sink")
    assert (len(verdict.violations), verdict.more, verdict.is_allowed) == (shown, more, count == 0)
    assert verdict.checked == 450 + count
    assert [each.job_id.int for each in verdict.violations] == list(range(shown))


@pytest.mark.parametrize(
    "odd",
    ['{"n":1' + "0" * 400 + "}", '{"a":' + "[" * 300 + "]" * 300 + "}", '{"a":' + "[" * 5000 + "]" * 5000 + "}"],
    ids=["a number beyond a double", "nested too deep", "nested deeper than Python reads"],
)
async def test_an_input_that_only_sql_can_store_does_not_hide_the_others(odd: str) -> None:
    """Such a row used to make each change of the spec an internal error."""
    view = counted(live(1, odd), live(2))
    verdict = await payload_specs.judge(view, payloads.compiled(_INTEGER), endpoint="sink")
    assert 2 in [each.job_id.int for each in verdict.violations]


async def test_a_rejected_change_names_each_job_and_how_to_go_on() -> None:
    view = counted(live(1), live(2, name=None))
    verdict = await payload_specs.judge(view, payloads.compiled(_INTEGER), endpoint="sink")
    refused = payload_specs.refused(verdict, "the payload spec 'report' cannot be changed")
    assert (refused.code, refused.status) == ("jobs_violate_payload_spec", 409)
    assert refused.detail == (
        "the payload spec 'report' cannot be changed: the inputs of 2 live jobs are not valid against it; "
        "validate_only (--dry-run) lists them"
    )
    assert [(fault.pointer, fault.detail) for fault in refused.faults] == [
        ("/n", f'job job ({UUID(int=1)}, endpoint sink): the value is not of type "integer"'),
        ("/n", f'job {UUID(int=2)} ({UUID(int=2)}, endpoint sink): the value is not of type "integer"'),
    ]
    many = await payload_specs.judge(counted(*map(live, range(30))), payloads.compiled(_INTEGER), endpoint="sink")
    assert "the inputs of more than 20 live jobs" in payload_specs.refused(many, "x").detail
