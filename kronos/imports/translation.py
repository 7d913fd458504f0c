"""The result of a translator: a job or a reason for each entry, and remarks on the rest of the source."""

from collections.abc import Iterable, Iterator
from dataclasses import field
from typing import TypeAlias

from kronos.model import JsonObject
from kronos.records import dataclass

MAX_BYTES = 8 * 1024 * 1024
"""Of a source. A crontab of 1,000 lines has 80 KiB; `kubectl get cronjob -o yaml` of 1,000 CronJobs has 4 MiB."""
MAX_ENTRIES = 10_000
_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Translated:
    """An entry as a job: the body of `POST …/jobs`, and the endpoint to create for it, if any.

    `notes` describe differences from the original.
    """

    where: str
    text: str
    job: JsonObject
    endpoint: JsonObject | None = None
    is_paused: bool = False
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the job."""
        return str(self.job["name"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Untranslated:
    """An entry that is not translated, with the reason."""

    where: str
    text: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A remark on the source, or on a part of it that is not an entry."""

    where: str
    text: str


Found: TypeAlias = Translated | Untranslated | Remark


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The caller's options for the new jobs. `url` is the URL of endpoints created for them; `prefix` is put before
    their names."""

    endpoint: str | None = None
    url: str | None = None
    timezone: str | None = None
    prefix: str = ""


@dataclass(slots=True)
class JobDraft:
    """A job under translation: its fields, and notes."""

    job: JsonObject
    notes: list[str] = field(default_factory=list)

    def note(self, *sentences: str) -> None:
        """Add notes, each only once."""
        self.notes += [each for each in sentences if each not in self.notes]


class RefusedError(Exception):
    """An entry cannot be translated. The text is the reason."""


class UnreadableError(Exception):
    """A source cannot be read. The text says where and why."""


def shown(text: str) -> str:
    """Return a part of the source for people: one line of limited length, in printable characters."""
    line = "".join(each if each.isprintable() else "�" for each in " ".join(text[: 4 * _SHOWN].split()))
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def bounded(found: Iterable[Found]) -> Iterator[Found]:
    """Yield the same, up to the maximum number of entries. Raises UnreadableError."""
    for count, each in enumerate(found):
        if count == MAX_ENTRIES:
            raise UnreadableError(f"{each.where}: more than {MAX_ENTRIES:,} entries: import them in parts")
        yield each


def text_of(source: bytes) -> str:
    """Return the text of a file: UTF-8, with or without a BOM, line ends unchanged. Raises UnreadableError."""
    if len(source) > MAX_BYTES:
        raise UnreadableError(f"the source is larger than {MAX_BYTES // 1024 // 1024} MiB: import it in parts")
    if source[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UnreadableError("line 1: the file is UTF-16: convert it to UTF-8")
    content = source.removeprefix(b"\xef\xbb\xbf")
    if (at := content.find(b"\0")) >= 0:
        raise UnreadableError(f"line {line_of(content, at)}: NUL bytes are not allowed")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise UnreadableError(f"line {line_of(content, error.start)}: the file is not UTF-8") from None


def line_of(content: bytes, at: int) -> int:
    """Return the line number, from 1, of a byte offset."""
    return content.count(b"\n", 0, at) + 1


def endpoint_of(url: str, name: str, *, spec: JsonObject, retry_policy: JsonObject) -> JsonObject:
    """Return an HTTP endpoint to create."""
    return {"name": name, "type": "HTTP", "spec": {"url": url, **spec}, "retry_policy": retry_policy}


def required_endpoint(terms: Terms, of: str) -> str:
    """Return the endpoint that the caller names. Raises RefusedError."""
    if terms.endpoint is None:
        raise RefusedError(f"{of} needs an endpoint: name it with --endpoint")
    return terms.endpoint


def own_retries(of: str, terms: Terms, options: str) -> str:
    """Return the note that the caller's own endpoint keeps its retries, and how to give it those of the source."""
    return f"{of}: not imported, the endpoint's own apply. To set them: kronos endpoint edit {terms.endpoint} {options}"
