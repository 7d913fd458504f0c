"""A call with a key is made once, however often it is repeated, and a key belongs to one request."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

import pytest

from kronos import errors, idempotency, records
from kronos.database import WorkspaceView
from kronos.idempotency import Key, Known, digest
from kronos.new_jobs import NewJob
from scripted_view import View

MADE, EARLIER = UUID(int=1), UUID(int=2)
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def keys(*answers: Known | None) -> View:
    """A view that answers each look-up of a key in turn."""
    return View(find_key=answers)


def known(*, is_same: bool = True) -> Known:
    return Known(resource_id=EARLIER, is_same_request=is_same)


async def called(view: View, key: Key | None, error: Exception | None = None) -> tuple[UUID, bool]:
    async def make() -> UUID:
        if error is not None:
            raise error
        return MADE

    async def get(resource_id: UUID) -> UUID:
        return resource_id

    return await idempotency.once(cast(WorkspaceView, view), key, make, get)


KEY = idempotency.key("trigger", "k", {"a": 1})


async def test_a_call_without_a_key_is_made_each_time() -> None:
    view = keys()
    assert (await called(view, None), view.asked) == ((MADE, True), [])
    assert idempotency.key("trigger", None, {"a": 1}) is None
    assert idempotency.params(None) == {"idempotency_key": None, "request_sha256": None}


async def test_a_new_key_is_looked_for_and_stored_with_what_is_made() -> None:
    assert KEY is not None
    view = keys(None)
    assert await called(view, KEY) == (MADE, True)
    assert view.params("find_key") == [{"operation": "trigger", **idempotency.params(KEY)}]
    assert idempotency.params(KEY) == {"idempotency_key": "k", "request_sha256": digest({"a": 1})}
    assert idempotency.hex_of(b"\x00\xff") == r"\x00ff"


async def test_a_repeated_call_returns_what_the_first_one_made() -> None:
    assert await called(keys(known()), KEY, ZeroDivisionError()) == (EARLIER, False)


@pytest.mark.parametrize("error", [errors.Conflict("taken"), errors.KeyTaken("taken"), errors.JobNotFound("gone")])
async def test_a_call_that_lost_to_the_same_one_returns_what_that_made(error: errors.KronosError) -> None:
    assert await called(keys(None, known()), KEY, error) == (EARLIER, False)
    with pytest.raises(type(error)):
        await called(keys(None, None), KEY, error)


@pytest.mark.parametrize("error", [errors.DatabaseUnavailable("away"), errors.Unprocessable("no"), ValueError()])
async def test_any_other_error_is_the_calls_own(error: Exception) -> None:
    view = keys(None)
    with pytest.raises(type(error)):
        await called(view, KEY, error)
    assert view.names == ["find_key"]


@pytest.mark.parametrize("answers", [(known(is_same=False),), (None, known(is_same=False))])
async def test_a_key_of_another_request_is_rejected(answers: tuple[Known | None, ...]) -> None:
    with pytest.raises(errors.Unprocessable) as caught:
        await called(keys(*answers), KEY, errors.Conflict("taken"))
    assert (caught.value.code, caught.value.detail) == (
        "idempotency_mismatch",
        f"the idempotency key was already used for a different request, which created trigger {EARLIER}",
    )
    (fault,) = caught.value.faults
    assert (fault.pointer, fault.hint) == ("/Idempotency-Key", "Use a new key for a new request.")
    assert idempotency.mismatch("job 1", "/idempotency_key").faults[0].pointer == "/idempotency_key"


@dataclass(frozen=True)
class Asked:
    name: str
    count: int = 1
    tags: list[str] = field(default_factory=list)
    inner: "Asked | None" = None


@dataclass(frozen=True)
class AskedLater(Asked):
    """The same, as a later release has it."""

    added: str = "x"
    more: list[str] = field(default_factory=list)


@records.dataclass(frozen=True, slots=True, kw_only=True)
class LaterJob(NewJob):
    added: str | None = None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (({"a": 1, "b": 2},), ({"b": 2, "a": 1},)),
        ((Asked("a"),), (Asked("a", count=1, tags=[]),)),
        ((Asked("a"),), (AskedLater("a"),)),
        ((Asked("a", inner=Asked("b")),), (AskedLater("a", inner=AskedLater("b")),)),
        ((NewJob(endpoint="e", trigger="IMMEDIATE"),), (NewJob(endpoint="e", trigger="IMMEDIATE", priority=0),)),
        (
            (NewJob(endpoint="e", trigger="IMMEDIATE", input={"b": 1, "a": 2}),),
            (NewJob(endpoint="e", trigger="IMMEDIATE", input={"a": 2, "b": 1}),),
        ),
        ((NewJob(endpoint="e", trigger="IMMEDIATE"),), (LaterJob(endpoint="e", trigger="IMMEDIATE"),)),
    ],
)
def test_equal_requests_have_one_digest_in_any_release(one: tuple[object, ...], other: tuple[object, ...]) -> None:
    assert digest(*one) == digest(*other)


def test_different_requests_have_different_digests() -> None:
    requests: list[tuple[object, ...]] = [
        (), (None,), ("",), ({},), ([],), ({"a": 1},), ({"a": "1"},), ({"a": True},), ({"a": 1.5},), ({"a": [1]},),
        ("a", "b"), ("ab",), ("b", "a"), (Asked("a"),), (Asked("b"),), (Asked("a", count=2),),
        (Asked("a", tags=["t"]),),
        (Asked("a", inner=Asked("a")),), (AskedLater("a", added="y"),),
        (AskedLater("a", more=["t"]),), (AT,), (AT + timedelta(microseconds=1),),
        (NewJob(endpoint="e", trigger="IMMEDIATE"),), (NewJob(endpoint="e", trigger="DELAYED", run_at=AT),),
    ]  # fmt: skip
    assert len({digest(*each) for each in requests}) == len(requests)
