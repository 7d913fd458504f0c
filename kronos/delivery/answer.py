"""Reads a receiver's answer off the wire, piece by piece, and bounds all of it.

A receiver that has written a status line has said what it made of the delivery. So nothing that follows the line
changes the verdict: a header that is malformed, a length that is none, a body that is cut, bytes that nobody asked for.
A library's parser refuses such answers whole, or not, depending on how TCP cut them
(docs/decisions/0024-the-status-line-decides.md).
"""

import re
from collections.abc import Callable

from kronos.kept import Cache

MAX_HEAD_BYTES = 256 * 1024
"""Of all heads of one answer, the interim ones (1xx) included. A long cookie or policy header has 8 to 64 kB."""
MAX_HEADERS = 1000
MAX_INTERIM_ANSWERS = 16
MAX_BODY_BYTES = 64 * 1024
"""What is read of a body; more of it is not waited for."""
# Chunks of one byte have six bytes of framing, and extensions and trailers have no bound of their own.
_MAX_FRAMED_BYTES = 8 * MAX_BODY_BYTES
_MAX_CHUNK_LINE_BYTES = 4096
# Each costs about 2 us of the event loop's time, however little it holds.
_MAX_CHUNK_LINES = 4000

_STATUS_LINE = re.compile(rb"HTTP/1\.[01][ \t]+([1-9][0-9]{2})(?:[ \t][^\n]*)?")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?")
_SWITCHING_PROTOCOLS = 101
# How a body ends: after a number of bytes, with an empty chunk, with the connection; or nobody can say.
_LENGTH, _CHUNKS, _TO_THE_END, _GARBLED = range(4)
# An endpoint's answers mostly begin with the same bytes, but for a Date that changes each second. To read a head
# takes 12 us, to find it again 0.5. What is kept of one takes about four times its bytes.
_HEADS_BYTES, _HEAD_BYTES = 1024 * 1024, 1024


class NotHttp(Exception):
    """The answer has no status line of HTTP/1, or its heads are beyond every bound: a sentence for people, of our words
    alone."""


class Head:
    """A status line and its headers: read once for all answers that begin with the same bytes, and never changed.

    `headers` by their names in lower case, the first of each; `length` in bytes, of a body that has one; `stored`
    is what attempts store of the head, as soon as it was worked out (outcome.py), `last` the last short body that came
    with it and what they store of both: receivers mostly say the same.
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
        """How long the body is (RFC 9112 section 6.3).

        Without a length, and where it is no number, the body is read to the connection's end, as far as bodies are read
        at all; where there are two lengths nobody can say.
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
            # Both framings at once is what request smuggling is made of: such a connection is not used again.
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
    """One answer. `feed` takes what was read, until `is_complete`; `end` says that nothing follows.

    `head` is None until the status line of the final answer was read whole. `is_cut` says that the body did not end
    where reading ended; `keeps_alive` that the next answer on the connection begins where this one ended.
    """

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
        """What only an answer needs that does not come whole and with a head that is known."""
        self.body = bytearray()
        self._buffer = bytearray()
        self._scanned = 0
        self._head_bytes = 0
        self._interim = 0
        self._left = 0
        self._raw_bytes = 0
        self._chunk_lines = 0
        self._chunk_left = -1  # bytes of the chunk under way; -1: its size line comes next
        return self._read_head

    def feed(self, data: bytes) -> None:
        """Take what was read. Raises NotHttp."""
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
            self.keeps_alive = False  # bytes that nobody asked for

    def _is_whole(self, data: bytes) -> bool:
        """Whether this is a whole answer, with a head that was read before; most are. Else nothing is taken.

        A head that was read before ends where it ended then: `_read_head` would find the same.
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
        """The connection has ended. Raises NotHttp where what came is no beginning of an answer."""
        if self.is_complete:
            return
        if self._is_refused:
            raise NotHttp("the endpoint's answer was refused before it ended")
        if self._phase is None:  # nothing came
            self._phase = self._begin()
        if self.head is None:
            self._read_status_line_alone()
        self.keeps_alive = False
        if self._phase != self._read_to_the_end:
            self.is_cut = True
        self.is_complete = True

    def _read_head(self) -> bool:
        """Whether a head was read whole and something may follow it."""
        buffer = self._buffer
        found = _HEAD_END.search(buffer, max(self._scanned - 3, 0))
        size = found.end() if found else len(buffer)
        if self._head_bytes + size > MAX_HEAD_BYTES:
            raise NotHttp(
                f"the endpoint's answer has a status line and headers of more than {MAX_HEAD_BYTES // 1024} KiB"
            )
        if found is None:
            self._scanned = size
            if size > 16 and not buffer.startswith(b"HTTP/1."):
                raise NotHttp("the endpoint's answer does not begin with a status line of HTTP/1")
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
                raise NotHttp(f"the endpoint sent more than {MAX_INTERIM_ANSWERS} interim answers (1xx) and no other")
            return True
        if len(lines) > MAX_HEADERS + 1:
            raise NotHttp(f"the endpoint's answer has more than {MAX_HEADERS:,} headers")
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
        if self._chunk_left == 0:  # the line that ends a chunk's data, or, after the last chunk, a trailer
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
        """Move up to `count` bytes to the body; what is beyond the most that is kept ends the reading."""
        count = min(count, len(self._buffer))
        room = MAX_BODY_BYTES - len(self.body)
        self.body += self._buffer[: min(count, room)]
        self._drop(count)
        if count > room:
            self._cut()
        return count

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._raw_bytes += count
        if self._raw_bytes > _MAX_FRAMED_BYTES:
            self._cut()

    def _cut(self) -> None:
        self.is_complete = self.is_cut = True
        self.keeps_alive = False

    def _read_status_line_alone(self) -> None:
        """Of a head that never ended: its status line, if that is whole."""
        line, newline, _ = self._buffer.partition(b"\n")
        if newline and (status := _status_of(bytes(line))) >= 200:
            self.head = Head(status, [], is_http_1_1=False)


def _status_of(line: bytes) -> int:
    if (found := _STATUS_LINE.fullmatch(line.rstrip(b"\r"))) is None:
        raise NotHttp("the endpoint's answer does not begin with a status line of HTTP/1")
    return int(found[1])


def _header_of(line: bytes) -> tuple[str, str] | None:
    """A header's name in lower case and its value; None for a line that is none."""
    name, colon, value = line.partition(b":")
    return (name.decode("latin-1").strip().lower(), value.decode("latin-1").strip()) if colon else None
