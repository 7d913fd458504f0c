"""Names of jobs, derived from the source: the same text gets the same name in every import."""

import hashlib
import re

MAX_NAME = 127
MAX_ENDPOINT_NAME = 63
MAX_SECRET_NAME = 63
_WORD = 60
_COMMAND = 48
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LEADING = re.compile(r"^\s*(?:cd\s+\S+\s*(?:&&|;)\s*|[A-Za-z_]\w*=\S*\s+|sudo\s+(?:-\w+\s+)*|exec\s+|\[.*?\]\s*&&\s*)")
_ENDS = re.compile(r"[|;&<>]|\s\d?>")


class Names:
    """The names of one import. Entries with the same name get a suffix derived from their text."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._taken: set[str] = set()
        self._secrets: set[str] = set()
        self._counts: dict[str, int] = {}  # of equal entries: counted from 1 each time, 10,000 took 13 s

    def take(self, wanted: str, text: str) -> str:
        """Return `wanted`, with a suffix derived from `text` if an earlier entry has that name. Identical entries are
        numbered."""
        own = slug(wanted)
        name = slug(self._prefix + (own or "job"))
        if name in self._taken or not own:
            name = _ended(name, text, MAX_NAME - 5)  # with room for a number
        count, base = self._counts.get(name, 1), name
        while name in self._taken:
            count += 1
            name = f"{base}-{count}"
        self._counts[base] = count
        self._taken.add(name)
        return name

    def take_secret(self, job: str, header: str) -> str:
        """Return the name of the secret for one header of one job. No two headers share it, also of two imports: a
        receiver would get the value of another one."""
        part = header.lower().replace("-", "_")  # so that the last - is where the job's name ends
        name = re.sub(r"[^a-z0-9_-]", "-", f"{job}-{part}".lower())
        is_plain = name == f"{job}-{part}" and "_" not in header
        if not is_plain or len(name) > MAX_SECRET_NAME or name in self._secrets:
            name = _ended(name, f"{job}: {header}", MAX_SECRET_NAME)
        self._secrets.add(name)
        return name


def slug(text: str) -> str:
    """Return the text in the form of a name; empty if no character can be in a name."""
    found = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("._-")[:MAX_NAME].rstrip("._-")
    return f"job-{found}" if _UUID.fullmatch(found) else found


def endpoint_name(job: str) -> str:
    """Return the name of an endpoint created for one job: the job's name, shortened if needed."""
    return job if len(job) <= MAX_ENDPOINT_NAME else _ended(job, job, MAX_ENDPOINT_NAME)


def _ended(name: str, text: str, longest: int) -> str:
    """Return the beginning of the name, with an end derived from `text`."""
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()  # JSON may hold half a character
    return f"{name[: longest - 7]}-{digest[:6]}"


def of_command(command: str) -> str:
    """Return a name for a shell command: its program and the arguments after it that are not options.

    Parts that may contain a password (options, assignments, addresses) are left out.
    """
    rest = command[:2000]
    while (found := _LEADING.match(rest)) is not None and found.end():
        rest = rest[found.end() :]
    words = _ENDS.split(rest, maxsplit=1)[0].split()
    kept: list[str] = []
    for word in words[:6]:
        if word.startswith("-") or re.search(r"[=$`@\"']|://", word):
            if kept:
                break
            continue
        kept.append(slug(word.rstrip("/").rpartition("/")[2])[:_WORD])
    return "-".join(filter(None, kept[:3]))[:_COMMAND].strip("._-")
