"""Read a receiver's response incrementally, with limits on every part.

A receiver that has sent a status line has reported the result of the delivery. Nothing after that line changes the
result: not a malformed header, an invalid length, a truncated body, or unsolicited bytes. A library's parser may or may
not reject such responses as a whole, depending on how TCP split them (docs/decisions/0024-the-status-line-decides.md).
"""

import re
from collections.abc import Callable

from kronos.kept import Cache

MAX_HEAD_BYTES = 256 * 1024
"""Limit for all heads of one response, including interim ones (1xx). A long cookie or policy header has 8 to 64 kB."""
MAX_HEADERS = 1000
MAX_INTERIM_ANSWERS = 16
MAX_BODY_BYTES = 64 * 1024
"""The most that is read of a body; the rest is not waited for."""
# Chunks of one byte have six bytes of framing, and extensions and trailers have no bound of their own.
_MAX_FRAMED_TIMES = 8
_MAX_CHUNK_LINE_BYTES = 4096
# Each costs about 2 us of the event loop's time, however little data it has.
_MAX_CHUNK_LINES = 4000

_STATUS_LINE = re.compile(rb"HTTP/1\.[01][ \t]+([1-9][0-9]{2})(?:[ \t][^\n]*)?")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?")
_SWITCHING_PROTOCOLS = 101
# How a body ends: after a number of bytes, with an empty chunk, with the connection, or in an undefined way.
_LENGTH, _CHUNKS, _TO_THE_END, _GARBLED = range(4)
# An endpoint's responses mostly begin with the same bytes, except for a Date that changes each second. Parsing a head
# takes 12 us, finding it in the cache 0.5 us. A cached head takes about four times its bytes.
_HEADS_BYTES, _HEAD_BYTES = 1024 * 1024, 1024


class NotHttp(Exception):
    """The response has no HTTP/1 status line, or its heads exceed the limits. The message is a sentence for people, in
    our words only."""


class Head:
    """A status line and its headers, parsed once for all responses that begin with the same bytes; never changed.

    `headers`: the first of each name, in lower case. `length`: the body's length in bytes, if given. `stored`: the head
    as stored by attempts, once computed (outcome.py). `last`: the last short body received with this head, and the
    stored form of both, because receivers mostly send the same response.
    """

    __slots__ = ("framing", "headers", "keeps_alive", "last", "length", "status", "stored")

    def __init__(self, status: int, headers: list[tuple[str, str]], *, is_http_1_1: bool) -> None:
        self.status = status
        self.headers: dict[str, str] = {}
        for name, value in headers:
            self.headers.setdefault(name, value)
        self.length = 0
        self.stored: str | None = None
        self.last: tuple[bytes, str] | None = None
        self._frame(headers, is_http_1_1=is_http_1_1)

    def _frame(self, headers: list[tuple[str, str]], *, is_http_1_1: bool) -> None:
        """Determine the body's length (RFC 9112 section 6.3).

        Without a length, or with one that is not a number, the body is read to the connection's end, up to the limit.
        With two lengths, the framing is undefined.
        """

        def parts(wanted: str) -> list[str]:
            return [part.strip() for name, value in headers if name == wanted for part in value.split(",")]

        lengths = set(parts("content-length"))
        codings = [coding.lower() for coding in parts("transfer-encoding")]
        wishes = {wish.lower() for wish in parts("connection")}
        self.keeps_alive = "keep-alive" in wishes if not is_http_1_1 else "close" not in wishes
        if self.status in (204, 304) or self.status == _SWITCHING_PROTOCOLS:
            self.keeps_alive = self.keeps_alive and self.status != _SWITCHING_PROTOCOLS
            self.framing = _LENGTH
        elif codings:
            # Request smuggling uses both framings at the same time: such a connection is not reused.
            self.keeps_alive = self.keeps_alive and not lengths and codings == ["chunked"]
            self.framing = _CHUNKS if codings[-1] == "chunked" else _TO_THE_END
        elif len(lengths) == 1 and (length := min(lengths)).isascii() and length.isdigit() and len(length) < 16:
            self.length = int(length)
            self.framing = _LENGTH
        else:
            self.keeps_alive = False
            self.framing = _GARBLED if len(lengths) > 1 else _TO_THE_END


_heads: Cache[bytes, Head] = Cache(budget=_HEADS_BYTES, each=4 * _HEAD_BYTES)


class AnswerParser:
    """Parser for one response. Pass received data to `feed` until `is_complete`; call `end` when nothing follows.

    `head` is None until the final response's status line was read completely. `is_cut`: reading ended before the body
    did. `keeps_alive`: the next response on the connection begins where this one ended.
    """

    most_body_bytes = MAX_BODY_BYTES

    __slots__ = (
        "_buffer",
        "_chunk_left",
        "_chunk_lines",
        "_head_bytes",
        "_interim",
        "_is_refused",
        "_left",
        "_phase",
        "_raw_bytes",
        "_scanned",
        "body",
        "head",
        "is_complete",
        "is_cut",
        "keeps_alive",
    )

    def __init__(self) -> None:
        self.head: Head | None = None
        self.body: bytes | bytearray = b""
        self.is_complete = False
        self.is_cut = False
        self.keeps_alive = False
        self._phase: Callable[[], bool] | None = None
        self._is_refused = False

    def _begin(self) -> Callable[[], bool]:
        """Set up the state for a response that does not arrive whole with a known head."""
        self.body = bytearray()
        self._buffer = bytearray()
        self._scanned = 0
        self._head_bytes = 0
        self._interim = 0
        self._left = 0
        self._raw_bytes = 0
        self._chunk_lines = 0
        self._chunk_left = -1  # bytes left in the current chunk; -1: its size line comes next
        return self._read_head

    def feed(self, data: bytes) -> None:
        """Parse received data. Raises NotHttp."""
        if self._phase is None:
            if self._is_whole(data):
                return
            self._phase = self._begin()
        self._buffer += data
        try:
            while self._buffer and not self.is_complete and self._phase():
                pass
        except NotHttp:
            self._is_refused = True
            raise
        if self.is_complete and self._buffer:
            self.keeps_alive = False  # unsolicited bytes

    def _is_whole(self, data: bytes) -> bool:
        """Whether this is a complete response with a known head, as most are. Otherwise nothing is consumed.

        A known head ends where it ended before: `_read_head` would return the same.
        """
        size = data.find(b"\r\n\r\n") + 4
        head = _heads.get(data[:size])
        if head is None or head.framing != _LENGTH or len(data) - size != head.length or head.length > MAX_BODY_BYTES:
            return False
        self.head = head
        self.body = data[size:]
        self.keeps_alive = head.keeps_alive
        self.is_complete = True
        return True

    def end(self) -> None:
        """Note the end of the connection. Raises NotHttp if the data received is not the beginning of a response."""
        if self.is_complete:
            return
        if self._is_refused:
            raise NotHttp("the endpoint's response was rejected before it ended")
        if self._phase is None:  # nothing was received
            self._phase = self._begin()
        if self.head is None:
            self._read_status_line_alone()
        self.keeps_alive = False
        if self._phase != self._read_to_the_end:
            self.is_cut = True
        self.is_complete = True

    def _read_head(self) -> bool:
        """Whether a complete head was read and something may follow it."""
        buffer = self._buffer
        found = _HEAD_END.search(buffer, max(self._scanned - 3, 0))
        size = found.end() if found else len(buffer)
        if self._head_bytes + size > MAX_HEAD_BYTES:
            raise NotHttp(
                f"the endpoint's response has a status line and headers of more than {MAX_HEAD_BYTES // 1024} KiB"
            )
        if found is None:
            self._scanned = size
            if size > 16 and not buffer.startswith(b"HTTP/1."):
                raise NotHttp("the endpoint's response does not begin with an HTTP/1 status line")
            return False
        self._head_bytes += size
        whole = bytes(buffer[:size])
        lines = whole[: found.start()].split(b"\n", MAX_HEADERS + 1)
        del buffer[:size]
        self._scanned = 0
        status = _status_of(lines[0])
        if status < 200 and status != _SWITCHING_PROTOCOLS:
            self._interim += 1
            if self._interim > MAX_INTERIM_ANSWERS:
                raise NotHttp(
                    f"the endpoint sent more than {MAX_INTERIM_ANSWERS} interim responses (1xx) and no final one"
                )
            return True
        if len(lines) > MAX_HEADERS + 1:
            raise NotHttp(f"the endpoint's response has more than {MAX_HEADERS:,} headers")
        headers = [pair for line in lines[1:] if (pair := _header_of(line)) is not None]
        head = Head(status, headers, is_http_1_1=lines[0].startswith(b"HTTP/1.1"))
        if size <= _HEAD_BYTES:
            _heads.put(whole, head, 4 * size)
        self._begin_body(head)
        return True

    def _begin_body(self, head: Head) -> None:
        self.head = head
        self.keeps_alive = head.keeps_alive
        self._left = head.length
        self.is_complete = head.framing == _LENGTH and head.length == 0
        self._phase = (self._read_length, self._read_chunks, self._read_to_the_end, self._read_garbled)[head.framing]

    def _read_length(self) -> bool:
        took = self._take(self._left)
        self._left -= took
        if self._left == 0:
            self.is_complete = True
        return False

    def _read_to_the_end(self) -> bool:
        self._take(len(self._buffer))
        return False

    def _read_garbled(self) -> bool:
        self._cut()
        return False

    def _read_chunks(self) -> bool:
        if self._chunk_left > 0:
            self._chunk_left -= self._take(self._chunk_left)
            return not self.is_complete and bool(self._buffer)
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > _MAX_CHUNK_LINE_BYTES:
                self._cut()
            return False
        line = bytes(self._buffer[:end]).rstrip(b"\r")
        self._chunk_lines += 1
        self._drop(end + 1)
        if self.is_complete or self._chunk_lines > _MAX_CHUNK_LINES:
            self._cut()
            return False
        if self._chunk_left == 0:  # the line after a chunk's data, or a trailer after the last chunk
            self._chunk_left = -1
            if line:
                self._cut()
        elif self._chunk_left == -2:
            if not line:
                self.is_complete = True
        elif (size := _CHUNK_SIZE.fullmatch(line)) is None:
            self._cut()
        else:
            self._chunk_left = int(size[1], 16) or -2  # -2: the last chunk; trailers follow
        return not self.is_complete

    def _take(self, count: int) -> int:
        """Move up to `count` bytes to the body; reading ends at the body's limit."""
        count = min(count, len(self._buffer))
        room = self.most_body_bytes - len(self.body)
        self.body += self._buffer[: min(count, room)]
        self._drop(count)
        if count > room:
            self._cut()
        return count

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._raw_bytes += count
        if self._raw_bytes > _MAX_FRAMED_TIMES * self.most_body_bytes:
            self._cut()

    def _cut(self) -> None:
        self.is_complete = self.is_cut = True
        self.keeps_alive = False

    def _read_status_line_alone(self) -> None:
        """Read the status line of a head that never ended, if the line is complete."""
        line, newline, _ = self._buffer.partition(b"\n")
        if newline and (status := _status_of(bytes(line))) >= 200:
            self.head = Head(status, [], is_http_1_1=False)


def _status_of(line: bytes) -> int:
    if (found := _STATUS_LINE.fullmatch(line.rstrip(b"\r"))) is None:
        raise NotHttp("the endpoint's response does not begin with an HTTP/1 status line")
    return int(found[1])


def _header_of(line: bytes) -> tuple[str, str] | None:
    """Return a header's name in lower case and its value; None if the line is not a header."""
    name, colon, value = line.partition(b":")
    return (name.decode("latin-1").strip().lower(), value.decode("latin-1").strip()) if colon else None
