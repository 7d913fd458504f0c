"""Parses server-sent events (HTML, 9.2.6) from a stream of bytes, with a size limit."""

from dataclasses import dataclass

from kronos.client.errors import AnswerInvalid

_MAX_EVENT_BYTES = 1024 * 1024
ENDS = {"unauthorized": 401, "forbidden": 403, "deleted": 404}
"""Comments with which the API ends a stream permanently."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of the stream. `data` is empty if the event only reports the position (`id`)."""

    event: str
    data: str
    id: str | None
    comment: str | None = None


class FrameReader:
    """Takes bytes as they arrive, and returns events once they are complete."""

    def __init__(self) -> None:
        self._rest = b""
        self._event, self._data, self._id = "", list[str](), ""
        self._has_id = False
        self._size = 0
        self._comment: str | None = None

    def feed(self, chunk: bytes) -> list[Frame]:
        """Return the events that these bytes complete. Raises AnswerInvalid if one is too large."""
        self._size += len(chunk)
        *lines, self._rest = (self._rest + chunk).replace(b"\r\n", b"\n").split(b"\n")
        frames = []
        for line in lines:
            if line:
                self._take(line.decode("utf-8", "replace"))
            elif (frame := self._taken()) is not None:
                frames.append(frame)
        if not frames and self._size > _MAX_EVENT_BYTES:
            raise AnswerInvalid("an event of the stream is larger than 1 MiB: is the server Kronos?", status=200)
        if frames:
            self._size = len(self._rest)
        return frames

    def _take(self, line: str) -> None:
        name, colon, value = line.partition(":")
        value = value.removeprefix(" ")
        if colon and not name:
            self._comment = value
        elif name == "event":
            self._event = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id, self._has_id = value, True

    def _taken(self) -> Frame | None:
        event, data, comment = self._event, "\n".join(self._data), self._comment
        place = self._id if self._has_id else None
        self._event, self._data, self._has_id, self._comment = "", [], False, None
        if not data and place is None and comment is None:
            return None
        return Frame(event or "message", data, place, comment)
