"""Where an answer ends, and whether its connection may carry another request. A wrong yes would pass one receiver's
bytes to the next delivery.
"""

import pytest

from kronos.delivery.answer import AnswerParser, NotHttp

_OK = b"HTTP/1.1 200 OK\r\n"
_FIVE = b"Content-Length: 5\r\n"
_CHUNKED = b"Transfer-Encoding: chunked\r\n"
_IN_ONE = b"5\r\nhello\r\n0\r\n\r\n"


def _read(wire: bytes, *, in_pieces: bool) -> tuple[bytes, bool, bool]:
    """Return the body, whether the connection is kept, and whether the answer was truncated."""
    parser = AnswerParser()
    for piece in [wire[at : at + 1] for at in range(len(wire))] if in_pieces else [wire]:
        if not parser.is_complete:
            parser.feed(piece)
    parser.end()
    return bytes(parser.body), parser.keeps_alive, parser.is_cut


@pytest.mark.parametrize("in_pieces", [False, True])
@pytest.mark.parametrize(
    ("wire", "body", "is_kept", "is_cut"),
    [
        (_OK + _FIVE + b"\r\nhello", b"hello", True, False),
        (_OK + _FIVE + b"Connection: close\r\n\r\nhello", b"hello", False, False),
        (_OK + _FIVE + b"Connection: x, Close\r\n\r\nhello", b"hello", False, False),
        (b"HTTP/1.0 200 OK\r\n" + _FIVE + b"\r\nhello", b"hello", False, False),
        (b"HTTP/1.0 200 OK\r\n" + _FIVE + b"Connection: keep-alive\r\n\r\nhello", b"hello", True, False),
        (_OK + _FIVE + b"\r\nhell", b"hell", False, True),
        (_OK + b"Content-Length: 0\r\n\r\n", b"", True, False),
        (_OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", b"hello", True, False),
        (_OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", b"", False, True),
        (_OK + b"Content-Length: +5\r\n\r\nhello", b"hello", False, False),
        (_OK + b"Content-Length: 1000000000000000\r\n\r\nhello", b"hello", False, False),
        (_OK + b"\r\nhello", b"hello", False, False),
        (_OK + _CHUNKED + b"\r\n" + _IN_ONE, b"hello", True, False),
        (_OK + _CHUNKED + b"\r\n5\r\nhello\r\n", b"hello", False, True),
        (_OK + _CHUNKED + b"Connection: close\r\n\r\n" + _IN_ONE, b"hello", False, False),
        (_OK + _CHUNKED + _FIVE + b"\r\n" + _IN_ONE, b"hello", False, False),
        (_OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + _IN_ONE, b"hello", False, False),
        (_OK + b"Transfer-Encoding: gzip\r\n\r\nhello", b"hello", False, False),
        (_OK + _CHUNKED + b"\r\n2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\nX-Trailer: 1\r\n\r\n", b"hello", True, False),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + _OK + _FIVE + b"\r\nhello", b"hello", True, False),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True, False),
        (b"HTTP/1.1 304 Not Modified\r\n" + _FIVE + b"\r\n", b"", True, False),
        (b"HTTP/1.1 101 Switching Protocols\r\n" + _FIVE + b"\r\n", b"", False, False),
    ],
)
def test_where_an_answer_ends_and_whether_its_connection_is_kept(
    wire: bytes, body: bytes, is_kept: bool, is_cut: bool, in_pieces: bool
) -> None:
    assert _read(wire, in_pieces=in_pieces) == (body, is_kept, is_cut)


@pytest.mark.parametrize("more", [b"!", b"HTTP/1.1 200 OK\r\n\r\n"])
@pytest.mark.parametrize("wire", [_OK + _FIVE + b"\r\nhello", _OK + _CHUNKED + b"\r\n" + _IN_ONE])
def test_bytes_that_nobody_asked_for_end_the_connection(wire: bytes, more: bytes) -> None:
    assert _read(wire, in_pieces=False)[1] is True
    assert _read(wire + more, in_pieces=False) == (b"hello", False, False)


def test_what_was_refused_is_no_answer_at_its_end() -> None:
    parser = AnswerParser()
    with pytest.raises(NotHttp):
        parser.feed(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    with pytest.raises(NotHttp, match="was rejected before it ended"):
        parser.end()
