"""The verdict on a receiver's answer does not depend on how TCP splits it, and nothing a receiver sends is kept without
a bound.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from depth import depth
from kronos.delivery import answer
from kronos.delivery.answer import MAX_BODY_BYTES, MAX_HEAD_BYTES, AnswerParser, NotHttp
from kronos.kept import Cache

_PIECES = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 204 No Content\r\n",
        b"HTTP/1.0 500 Oops\r\n",
        b"HTTP/1.1 103 Early Hints\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n",
        b"HTTP/1.1 200\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: 0\r\n",
        b"content-length: x\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"no colon\r\n",
        b"\r\n",
        b"\n",
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
        b"5;ext=1\r\nhello",
        b"hello",
        b"\x00\xff",
    ]
)


def _read(pieces: list[bytes]) -> tuple[object, ...]:
    parser = AnswerParser()
    try:
        for piece in pieces:
            parser.feed(piece)
            if parser.is_complete:
                break
        parser.end()
    except NotHttp:
        return ("not http",)
    head = parser.head
    # Whether the connection may be reused depends on whether stray bytes came with the answer or after it.
    return head and (head.status, head.headers), bytes(parser.body), parser.is_cut


@settings(max_examples=depth(100, deep=800), deadline=None)
@given(st.lists(_PIECES, min_size=1, max_size=12).map(b"".join), st.data())
def test_answer_is_the_same_however_it_is_cut(wire: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, max(len(wire) - 1, 1)), max_size=8)))
    pieces = [wire[start:end] for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    assert _read(pieces) == _read([wire]) == _read([wire[at : at + 1] for at in range(len(wire))])


@settings(max_examples=depth(100, deep=800), deadline=None)
@given(st.lists(_PIECES, min_size=1, max_size=12).map(b"".join))
def test_an_answer_whose_head_was_read_before_is_read_as_the_first_was(wire: bytes) -> None:
    answer._heads = Cache(budget=1000, each=1000)
    first, *others = [_read_whole(wire) for _ in range(3)]
    assert others == [first, first]


def _read_whole(wire: bytes) -> tuple[object, ...]:
    parser = AnswerParser()
    try:
        parser.feed(wire)
    except NotHttp as error:
        return (str(error),)
    head = parser.head
    return (
        head and (head.status, head.headers),
        bytes(parser.body),
        parser.is_complete,
        parser.is_cut,
        parser.keeps_alive,
    )


def test_a_head_that_was_read_before_is_taken_as_it_was() -> None:
    answer._heads = Cache(budget=1000, each=1000)
    wire = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    parsers = [AnswerParser() for _ in range(2)]
    for parser in parsers:
        parser.feed(wire)
    assert parsers[0].head is parsers[1].head is not None
    assert [bytes(parser.body) for parser in parsers] == [b"ok", b"ok"]


@settings(max_examples=depth(50, deep=200), deadline=None)
@given(
    st.sampled_from([b"a", b"\n", b"X: y\r\n", b"HTTP/1.1 103 E\r\n\r\n", b"1\r\nx\r\n", b"1;", b"\x00"]),
    st.booleans(),
    st.booleans(),
)
def test_whatever_comes_without_end_is_ended_within_bounds(repeated: bytes, has_status: bool, is_chunked: bool) -> None:
    parser = AnswerParser()
    begin = (b"HTTP/1.1 200 OK\r\n" if has_status else b"") + (
        b"Transfer-Encoding: chunked\r\n\r\n" if is_chunked else b""
    )
    fed = 0
    try:
        parser.feed(begin)
        while not parser.is_complete:
            parser.feed(repeated * 1000)
            fed += 1000 * len(repeated)
            assert fed < 4 * MAX_HEAD_BYTES
    except NotHttp:
        pass
    assert len(parser.body) <= MAX_BODY_BYTES
