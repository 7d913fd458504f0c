"""The rotation's order of turns, without a database."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import inf
from types import SimpleNamespace

import pytest

from kronos.worker import rotation
from kronos.worker.claims import EVERYTHING, Claim, Closed, DueEndpoint
from kronos.worker.rotation import SETTLED, Rotation
from kronos.worker.shares import Shares

_NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)


@pytest.fixture
def turn() -> Rotation:
    return Rotation(Shares(100))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The rotation's monotonic clock: a list that holds the time."""
    now = [1000.0]
    monkeypatch.setattr(rotation, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def claim(endpoint_id: str, workspace_id: str = "w", due_at: datetime = _NOON, priority: int | None = None) -> Claim:
    made = Claim(endpoint_id, workspace_id, endpoint_id, endpoint_id, 1, 1, 5, due_at, 1, True, "{}", due_at)
    return made._replace(priority=priority)


def asked(turn: Rotation, free: int) -> list[str]:
    return [one.endpoint_id for one in turn.next(free)]


def take(turn: Rotation, endpoint_id: str, workspace_id: str) -> None:
    """A claim learns the endpoint's workspace, and that the endpoint has no more."""
    turn.offer_first([endpoint_id])
    turn.claimed(turn.next(100), [claim(endpoint_id, workspace_id)])
    assert not turn


def close(turn: Rotation, *closed: tuple[str, float | None], taken: Sequence[str] = ()) -> None:
    """Limits close these endpoints of w; the claim took one from each of `taken`."""
    turn.offer({endpoint_id: "w" for endpoint_id, _ in closed})
    limits = [Closed(endpoint_id, "w", opens_in_ms) for endpoint_id, opens_in_ms in closed]
    turn.claimed(turn.next(100), [claim(endpoint_id) for endpoint_id in taken], limits)
    assert not turn


def test_a_look_leaves_those_that_are_in_it_their_turn(turn: Rotation) -> None:
    turn.offer({"a": "w", "b": "w"})
    assert asked(turn, 1) == ["a"]
    turn.offer({"a": "w", "b": "w"})
    assert asked(turn, 1) == ["b"]


def test_what_is_free_is_shared_out_to_the_last(turn: Rotation) -> None:
    turn.offer({"a": "w", "b": "w", "c": "w"})
    assert [one.quota for one in turn.next(9)] == [3, 3, 2], "an eleventh of the slots is kept for others"


def test_who_is_told_of_comes_first_and_in_its_workspace_as_well(turn: Rotation) -> None:
    turn.offer({"c": "x", "a": "w", "b": "w"})
    turn.offer_first(["b"])
    assert asked(turn, 2) == ["b", "c"], "one of each workspace: b still belongs to w"


def test_what_gave_less_is_asked_again_once_a_run_ends_until_a_look_finds_nothing_there(turn: Rotation) -> None:
    turn.offer({"a": "w"})
    turn.claimed(turn.next(4), [])
    assert not turn
    turn.offer_again({"a": "w"})
    assert asked(turn, 1) == ["a"]
    turn.failed(turn.next(4))
    turn.offer({})
    turn.offer_again({"a": "w"})
    assert not turn


def test_a_claim_without_an_answer_is_one_that_gave_nothing(turn: Rotation) -> None:
    turn.offer({"a": "w"})
    turn.failed(turn.next(1))
    assert not turn
    turn.offer_again({"a": "w"})
    assert asked(turn, 1) == ["a"]


def test_whose_a_told_endpoint_is_is_known_from_its_claim_on(turn: Rotation) -> None:
    turn.offer_first(["a"])
    turn.claimed(turn.next(1), [claim("a")])
    turn.offer({"b": "w", "c": "x"})
    assert sorted(asked(turn, 2)) == ["a", "c"], "a and b are of one workspace, and share its room"


def test_of_endpoints_those_are_remembered_that_were_claimed_of_last(
    turn: Rotation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "_MOST_KNOWN", 2)
    for endpoint_id, workspace_id in [("a", "w"), ("b", "w"), ("a", "w"), ("c", "x")]:
        take(turn, endpoint_id, workspace_id)
    turn.offer({"d": "w"})
    turn.offer_first(["a"])
    assert asked(turn, 1) == ["a"], "the one turn that w has"
    turn.claimed(turn.next(100), [])
    turn.offer({"d": "w"})
    turn.offer_first(["b"])
    assert sorted(asked(turn, 1)) == ["b", "d"], "b was forgotten, and has a turn in addition to w's"


def test_who_waits_for_a_token_is_asked_at_its_time_and_not_before(turn: Rotation, clock: list[float]) -> None:
    close(turn, ("a", 3000.0), ("b", 1500.0))
    assert turn.opens_at == 1001.5
    clock[0] = 1001.25
    turn.offer_again({"a": "w", "b": "w"})
    turn.offer_first(["a", "b"])
    turn.offer({"a": "w", "b": "w"})
    turn.open_due()
    assert not turn
    clock[0] = 1001.5
    turn.open_due()
    assert (asked(turn, 1), turn.opens_at) == (["b"], 1003)
    clock[0] = 1004
    turn.open_due()
    assert (sorted(asked(turn, 3)), turn.opens_at) == (["a", "b"], inf)


def test_who_is_full_is_asked_once_a_run_of_its_workspace_ends_or_after_a_second(
    turn: Rotation, clock: list[float]
) -> None:
    close(turn, ("a", None))
    assert turn.opens_at == 1001
    turn.offer_again({"z": "x"})
    assert not turn
    turn.offer_again({"z": "w"})
    assert (asked(turn, 1), turn.opens_at) == (["a"], inf)


def test_who_gave_all_that_was_asked_for_and_is_full_now_has_no_turn(turn: Rotation) -> None:
    turn.offer({"a": "w"})
    turn.claimed(turn.next(1), [claim("a")], [Closed("a", "w", None)])
    assert not turn


def test_of_those_that_open_together_who_gave_nothing_comes_first(turn: Rotation) -> None:
    close(turn, ("a", None), ("b", 10.0), ("c", None), taken=["a"])
    turn.open_all()
    assert asked(turn, 4) == ["b", "c", "a"]


def test_nothing_is_closed_for_longer_than_a_minute(turn: Rotation, clock: list[float]) -> None:
    close(turn, ("a", 61_000.0))
    assert turn.opens_at == 1060


def test_a_full_look_says_from_where_on_the_indexes_of_old_work_are_read(turn: Rotation) -> None:
    settled = SETTLED / timedelta(milliseconds=1)
    found = [
        DueEndpoint("old", -settled - 1, _NOON, "w"),
        DueEndpoint("new", -settled, _NOON, "w"),
        DueEndpoint("very old", -settled - 1, datetime(1970, 1, 1, tzinfo=UTC), "w"),
    ]
    turn.look_fully(found)
    assert turn.floors == {"old": _NOON - _SECOND, "very old": EVERYTHING}
    turn.offer({"old": "w", "new": "w"})
    assert {(one.endpoint_id, one.floor, one.rank) for one in turn.next(3)} == {
        ("old", _NOON - _SECOND, _NOON - _SECOND + 10 * _MINUTE),
        ("new", EVERYTHING, EVERYTHING),
    }
    turn.look_fully([])
    assert turn.floors == {}


@pytest.mark.parametrize(
    ("claims", "floor", "rank"),
    [
        ([(0, None), (60, None), (30, None)], 60, 60),
        ([(0, 2), (60, 3)], 60, -120),
        ([(0, -2), (60, None)], 60, 120),
        ([(-60, None)], 0, 0),  # an earlier claim was newer
        ([(-60, -2)], -60, 60),  # but not in its rank
    ],
)
def test_a_claim_moves_the_floor_to_the_newest_that_it_took(
    turn: Rotation, claims: list[tuple[int, int | None]], floor: int, rank: int
) -> None:
    turn.offer({"a": "w"})
    turn.claimed(turn.next(1), [claim("a")])
    turn.claimed(turn.next(1), [claim("a", "w", _NOON + due * _SECOND, priority) for due, priority in claims])
    (wanted,) = turn.next(1)
    assert wanted.floor == _NOON + (floor - 1) * _SECOND
    assert wanted.rank == _NOON + (rank - 1) * _SECOND
    assert turn.floors == {"a": min(wanted.floor, wanted.rank)}


def test_what_was_due_before_there_were_dates_moves_no_floor(turn: Rotation) -> None:
    turn.offer({"a": "w"})
    turn.claimed(turn.next(1), [claim("a", "w", datetime(1970, 1, 1, tzinfo=UTC))])
    assert turn.floors == {"a": EVERYTHING}


def test_a_look_reads_those_from_their_floors_that_were_claimed_of_last(
    turn: Rotation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "_FLOORS_OF_A_LOOK", 2)
    for endpoint_id in ["a", "b", "c", "a"]:
        take(turn, endpoint_id, "w")
    assert turn.floors.keys() == {"a", "c"}
