"""concurrency_key: so many deliveries with one key are in progress at once, and those that wait block no others."""

import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from delivery.servers import Receiver, answer
from depth import depth
from factory import EndpointRow, add_endpoint, add_executions, add_workspace, end_leases, in_flight, status_of
from kronos.delivery import template
from moved_clock import MovedClock
from sql_factory import await_lock, buffers, value, values
from worker.crashing import six_claimers
from worker.protocol import claim, claim_params, expire, finalize, release, run
from worker.running import Worker, until

_KEY = "{{input.customer}}"


def _limit(connection: psycopg.Connection, endpoint: EndpointRow, most: int | None, key: str = _KEY) -> None:
    limits = [None] * 3 if most is None else [key, Jsonb(template.key_parts(key)), most]
    connection.execute(
        "update kronos.endpoint_gate set key_template = %s, key_parts = %s, key_max = %s where endpoint_id = %s",
        [*limits, endpoint.endpoint_id],
    )


def _add(connection: psycopg.Connection, endpoint: EndpointRow, count: int, customer: Any, **more: Any) -> list[UUID]:
    return add_executions(connection, endpoint, count, input={"customer": customer, "region": "eu"}, **more)


def _parked(connection: psycopg.Connection, endpoint: EndpointRow) -> list[UUID]:
    return values(
        connection,
        "select execution_id from kronos.execution_live where endpoint_id = %s and parked_at is not null"
        " order by parked_at",
        [endpoint.endpoint_id],
    )


def test_of_a_key_no_more_are_claimed_than_may_be_and_the_others_pass_them(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    endpoint, free = add_endpoint(superuser), add_endpoint(superuser)
    _limit(superuser, endpoint, 2)
    first = _add(superuser, endpoint, 5, "a", due_in_seconds=-60)
    second = _add(superuser, endpoint, 3, "b", due_in_seconds=-30)
    others = add_executions(superuser, free, 2)
    token, ids = claim(worker, endpoint, free)
    assert set(ids) == {*first[:2], *second[:2], *others}
    assert (_parked(superuser, endpoint), in_flight(superuser, endpoint)) == ([*first[2:], second[2]], 4)
    finalize(worker, token, [first[0]])
    assert _parked(superuser, endpoint) == [*first[3:], second[2]], "the oldest of the key is released"
    again, ids = claim(worker, endpoint)
    assert ids == [first[2]]
    finalize(worker, again, ids, "PERMANENT")
    finalize(worker, token, [first[1], *second[:2]])
    assert _parked(superuser, endpoint) == []
    assert set(claim(worker, endpoint)[1]) == {*first[3:], second[2]}


def test_whatever_ends_or_gives_back_an_execution_lets_the_next_of_its_key_go(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    endpoint = add_endpoint(superuser)
    _limit(superuser, endpoint, 1)
    waiting = _add(superuser, endpoint, 6, "a")
    token, ids = claim(worker, endpoint)
    assert ids == waiting[:1]
    finalize(worker, token, ids, "FAILED", retry=timedelta(hours=1))
    token, ids = claim(worker, endpoint)
    assert ids == waiting[1:2], "one that waits for its retry holds no slot of the key"
    release(worker, token, ids)
    token, ids = claim(worker, endpoint)
    assert ids == waiting[1:2], "an execution given back unsent is first again"
    end_leases(superuser, ids)
    assert expire(worker) == (1, 0)
    token, ids = claim(worker, endpoint)
    assert len(ids) == 1
    superuser.execute('select kronos.cancel_executions(%s, \'{"code": "by_hand"}\')', [ids])
    assert claim(worker, endpoint)[1] == [], "it is in progress until its worker reports it"
    release(worker, token, ids)
    _, ids = claim(worker, endpoint)
    assert len(ids) == 1
    assert in_flight(superuser, endpoint) == 1


def test_what_waits_for_its_key_goes_in_the_order_of_its_priority_and_age(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    """A step of priority is worth a minute of waiting here as well."""
    endpoint = add_endpoint(superuser)
    _limit(superuser, endpoint, 1)
    order = [(-10, 600), (0, 600), (10, 60), (0, 590), (3, 430), (-10, 30)]  # priority, due this many seconds ago
    made = {}
    for priority, age in order:
        (made[priority, age],) = _add(superuser, endpoint, 1, "a", due_in_seconds=-age)
        superuser.execute(
            "update kronos.execution_live set priority = nullif(%s, 0) where execution_id = %s",
            [priority, made[priority, age]],
        )
    token, ids = claim(worker, endpoint)
    assert len(_parked(superuser, endpoint)) == 5
    seen = []
    while ids:
        seen += [each for each, execution_id in made.items() if ids == [execution_id]]
        finalize(worker, token, ids)
        token, ids = claim(worker, endpoint)
    assert seen == sorted(order, key=lambda each: -each[1] - 60 * each[0])


def test_a_run_that_is_replaced_gives_its_place_to_the_next(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    endpoint = add_endpoint(superuser)
    _limit(superuser, endpoint, 1)
    waiting = _add(superuser, endpoint, 2, "a")
    key = uuid.uuid4()
    superuser.execute(
        "update kronos.execution_live set overlap_key = %s, overlap_nth = 1 where execution_id = %s", [key, waiting[0]]
    )
    assert claim(worker, endpoint)[1] == waiting[:1]
    superuser.execute("select kronos.replace_runs(%s, 'infinity')", [key])
    assert claim(worker, endpoint)[1] == waiting[1:]


def test_what_waits_for_its_key_expires_is_cancelled_and_is_shown_as_queued(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    endpoint = add_endpoint(superuser)
    _limit(superuser, endpoint, 1)
    running, late, unwanted, last = _add(superuser, endpoint, 4, "a")
    superuser.execute(
        "update kronos.execution_live set deadline_at = kronos.now() + interval '1 hour' where execution_id = %s",
        [late],
    )
    token, ids = claim(worker, endpoint)
    assert (ids, _parked(superuser, endpoint)) == ([running], [late, unwanted, last])
    assert superuser.execute(
        "select status, status_reason ->> 'code', status_reason ->> 'concurrency_key', run_at <= now()"
        " from kronos.active_executions where execution_id = %s",
        [last],
    ).fetchall() == [("QUEUED", "key_full", "a", True)]
    superuser.execute(
        "update kronos.execution_live set deadline_at = kronos.now() - interval '1 s' where execution_id = %s", [late]
    )
    expire(worker)
    assert status_of(superuser, late) == "EXPIRED"
    superuser.execute('select kronos.cancel_executions(%s, \'{"code": "by_hand"}\')', [[unwanted]])
    assert status_of(superuser, unwanted) == "CANCELLED"
    finalize(worker, token, ids)
    assert claim(worker, endpoint)[1] == [last]


def test_what_a_limit_held_back_goes_when_the_limit_is_raised_changed_or_taken_away(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    """Waiting executions follow the current template; those in progress count under the key of their claim."""
    endpoint = add_endpoint(superuser)
    _limit(superuser, endpoint, 1)
    _add(superuser, endpoint, 8, "a")
    _add(superuser, endpoint, 2, "b")
    MovedClock(superuser).stop()  # a call has 50 ms to release them
    assert (len(claim(worker, endpoint)[1]), len(_parked(superuser, endpoint))) == (2, 8)
    _limit(superuser, endpoint, 3)
    expire(worker)
    assert (len(claim(worker, endpoint)[1]), len(_parked(superuser, endpoint))) == (3, 5)
    _limit(superuser, endpoint, 2, "{{input.region}}")
    expire(worker)
    assert _parked(superuser, endpoint) == []
    assert (len(claim(worker, endpoint)[1]), len(_parked(superuser, endpoint))) == (2, 3)
    claimed = values(superuser, "select concurrency_key from kronos.execution_live where claim_token is not null")
    assert Counter(claimed) == {"a": 3, "b": 2, "eu": 2}
    _limit(superuser, endpoint, None)
    expire(worker)
    token, ids = claim(worker, endpoint)
    assert (len(ids), in_flight(superuser, endpoint)) == (3, 7)
    finalize(worker, token, ids)
    assert value(superuser, "select count(*) from kronos.execution_done where status = 'SUCCESS'") == 3


def test_thousands_that_wait_for_their_key_are_not_read_by_the_claim_of_another(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    endpoint = add_endpoint(superuser)
    _limit(superuser, endpoint, 2)
    _add(superuser, endpoint, 3_000, "full", due_in_seconds=-60, has_jobs=False)
    claims = 0
    while len(_parked(superuser, endpoint)) < 2_998:
        claim(worker, endpoint, quota=5)
        claims += 1
    assert claims <= 4, "each claim parks a thousand of them"
    superuser.execute("vacuum (analyze) kronos.execution_live")
    for nth in range(20):
        _add(superuser, endpoint, 1, f"free{nth}")
    claim(worker, endpoint, quota=2)
    explained = run(
        worker, "claim_executions", claim_params([endpoint], 5), "explain (analyze, buffers, timing off, format json) "
    )
    plan = explained[0][0][0]["Plan"]
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 400
    assert _running(superuser, endpoint).total() == 9
    let_go = f"select kronos.release_parked('{endpoint.endpoint_id}', 'full')"
    assert value(superuser, let_go) == 0, "including the planning of its statements"
    superuser.execute("update kronos.endpoint_gate set key_max = 3 where endpoint_id = %s", [endpoint.endpoint_id])
    assert buffers(superuser, let_go) < 150
    assert len(_parked(superuser, endpoint)) == 2_997


def _running(connection: psycopg.Connection, endpoint: EndpointRow) -> Counter[str]:
    return Counter(
        values(
            connection,
            "select concurrency_key from kronos.execution_live where endpoint_id = %s and claim_token is not null",
            [endpoint.endpoint_id],
        )
    )


def test_the_sweep_goes_round_all_keys_and_costs_nothing_where_none_is_full(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    endpoint = add_endpoint(superuser)
    _limit(superuser, endpoint, 1)
    for nth in range(70):
        _add(superuser, endpoint, 2, f"k{nth:02}", due_in_seconds=nth - 200)
    assert len(claim(worker, endpoint, quota=200)[1]) == 70
    superuser.execute("update kronos.endpoint_gate set key_max = 2 where endpoint_id = %s", [endpoint.endpoint_id])
    released: list[int] = []
    while _parked(superuser, endpoint):
        released.append(value(superuser, "select kronos.release_all_parked(false)"))
    assert (sum(released), max(released) <= 32) == (70, True)
    assert len(claim(worker, endpoint, quota=200)[1]) == 70


def test_keys_are_exact_over_claimers_that_crash(superuser: psycopg.Connection, database_url: str) -> None:
    """Six claimers of two endpoints, one with other limits too, finish their claims, with success or failure, give them
    back, or disappear. The limit of a key is never exceeded, and everything is delivered without the sweep."""
    workspace_id, each = add_workspace(superuser), depth(14, deep=40)
    endpoints = [
        add_endpoint(superuser, workspace_id, max_attempts=100, max_crashes=100),
        add_endpoint(superuser, workspace_id, max_attempts=100, max_crashes=100, max_in_flight=4),
    ]
    for endpoint in endpoints:
        _limit(superuser, endpoint, 2)
        for customer in ("a", "b", 7):
            _add(superuser, endpoint, each, customer)
    peaks: Counter[str] = Counter()

    def watch() -> None:
        nonlocal peaks
        for endpoint in endpoints:
            peaks |= _running(superuser, endpoint)

    six_claimers(database_url, endpoints, lose=_lose, watch=watch)
    assert set(peaks) == {"a", "b", "7"}
    assert max(peaks.values()) == 2
    assert value(superuser, "select count(*) from kronos.execution_done where status = 'SUCCESS'") == 6 * each
    assert [in_flight(superuser, one) for one in endpoints] == [0, 0]


def _lose(_: psycopg.Connection, undertaker: psycopg.Connection, execution_id: UUID) -> None:
    end_leases(undertaker, [execution_id])
    undertaker.execute("select kronos.expire_leases(1000, '-infinity')")


def test_what_came_while_a_claim_was_under_way_holds_no_slot_until_it_is_claimed(
    superuser: psycopg.Connection, worker: psycopg.Connection, other: psycopg.Connection
) -> None:
    """take_keyed has a newer snapshot than the claim that calls it. A slot for an execution that only it saw was never
    given back."""
    endpoint = add_endpoint(superuser, max_in_flight=3)
    _limit(superuser, endpoint, 2)
    (first,) = _add(superuser, endpoint, 1, "a")
    other.execute("lock table kronos.workspace_gate in access exclusive mode")  # the claim has begun, open_gates waits
    with ThreadPoolExecutor(1) as thread:
        claiming = thread.submit(claim, worker, endpoint)
        await_lock(superuser, worker)
        (second,) = _add(superuser, endpoint, 1, "b", due_in_seconds=-60)
        other.rollback()
        token, ids = claiming.result()
    assert (ids, in_flight(superuser, endpoint)) == ([first], 1)
    finalize(worker, token, ids)
    assert claim(worker, endpoint)[1] == [second]
    assert in_flight(superuser, endpoint) == 1


def test_what_is_changed_while_a_claim_is_under_way_is_left_to_the_next_under_the_key_that_it_has_then(
    superuser: psycopg.Connection, worker: psycopg.Connection, other: psycopg.Connection
) -> None:
    """Its row is no longer where the claim has seen it, and it holds no slot."""
    endpoint = add_endpoint(superuser, max_in_flight=3)
    _limit(superuser, endpoint, 1)
    (first,), (second,) = _add(superuser, endpoint, 1, "a"), _add(superuser, endpoint, 1, "b")
    other.execute("lock table kronos.workspace_gate in access exclusive mode")  # as above
    with ThreadPoolExecutor(1) as thread:
        claiming = thread.submit(claim, worker, endpoint)
        await_lock(superuser, worker)
        changed = """update kronos.execution_live set input = '{"customer": "c"}' where execution_id = %s"""
        superuser.execute(changed, [second])
        other.rollback()
        token, ids = claiming.result()
    assert (ids, in_flight(superuser, endpoint)) == ([first], 1)
    assert claim(worker, endpoint)[1] == [second]
    assert _running(superuser, endpoint) == {"a": 1, "c": 1}
    finalize(worker, token, ids)
    assert in_flight(superuser, endpoint) == 1


async def test_a_worker_delivers_all_of_a_key_one_at_a_time_without_waiting_for_its_poll(
    superuser: psycopg.Connection, start: Callable[..., Worker]
) -> None:
    async with Receiver(answer(), keep=True) as receiver:
        endpoint = add_endpoint(superuser, url=receiver.url)
        _limit(superuser, endpoint, 1)
        for customer in ("a", "b", None):
            _add(superuser, endpoint, 15, customer)
        await start(poll_seconds=60).started()
        await until(lambda: value(superuser, "select count(*) from kronos.execution_live") == 0, "all of them")


def test_what_is_under_way_under_other_keys_is_not_read(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    """A hundred keys, with 300 in progress: each row is read twice, and of those in progress only its own key's."""
    endpoint = add_endpoint(superuser)
    _limit(superuser, endpoint, 2)
    ids = add_executions(superuser, endpoint, 400)
    superuser.execute(
        "update kronos.execution_live as live set input = jsonb_build_object('customer', nth) "
        "from unnest(%s::uuid[]) with ordinality as one (execution_id, nth) "
        "where live.execution_id = one.execution_id",
        [ids],
    )
    superuser.execute("vacuum (analyze) kronos.execution_live")
    assert len(claim(worker, endpoint, quota=300)[1]) == 300
    picked = f"select cardinality(places) from kronos.take_keyed('{endpoint.endpoint_id}', 100)"
    assert value(superuser, picked) == 100, "including the planning of its statements"
    assert buffers(superuser, picked) < 850
    assert _running(superuser, endpoint).total() == 300


def test_claims_of_the_release_before_have_the_same_by_ids(superuser: psycopg.Connection) -> None:
    endpoint = add_endpoint(superuser)
    _limit(superuser, endpoint, 2)
    busy, free = _add(superuser, endpoint, 3, "a", due_in_seconds=-9), _add(superuser, endpoint, 1, "b")
    picked = superuser.execute(
        "select execution_id, endpoint_id, key, picked.visible_at = live.visible_at from kronos.pick_keyed(%s, 9) "
        "as picked join kronos.execution_live as live using (execution_id, endpoint_id) order by key, execution_id",
        [endpoint.endpoint_id],
    ).fetchall()
    wanted = [*((each, "a") for each in sorted(busy[:2])), (free[0], "b")]
    assert picked == [(each, endpoint.endpoint_id, key, True) for each, key in wanted]
    assert _parked(superuser, endpoint) == busy[2:]


@pytest.mark.parametrize(
    ("template_text", "input", "key"),
    [
        ("a-{{input.customer}}", {"customer": "b"}, "a-b"),
        ("{{input.customer | default: 'none'}}-b", {}, "none-b"),
        ("a-{{input.customer}}-b", {"customer": [1]}, "a-[1]-b"),
        ("{{input.customer}}", {"customer": "a"}, "a"),
        ("{{input.customer}}", {"customer": 7}, "7"),
        ("{{input.customer}}", {"customer": None}, ""),
        ("{{input.customer}}", [], ""),
        ("{{input.items.1.id}}-{{ input.x | default: 5 }}", {"items": [{}, {"id": "é"}]}, "é-5"),
        ("{{input.customer}}", {"customer": "x" * 256}, "x" * 256),
        (
            "{{input.customer}}",
            {"customer": "x" * 257},
            "sha256:",
        ),
    ],
)
def test_a_key_is_the_text_that_its_template_comes_to(
    superuser: psycopg.Connection, worker: psycopg.Connection, template_text: str, input: Any, key: str
) -> None:
    found = value(
        superuser,
        "select kronos.concurrency_key(%s, %s)",
        [Jsonb(template.key_parts(template_text)), Jsonb(input)],
    )
    endpoint = add_endpoint(superuser)
    _limit(superuser, endpoint, 2, template_text)
    add_executions(superuser, endpoint, 1, input=input)
    claim(worker, endpoint)
    assert list(_running(superuser, endpoint)) == [found], "a claim builds short keys itself"
    if key.startswith("sha256:"):
        assert (found[:7], len(found)) == ("sha256:", 71)
    else:
        assert found == key
