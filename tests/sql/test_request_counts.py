"""The requests of a key's minute, and keys that were seen in a URL."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from clock import Clock
from factory import add_key, secret_of
from sql_factory import Connection, Record, records, value, values

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.fixture
def key_id(shared: Connection) -> uuid.UUID:
    public_id = add_key(shared, None, "instance_admin").split("_")[2]
    found: uuid.UUID = value(shared, "select key_id from kronos.api_keys where public_id = %s", [public_id])
    return found


def taken(connection: Connection, key_id: uuid.UUID, wanted: int, *, is_right: bool | None = True) -> Record:
    (found,) = records(connection, "select * from kronos.take_requests(%s, %s, %s)", [key_id, is_right, wanted])
    return found


def limit(connection: Connection, key_id: uuid.UUID, per_minute: int | None) -> None:
    connection.execute("update kronos.api_keys set requests_per_minute = %s where key_id = %s", [per_minute, key_id])


@pytest.mark.parametrize(
    ("per_minute", "wanted", "granted", "left_over"),
    [
        (80, 1, 1, 79),
        (80, 10, 10, 70),  # an eighth
        (80, 11, 10, 70),
        (80, 1000, 10, 70),
        (79, 1000, 9, 70),
        (8, 5, 1, 7),
        (7, 5, 1, 6),  # less than an eighth, but never none
        (1, 5, 1, 0),
        (80, 0, 0, 80),
    ],
)
def test_the_first_of_a_minute_gets_at_most_an_eighth_of_it(
    shared: Connection, key_id: uuid.UUID, per_minute: int, wanted: int, granted: int, left_over: int
) -> None:
    limit(shared, key_id, per_minute)
    found = taken(shared, key_id, wanted)
    assert (found["quota"], found["granted"], found["left_over"]) == (per_minute, granted, left_over)
    assert found["seconds"] == 60


def test_later_ones_get_an_eighth_of_what_is_left_until_nothing_is(shared: Connection, key_id: uuid.UUID) -> None:
    limit(shared, key_id, 40)
    granted = [taken(shared, key_id, 100)["granted"] for _ in range(30)]
    assert granted[:10] == [5, 4, 3, 3, 3, 2, 2, 2, 2, 1]
    assert (sum(granted), granted[-1]) == (40, 0)
    assert sorted(granted, reverse=True) == granted
    found = taken(shared, key_id, 1)
    assert (found["granted"], found["left_over"]) == (0, 0)
    limit(shared, key_id, 30)  # fewer than it had already
    found = taken(shared, key_id, 1)
    assert (found["granted"], found["left_over"]) == (0, 0)


def test_a_minute_lasts_from_its_first_request_for_sixty_seconds(shared: Connection, key_id: uuid.UUID) -> None:
    """And no longer, wherever the clock goes: a minute that begins more than a minute from now is none."""
    limit(shared, key_id, 8)
    with shared.transaction(force_rollback=True):
        clock = Clock(shared)
        for after, seconds, left_over in (
            (0, 60, 7),
            (59.5, 0.5, 6),
            (60, 60, 7),
            (60, 60, 6),
            (200, 60, 7),
            (199, 60, 6),  # it was begun by a later call that came first
            (140, 60, 5),
            (139.5, 60, 7),
        ):
            clock.stand(NOON + timedelta(seconds=after))
            found = taken(shared, key_id, 1)
            assert (found["granted"], found["left_over"], found["seconds"]) == (1, left_over, seconds), after


def test_who_does_not_have_the_secret_takes_nothing_from_who_has(shared: Connection, key_id: uuid.UUID) -> None:
    limit(shared, key_id, 8)
    for is_right in (False, None):
        found = taken(shared, key_id, 5, is_right=is_right)
        assert (found["quota"], found["granted"], found["left_over"], found["seconds"]) == (None, 0, 0, 60)
    assert values(shared, "select taken from kronos.request_rates where key_id = %s", [key_id]) == []


def test_a_key_has_its_own_limit_or_that_of_the_instance_or_none(shared: Connection, key_id: uuid.UUID) -> None:
    unknown = uuid.uuid4()
    with shared.transaction(force_rollback=True):
        shared.execute("update kronos.request_limit set per_minute = 16")
        assert [taken(shared, each, 9)["quota"] for each in (key_id, unknown)] == [16, 16]
        limit(shared, key_id, 800)
        assert [taken(shared, each, 9)["quota"] for each in (key_id, unknown)] == [800, 16]
        shared.execute("update kronos.request_limit set per_minute = null")
        assert [taken(shared, each, 9)["quota"] for each in (key_id, unknown)] == [800, None]
        limit(shared, key_id, None)
        found = taken(shared, key_id, 10**6)
        assert (found["quota"], found["granted"]) == (None, 10**6)


def test_a_server_that_takes_no_writes_counts_nothing_and_grants_what_is_wanted(
    shared: Connection, key_id: uuid.UUID
) -> None:
    limit(shared, key_id, 8)
    with shared.transaction(force_rollback=True):
        shared.execute("set transaction read only")
        for wanted, left_over in ((5, 3), (8, 0), (9, 0)):
            found = taken(shared, key_id, wanted)
            assert (found["quota"], found["granted"], found["left_over"]) == (8, wanted, left_over)


def test_a_key_that_was_seen_in_a_url_is_burnt_once_and_only_by_who_has_its_secret(shared: Connection) -> None:
    key, stranger = (add_key(shared, None, "instance_admin") for _ in range(2))
    burnt = "select burnt_at from kronos.api_keys where public_id = %s"
    public_id = key.split("_")[2]

    def seen(secret: str) -> None:
        shared.execute("select kronos.burn_api_key(%s, sha256(convert_to(%s, 'UTF8')))", [public_id, secret])

    for wrong in ("", secret_of(key)[:-1], secret_of(stranger)):
        seen(wrong)
    assert value(shared, burnt, [public_id]) is None
    seen(secret_of(key))
    first = value(shared, burnt, [public_id])
    assert first is not None
    seen(secret_of(key))
    assert value(shared, burnt, [public_id]) == first
    assert value(shared, burnt, [stranger.split("_")[2]]) is None
