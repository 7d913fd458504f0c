"""What a translator answers: of each entry a job or a refusal, and of what is no entry a remark."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from kronos.model import JsonObject

MAX_BYTES = 8 * 1024 * 1024
"""Of a source. A crontab of 1,000 lines has 80 KiB; `kubectl get cronjob -o yaml` of 1,000 has 4 MiB."""
MAX_ENTRIES = 10_000
_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Translated:
    """An entry as a job: what `POST …/jobs` takes, and the endpoint to be made for it, where there is one.

    `notes` say what is not quite as it was.
    """

    where: str
    text: str
    job: JsonObject
    endpoint: JsonObject | None = None
    is_paused: bool = False
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The job's name."""
        return str(self.job["name"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Untranslated:
    """An entry that is not translated, and why."""

    where: str
    text: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What is said of the source, or of a part of it that is no entry."""

    where: str
    text: str


Found: TypeAlias = Translated | Untranslated | Remark


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the caller says of the jobs to be made. `url`: of endpoints that are made for them."""

    endpoint: str | None = None
    url: str | None = None
    timezone: str | None = None


@dataclass(slots=True)
class JobDraft:
    """A job under translation: its fields and the notes that come up."""

    job: JsonObject
    notes: list[str] = field(default_factory=list)

    def note(self, *sentences: str) -> None:
        """Adds what is to be known, each once."""
        self.notes += [each for each in sentences if each not in self.notes]


class RefusedError(Exception):
    """An entry that cannot be translated; its text is the reason."""


class UnreadableError(Exception):
    """A source of which nothing can be read; its text says where and why."""


def shown(text: str) -> str:
    """A part of the source as it is shown: one line of bounded length, of letters that can be printed."""
    line = "".join(each if each.isprintable() else "�" for each in " ".join(text[: 4 * _SHOWN].split()))
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def bounded(found: Iterable[Found]) -> Iterator[Found]:
    """The same, if they are not too many. Raises UnreadableError."""
    for count, each in enumerate(found):
        if count == MAX_ENTRIES:
            raise UnreadableError(f"{each.where}: more than {MAX_ENTRIES:,} entries: import them in parts")
        yield each


def text_of(source: bytes) -> str:
    """The text of a file: UTF-8, with or without its mark; line ends as they are. Raises UnreadableError."""
    if len(source) > MAX_BYTES:
        raise UnreadableError(f"more than {MAX_BYTES // 1024 // 1024} MiB: import it in parts")
    if source[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UnreadableError("line 1: it is UTF-16: write it as UTF-8")
    content = source.removeprefix(b"\xef\xbb\xbf")
    if (at := content.find(b"\0")) >= 0:
        raise UnreadableError(f"line {line_of(content, at)}: it holds a NUL byte, which no text has")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise UnreadableError(f"line {line_of(content, error.start)}: it is not UTF-8") from None


def line_of(content: bytes, at: int) -> int:
    """The line, from 1, of the byte at this place."""
    return content.count(b"\n", 0, at) + 1


def endpoint_of(url: str, name: str, *, spec: JsonObject, retry_policy: JsonObject) -> JsonObject:
    """An HTTP endpoint to be made."""
    return {"name": name, "type": "HTTP", "spec": {"url": url, **spec}, "retry_policy": retry_policy}


def required_endpoint(terms: Terms, of: str) -> str:
    """The endpoint that the caller names. Raises RefusedError."""
    if terms.endpoint is None:
        raise RefusedError(f"{of}: name the endpoint that takes it with --endpoint")
    return terms.endpoint
