"""A batch of results: which statement ends which of them, what each is told, and how one that cannot be stored is
separated from the others."""

import struct
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import pytest

from kronos.worker import results
from kronos.worker.arrays import Documents
from kronos.worker.results import Judged, Left, Locked, Result
from worker.scripted import Answer, Params, execution, link, lost, result


def texts(documents: Documents) -> list[str | None]:
    """The texts of an array as PostgreSQL reads it."""
    data, found = documents.written, list[str | None]()
    if len(data) == 12:
        return []
    (count,) = struct.unpack_from("!i", data, 12)
    at = 20
    for _ in range(count):
        (length,) = struct.unpack_from("!i", data, at)
        at += 4
        found.append(None if length == -1 else data[at : at + length].decode())
        at += max(length, 0)
    assert at == len(data)
    return found


def of(params: Params, name: str) -> list[str]:
    """The elements of an array's literal."""
    return str(params[name]).strip("{}").split(",") if params[name] != "{}" else []


def judged(verdict: str) -> Callable[[Params], Answer]:
    """Every result that is asked for has this verdict."""
    return lambda params: [Judged(each, verdict) for each in of(params, "execution_ids")]


async def stored(to: Any, *given: Result) -> dict[str, str]:
    return dict(await results.finalize(to, given, worker_id="w"))


async def test_each_result_is_ended_by_the_statement_for_its_kind() -> None:
    to = link(finalize_executions=judged("RETRY"))
    found = await stored(
        to, result(1), result(2, holds_slot=True), result(3, status="FAILED"), result(4), result(5, status="UNKNOWN")
    )
    assert [(name, of(params, "execution_ids")) for name, params in to.asked] == [
        ("finalize_successes", [execution(1), execution(4)]),
        ("finalize_limited_successes", [execution(2)]),
        ("finalize_executions", [execution(3), execution(5)]),
    ]
    assert found == {execution(number): "SUCCESS" if number in (1, 2, 4) else "RETRY" for number in (1, 2, 3, 4, 5)}


async def test_what_is_stored_of_a_failure() -> None:
    to = link(finalize_executions=judged("FAILED"))
    first = result(1, status="TIMED_OUT", retry_ms=7, request="{}", error='{"type": "timeout"}', max_age_ms=5)
    second = result(2, status="FAILED", is_retryable=False, is_cut_off=True, slow_ms=9, is_gone=True, response='"ü"')
    await stored(to, first, second)
    ((_, params),) = to.asked
    assert {name: of(params, name) for name in params if isinstance(params[name], str)} == {
        "execution_ids": [execution(1), execution(2)],
        "claim_tokens": ["token", "token"],
        "statuses": ["TIMED_OUT", "FAILED"],
        "is_retryable": ["True", "False"],
        "retry_ms": ["7", "1000"],
        "duration_ms": ["12", "12"],
        "is_cut_off": ["False", "True"],
        "slow_ms": ["0", "9"],
        "is_gone": ["False", "True"],
        "max_age_ms": ["5", "NULL"],
    }
    assert [texts(params[name]) for name in ("requests", "responses", "errors")] == [
        ["{}", None],
        [None, '"ü"'],
        ['{"type": "timeout"}', None],
    ]


async def test_a_document_that_many_successes_share_is_sent_once() -> None:
    to = link()
    await stored(
        to,
        result(1, request="a", response="b", place="(1,2)"),
        result(2, request="a", response=None),
        result(3, request="b", response="c", duration_ms=0),
    )
    ((_, params),) = to.asked
    assert texts(params["documents"]) == ["a", "b", "c"]
    assert (of(params, "request_nths"), of(params, "response_nths")) == (["1", "1", "2"], ["2", "NULL", "3"])
    assert params["places"] == '{"(1,2)",NULL,NULL}'
    assert of(params, "duration_ms") == ["12", "12", "0"]


async def test_a_success_that_the_first_statement_left_is_ended_by_the_second_or_judged() -> None:
    """Its claim may be another's meanwhile, or it was cancelled."""
    to = link(
        finalize_successes=[[Left(execution(1)), Left(execution(2))]],
        finalize_executions=[[Judged(execution(1), "CANCELLED")]],
        judge_unapplied=[[Judged(execution(2), "FENCED")]],
    )
    assert await stored(to, result(1), result(2), result(3)) == {
        execution(1): "CANCELLED",
        execution(2): "FENCED",
        execution(3): "SUCCESS",
    }
    (judging,) = to.params("judge_unapplied")
    assert (judging["execution_ids"], judging["statuses"], judging["worker_id"]) == ([execution(2)], ["SUCCESS"], "w")


async def test_if_an_execution_is_already_in_the_history_each_success_is_looked_at_by_itself() -> None:
    to = link(
        finalize_successes=[psycopg.errors.UniqueViolation()],
        finalize_executions=[[Judged(execution(2), "SUCCESS")]],
        judge_unapplied=[[Judged(execution(1), "ALREADY")]],
    )
    assert await stored(to, result(1), result(2)) == {execution(1): "ALREADY", execution(2): "SUCCESS"}


async def test_a_success_that_was_stored_is_not_stored_again_after_a_failures_answer_was_lost() -> None:
    to = link(finalize_executions=[lost(), [Judged(execution(2), "RETRY")]])
    assert await stored(to, result(1), result(2, status="FAILED")) == {execution(1): "SUCCESS", execution(2): "RETRY"}
    assert to.names == ["finalize_successes", "finalize_executions", "finalize_executions"]
    assert to.pauses == 1


class Refusing:
    """A database that refuses each statement that has one of these results, unless it comes without documents."""

    def __init__(self, *numbers: int, even_bare: bool = False) -> None:
        self._refused, self._even_bare = {execution(number) for number in numbers}, even_bare

    def finalize(self, params: Params) -> Answer:
        ids = of(params, "execution_ids")
        is_bare = not any(texts(params["requests"]))
        if self._refused & set(ids) and (self._even_bare or not is_bare):
            return psycopg.errors.UntranslatableCharacter()
        return [Judged(each, "FAILED") for each in ids]


@pytest.mark.parametrize("numbers", [[], [1], [7], [1, 2], [3, 4, 6], [1, 2, 3, 4, 5, 6, 7]])
@pytest.mark.parametrize("even_bare", [False, True])
async def test_results_that_postgresql_refuses_are_singled_out_and_all_others_are_stored_whole(
    numbers: list[int], even_bare: bool
) -> None:
    to = link(finalize_executions=Refusing(*numbers, even_bare=even_bare).finalize)
    given = [result(number, status="FAILED", request="{}") for number in range(1, 8)]
    refused = "DROPPED" if even_bare else "FAILED"
    assert await stored(to, *given) == {
        execution(number): refused if number in numbers else "FAILED" for number in range(1, 8)
    }
    bare = {each for params in to.params("finalize_executions") for each in _without_request(params)}
    assert bare == {execution(number) for number in numbers}


def _without_request(params: Params) -> Sequence[str]:
    pairs = zip(of(params, "execution_ids"), texts(params["requests"]), strict=True)
    return [execution_id for execution_id, request in pairs if request is None]


async def test_a_success_without_its_documents_is_a_success_and_a_failure_says_why_it_has_none() -> None:
    to = link(finalize_successes=[UnicodeEncodeError("utf-8", "x", 0, 1, "surrogate")])
    assert await stored(to, result(1, request="a", response="b")) == {execution(1): "SUCCESS"}
    assert [texts(params["documents"]) for params in to.params("finalize_successes")] == [["a", "b"], []]
    to = link(finalize_executions=Refusing(1).finalize)
    await stored(to, result(1, status="FAILED", request="a", response="b", error="c"))
    bare = to.params("finalize_executions")[-1]
    assert [texts(bare[name]) for name in ("requests", "responses")] == [[None], [None]]
    assert texts(bare["errors"]) == ['{"type":"internal","message":"the endpoint\'s response cannot be stored"}']


async def test_rows_that_others_hold_have_no_verdict_and_hold_up_nobody() -> None:
    to = link(
        finalize_executions=[psycopg.errors.LockNotAvailable(), [Judged(execution(2), "RETRY")]],
        list_locked=[[Locked(execution(1)), Locked(execution(3))]],
    )
    failed = [result(number, status="FAILED") for number in (1, 2)]
    assert await stored(to, *failed, result(3)) == {execution(3): "SUCCESS", execution(2): "RETRY"}
    assert to.params("list_locked") == [
        {"execution_ids": [execution(1), execution(2)], "failed_ids": [execution(1), execution(2)]}
    ]
    all_held = link(finalize_successes=[psycopg.errors.LockNotAvailable()], list_locked=[[Locked(execution(1))]])
    assert await stored(all_held, result(1)) == {}
    assert all_held.params("list_locked") == [{"execution_ids": [execution(1)], "failed_ids": []}]


async def test_a_lock_that_is_gone_when_it_is_looked_for_is_tried_again() -> None:
    to = link(finalize_successes=[psycopg.errors.LockNotAvailable(), []])
    assert await stored(to, result(1)) == {execution(1): "SUCCESS"}
    assert to.names == ["finalize_successes", "list_locked", "finalize_successes"]


async def test_locks_that_cannot_be_read_count_as_gone_after_a_pause() -> None:
    to = link(list_locked=[lost()])
    assert await results.locked(to, [result(1)]) == set()
    assert to.pauses == 1


async def test_a_verdict_that_this_release_does_not_know_is_an_error() -> None:
    with pytest.raises(ValueError, match="'MAYBE' is not a verdict"):
        await stored(link(finalize_executions=judged("MAYBE")), result(1, status="FAILED"))


async def test_claims_are_given_back_under_their_tokens_and_those_that_were_ours_are_counted() -> None:
    to = link(release_executions=[[Judged(execution(1), "RETRY")], lost()])
    assert await results.release(to, {execution(1): "a", execution(2): "b", execution(3): "a"}) == 1
    ((_, params),) = to.asked
    assert (params["execution_ids"], sorted(params["claim_tokens"])) == (
        [execution(1), execution(2), execution(3)],
        ["a", "b"],
    )
    with pytest.raises(psycopg.OperationalError):
        await results.release(to, {execution(1): "a"})
