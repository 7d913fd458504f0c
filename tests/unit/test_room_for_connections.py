"""Who is let in when an API process has no room: a connection with a request in progress stays, one that only waits
yields, and those of one address cannot take all the room.
"""

import asyncio
from collections.abc import Callable

from kronos import config
from kronos.api.doors import MAX_UNREAD_BYTES, Doors, Limits


class Guest:
    """A connection, which remembers what was done to it."""

    def __init__(self, address: str = "192.0.2.1", unread_bytes: int = 0) -> None:
        self.address = address
        self.unread_bytes = unread_bytes
        self.looks: list[float] = []
        self.is_cut = False
        self.at_look: Callable[[], None] = lambda: None

    def look(self, now: float) -> None:
        self.looks.append(now)
        self.at_look()

    def cut(self) -> None:
        self.is_cut = True


def limits(*, connections: int = 3, of_address: int = 0, seconds: float = 40.0) -> Limits:
    return Limits(
        url_bytes=8192, header_bytes=32_768, headers=100, head_seconds=seconds, idle_seconds=seconds,
        write_seconds=seconds, connections=connections, connections_per_address=of_address,
    )  # fmt: skip


def entered(doors: Doors, *guests: Guest) -> list[str | None]:
    return [doors.enter(guest) for guest in guests]


async def test_the_connection_that_has_waited_longest_yields_to_a_newcomer() -> None:
    doors, guests = Doors(limits()), [Guest() for _ in range(3)]
    assert entered(doors, *guests) == [None, None, None]
    doors.waits(guests[0])  # it was of use last
    new = Guest()
    assert doors.enter(new) is None
    assert ([guest.is_cut for guest in guests], len(doors)) == ([False, True, False], 3)
    assert doors.enter(Guest()) is None
    assert [guest.is_cut for guest in guests] == [False, True, True]


async def test_a_connection_with_a_request_in_progress_does_not_yield() -> None:
    doors, guests = Doors(limits()), [Guest() for _ in range(3)]
    entered(doors, *guests)
    for guest in guests:
        doors.serves(guest)
    refused = Guest()
    assert doors.enter(refused) == "all 3 connections of this process have requests in progress"
    doors.leave(refused)
    assert not any(guest.is_cut for guest in guests)
    doors.waits(guests[1])
    assert doors.enter(Guest()) is None
    assert [guest.is_cut for guest in guests] == [False, True, False]


async def test_one_address_has_a_share_and_its_own_connections_yield() -> None:
    doors = Doors(limits(connections=10, of_address=2))
    other, first, second = Guest("192.0.2.9"), Guest(), Guest()
    entered(doors, other, first, second)
    third = Guest()
    assert doors.enter(third) is None
    assert (other.is_cut, first.is_cut, second.is_cut) == (False, True, False)
    doors.serves(second)
    doors.serves(third)
    assert doors.enter(Guest()) == "2 requests from this address are in progress"
    assert doors.enter(Guest("192.0.2.8")) is None
    assert not any(guest.is_cut for guest in (other, second, third))


async def test_without_a_share_one_address_may_have_all() -> None:
    doors, guests = Doors(limits(connections=9)), [Guest() for _ in range(9)]
    assert (entered(doors, *guests), any(guest.is_cut for guest in guests)) == ([None] * 9, False)


async def test_who_leaves_makes_room_for_its_address() -> None:
    doors, guests = Doors(limits(of_address=2)), [Guest(), Guest()]
    entered(doors, *guests)
    for guest in guests:
        doors.serves(guest)
    doors.leave(guests[0])
    doors.leave(guests[0])  # twice is once
    assert (doors.enter(Guest()), len(doors)) == (None, 2)
    doors.leave(Guest("192.0.2.77"))  # was never there
    assert len(doors) == 2


async def test_a_refused_connection_is_counted_until_it_leaves() -> None:
    """It is still open, until its caller has seen why."""
    doors, guest, refused = Doors(limits(connections=1)), Guest(), Guest()
    doors.enter(guest)
    doors.serves(guest)
    assert doors.enter(refused)
    assert len(doors) == 2
    doors.leave(refused)
    assert len(doors) == 1


async def test_of_the_callers_who_do_not_read_the_longest_waiting_is_cut() -> None:
    half = MAX_UNREAD_BYTES // 2
    doors = Doors(limits())
    first, second, third = Guest(unread_bytes=half), Guest(unread_bytes=half), Guest(unread_bytes=1)
    for guest in (first, second):
        doors.is_unread(guest)
    assert (first.is_cut, second.is_cut) == (False, False), "together they are at the limit"
    doors.is_unread(third)
    assert (first.is_cut, second.is_cut, third.is_cut) == (True, False, False)


async def test_who_has_caught_up_or_left_is_not_cut_and_the_only_one_never() -> None:
    doors = Doors(limits())
    read, gone, alone = (Guest(unread_bytes=MAX_UNREAD_BYTES) for _ in range(3))
    doors.is_unread(read)
    doors.is_read(read)
    doors.is_unread(gone)
    doors.leave(gone)
    doors.is_unread(alone)
    doors.is_unread(alone)
    assert not any(guest.is_cut for guest in (read, gone, alone))


async def test_every_connection_is_looked_at_again_and_again_until_all_have_left() -> None:
    doors, guests = Doors(limits(seconds=0.02)), [Guest(), Guest()]
    seen = asyncio.Event()
    guests[1].at_look = lambda: seen.set() if len(guests[1].looks) == 3 else None
    entered(doors, *guests)
    async with asyncio.timeout(60):
        await seen.wait()
    assert len(guests[0].looks) in (2, 3)
    for guest in guests:
        doors.leave(guest)
    later = Guest()
    again = asyncio.Event()
    later.at_look = again.set
    await asyncio.sleep(0)
    doors.enter(later)
    async with asyncio.timeout(60):
        await again.wait()


def test_each_limit_comes_from_its_own_setting() -> None:
    settings = config.load(
        database_url="postgresql://", max_url_bytes=1025, max_header_bytes=4097, max_headers=17, head_seconds=1.5,
        idle_seconds=2.5, write_seconds=3.5, max_connections=11, max_connections_per_address=12,
    )  # fmt: skip
    assert Limits.of(settings) == Limits(
        url_bytes=1025, header_bytes=4097, headers=17, head_seconds=1.5, idle_seconds=2.5, write_seconds=3.5,
        connections=11, connections_per_address=12,
    )  # fmt: skip
