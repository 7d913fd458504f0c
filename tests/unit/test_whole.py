"""A short answer is one write. What precedes its head, and long answers, are neither held back nor copied."""

import asyncio
from typing import cast

from kronos.api.whole import Whole


class Written:
    """A transport that records what is written to it."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def close(self) -> None:
        self.is_closed = True


def whole(*, is_begun: bool = False) -> tuple[Whole, Written]:
    written = Written()
    return Whole(cast(asyncio.Transport, written), is_begun=is_begun), written


def test_head_and_body_are_one_write_and_later_pieces_their_own() -> None:
    answer, written = whole()
    for piece in (b"head", b"body", b"more"):
        answer.write(piece)
    assert written.writes == [b"headbody", b"more"]


def test_that_the_body_is_expected_is_written_at_once() -> None:
    answer, written = whole()
    answer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert written.writes == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    answer.write(b"head")
    answer.write(b"body")
    assert written.writes[1:] == [b"headbody"]


def test_a_head_without_a_body_is_written_at_the_end_or_when_it_is_closed() -> None:
    ended, written = whole()
    ended.write(b"head")
    ended.flush()
    ended.flush()
    closed, written_too = whole()
    closed.write(b"head")
    closed.close()
    assert written.writes == written_too.writes == [b"head"]
    assert (written.is_closed, written_too.is_closed) == (False, True)


def test_a_long_body_is_not_copied() -> None:
    answer, written = whole()
    answer.write(b"head")
    answer.write(b"b" * 100_000)
    assert [len(each) for each in written.writes] == [4, 100_000]


def test_what_follows_a_head_that_was_written_before_is_no_head() -> None:
    answer, written = whole(is_begun=True)
    answer.write(b"piece")
    assert written.writes == [b"piece"]
