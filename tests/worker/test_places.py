"""A success is ended at the place of its row that its claim returned. A row that has moved is still ended, by its key,
and no other row is."""

from uuid import UUID

import psycopg
import pytest

from factory import EndpointRow, add_endpoint, add_executions, status_of
from kronos.worker import claims, results
from kronos.worker.claims import MARGIN, Claim, Wanted
from kronos.worker.link import Link
from kronos.worker.results import Result
from sql_factory import value
from worker.protocol import EVERYTHING, as_worker, claim, finalize_params, places, run

_ENDS = {"unlimited": None, "limited": 5}


async def _claimed(link: Link, endpoint: EndpointRow, token: str) -> list[Claim]:
    wanted = Wanted(str(endpoint.endpoint_id), 10, EVERYTHING)
    got, _ = await claims.claim(link, [wanted], token=token, worker_id="w", shortest_lease=MARGIN)
    return got


def _success(claim: Claim, token: str) -> Result:
    return Result(
        claim.execution_id, token, "SUCCESS", False, 0, 1, "{}", "{}", None, holds_slot=claim.holds_slot,
        place=claim.place,
    )  # fmt: skip


def _place(connection: psycopg.Connection, execution_id: str) -> str | None:
    place: str | None = value(
        connection, "select ctid::text from kronos.execution_live where execution_id = %s", [execution_id]
    )
    return place


def _move(connection: psycopg.Connection, execution_id: str) -> None:
    """Any change of a row moves it."""
    connection.execute("update kronos.execution_live set crashes = crashes where execution_id = %s", [execution_id])


@pytest.mark.parametrize("limit", _ENDS.values(), ids=_ENDS)
async def test_a_claim_says_where_its_rows_are_and_their_successes_end_there(
    superuser: psycopg.Connection, database_url: str, link: Link, limit: int | None
) -> None:
    endpoint = add_endpoint(superuser, max_in_flight=limit)
    add_executions(superuser, endpoint, 3)
    token = "00000000-0000-4000-8000-000000000001"
    got = await _claimed(link, endpoint, token)
    assert [one.place for one in got] == [_place(superuser, one.execution_id) for one in got]
    assert len({one.place for one in got}) == 3
    ids = [UUID(one.execution_id) for one in got]
    params = finalize_params(UUID(token), ids, "SUCCESS", False, MARGIN) | {"places": [one.place for one in got]}
    with as_worker(database_url) as worker:
        ends = "finalize_successes" if limit is None else "finalize_limited_successes"
        assert run(worker, ends, params) == []
    assert {status_of(superuser, one) for one in ids} == {"SUCCESS"}


@pytest.mark.parametrize("limit", _ENDS.values(), ids=_ENDS)
async def test_a_success_whose_row_was_changed_meanwhile_ends_all_the_same(
    superuser: psycopg.Connection, link: Link, limit: int | None
) -> None:
    endpoint = add_endpoint(superuser, max_in_flight=limit)
    add_executions(superuser, endpoint, 3)
    token = "00000000-0000-4000-8000-000000000002"
    got = await _claimed(link, endpoint, token)
    _move(superuser, got[1].execution_id)
    assert _place(superuser, got[1].execution_id) != got[1].place
    verdicts = await results.finalize(link, [_success(one, token) for one in got], worker_id="w")
    assert verdicts == {one.execution_id: "SUCCESS" for one in got}
    assert value(superuser, "select count(*) from kronos.execution_live") == 0
    taken = value(
        superuser, "select in_flight from kronos.endpoint_gate where endpoint_id = %s", [endpoint.endpoint_id]
    )
    assert taken == 0


def test_a_row_that_came_to_be_at_the_place_of_another_is_not_ended_for_it(
    superuser: psycopg.Connection, database_url: str
) -> None:
    endpoint = add_endpoint(superuser)
    add_executions(superuser, endpoint, 2)
    with as_worker(database_url) as worker:
        token, (first, second) = claim(worker, endpoint)
        swapped = list(reversed(places(worker, [first, second])))
        params = finalize_params(token, [first, second], "SUCCESS", False, MARGIN) | {"places": swapped}
        assert {row[0] for row in run(worker, "finalize_successes", params)} == {first, second}
    assert value(superuser, "select count(*) from kronos.execution_live where claim_token = %s", [token]) == 2


async def test_what_a_lost_answer_had_claimed_is_found_with_its_place(
    superuser: psycopg.Connection, link: Link
) -> None:
    endpoint = add_endpoint(superuser)
    add_executions(superuser, endpoint, 2)
    token = "00000000-0000-4000-8000-000000000003"
    got = await _claimed(link, endpoint, token)
    wanted = Wanted(str(endpoint.endpoint_id), 10, EVERYTHING)
    found = await claims.recover(link, [wanted], token=token)
    assert {(one.execution_id, one.place) for one in found} == {(one.execution_id, one.place) for one in got}


async def test_a_result_without_a_place_ends_by_its_key(superuser: psycopg.Connection, link: Link) -> None:
    endpoint = add_endpoint(superuser)
    add_executions(superuser, endpoint, 2)
    token = "00000000-0000-4000-8000-000000000004"
    got = [one._replace(place=None) for one in await _claimed(link, endpoint, token)]
    verdicts = await results.finalize(link, [_success(one, token) for one in got], worker_id="w")
    assert verdicts == {one.execution_id: "SUCCESS" for one in got}
