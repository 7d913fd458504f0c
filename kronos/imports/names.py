"""Names of jobs, made from what a source has: the same text has the same name in each import."""

import hashlib
import re

MAX_NAME = 127
MAX_ENDPOINT_NAME = 63
_WORD = 60
_COMMAND = 48
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LEADING = re.compile(r"^\s*(?:cd\s+\S+\s*(?:&&|;)\s*|[A-Za-z_]\w*=\S*\s+|sudo\s+(?:-\w+\s+)*|exec\s+|\[.*?\]\s*&&\s*)")
_ENDS = re.compile(r"[|;&<>]|\s\d?>")


class Names:
    """The names of one import. Entries that come to the same name are told apart by what they say."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, wanted: str, text: str) -> str:
        """`wanted`, or with a mark made of `text` where an earlier entry has it; an entry that is there twice is
        numbered."""
        name = slug(wanted) or "job"
        if name in self._taken or (name == "job" and not slug(wanted)):
            name = f"{name[: MAX_NAME - 12]}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
        count, base = 1, name
        while name in self._taken:
            count += 1
            name = f"{base}-{count}"
        self._taken.add(name)
        return name


def slug(text: str) -> str:
    """The text as a name may be written; empty where nothing of it may stand in one."""
    found = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("._-")[:MAX_NAME].rstrip("._-")
    return f"job-{found}" if _UUID.fullmatch(found) else found


def endpoint_name(job: str) -> str:
    """The name of an endpoint that is made for one job: the job's, as far as it is short enough."""
    if len(job) <= MAX_ENDPOINT_NAME:
        return job
    return f"{job[: MAX_ENDPOINT_NAME - 7]}-{hashlib.sha256(job.encode()).hexdigest()[:6]}"


def of_command(command: str) -> str:
    """What a shell command may be called: its program, and the words after it that are no options.

    What may hold a password (options, assignments, addresses) is left out.
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
