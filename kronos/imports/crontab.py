"""A crontab, of a user or of the system, as Vixie cron and cronie read it (crontab(5))."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from kronos.imports import clocks, cron_fields, passwords
from kronos.imports.cron_fields import VIXIE, Expression
from kronos.imports.names import Names, of_command
from kronos.imports.translation import (
    Found,
    JobDraft,
    RefusedError,
    Remark,
    Terms,
    Translated,
    Untranslated,
    endpoint_of,
    required_endpoint,
    shown,
)
from kronos.model import JsonObject

TAG: Final = "from-crontab"
_MACROS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
    "@every_minute": "* * * * *",
}
_ASSIGNED = re.compile(r"""\s*(?P<quote>["']?)(?P<name>[A-Za-z_]\w*)(?P=quote)\s*=(?P<value>.*)""", re.ASCII)
_MOST_DELAY_MINUTES = 60
_MOST_COMMAND = 131_072  # cronie's MAX_COMMAND
_ONCE: Final[JsonObject] = {"max_attempts": 1, "retry_unknown": False}
_COMMAND_SPEC: Final[JsonObject] = {"timeout_ms": 900_000, "connect_timeout_ms": 5_000}


@dataclass(slots=True)
class _Around:
    """What the lines so far say of those that follow."""

    zone: str
    environment: dict[str, str] = field(default_factory=dict)
    delay_minutes: int = 0
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _CrontabLine:
    """An entry of the crontab, taken apart."""

    schedule: str
    read: Expression
    user: str | None
    command: str
    is_quiet: bool


def translate(text: str, terms: Terms, *, is_system: bool) -> Iterator[Found]:
    """Each line as a job, a refusal or a remark; blank lines and comments as nothing. `is_system`: lines have a user.

    Times are of `terms.timezone`, UTC by default, up to a CRON_TZ.
    """
    around, names = _Around(zone=clocks.zone_of(terms.timezone)), Names()
    if "\r\n" in text:
        yield Remark(
            where="file", text="its lines end with CR LF, which cron takes for a part of the command: left out"
        )
        text = text.replace("\r\n", "\n")
    if text and not text.endswith("\n"):
        yield Remark(where="file", text="its last line has no end: cron would leave it out, here it is read")
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        where = f"line {number}"
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if (assigned := _ASSIGNED.fullmatch(line)) is not None:
            yield from _assign(where, assigned["name"], assigned["value"].strip(), around)
            continue
        try:
            yield _translated(where, line, around, terms, names, is_system=is_system)
        except RefusedError as error:
            yield Untranslated(where=where, text=_shown(line), reason=str(error))


def _assign(where: str, name: str, value: str, around: _Around) -> Iterator[Found]:
    """What a line like NAME=value says to those that follow."""
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    if name == "CRON_TZ":
        around.zone = clocks.zone_of(value or None)
        yield Remark(where=where, text=f"CRON_TZ: the lines that follow are read in {around.zone} (cronie's rule)")
    elif name == "RANDOM_DELAY":
        around.delay_minutes = int(value) if re.fullmatch(r"[0-9]{1,4}", value) else 0
        said = f"RANDOM_DELAY: jitter_seconds of the lines that follow, {_delay(around.delay_minutes)}"
        yield Remark(where=where, text=said)
    elif name in ("MAILTO", "MAILFROM"):
        yield Remark(where=where, text=f"{name}: Kronos mails nothing: use on_failure, and read answers with the runs")
    elif passwords.is_named_so(name) or passwords.place_in(value) is not None:
        around.left_out.append(name)
        yield Remark(where=where, text=f"{name} looks like a secret: left out; set it where the command runs")
    else:
        around.environment[name] = value
        yield Remark(where=where, text=f"{name}: goes into environment of the inputs of the lines that follow")


def _delay(minutes: int) -> str:
    """How long it is at most, in Kronos."""
    if minutes > _MOST_DELAY_MINUTES:
        return f"{_MOST_DELAY_MINUTES} min at most: cron's {minutes} are more than Kronos has"
    return f"{minutes} min at most"


def _translated(where: str, line: str, around: _Around, terms: Terms, names: Names, *, is_system: bool) -> Translated:
    """One entry. Raises RefusedError."""
    entry = _taken_apart(line, is_system=is_system)
    endpoint = required_endpoint(terms, "a command")
    command, has_input, stdin = _halves(entry.command)
    given: JsonObject = {"command": command}
    if has_input:
        given["stdin"] = stdin
    if entry.user is not None:
        given["user"] = entry.user
    if around.environment:
        given["environment"] = dict(around.environment)
    draft = JobDraft(
        {
            "name": names.take(of_command(command), line),
            "endpoint": endpoint,
            "trigger": "CRON",
            "cron": entry.read.text,
            "timezone": around.zone,
            **clocks.vixie(entry.read, around.zone),
            "catch_up": {"policy": "SKIP"},
            "input": given,
            "tags": [TAG],
        }
    )
    _say(draft, entry, around)
    made = endpoint_of(terms.url, endpoint, spec=_COMMAND_SPEC, retry_policy=_ONCE) if terms.url else None
    return Translated(where=where, text=_shown(line), job=draft.job, endpoint=made, notes=tuple(draft.notes))


def _shown(line: str) -> str:
    """The line for people, without what looks like a password."""
    at = passwords.place_in(line)
    return shown(line if at is None else f"{line[:at]}…")


def _say(draft: JobDraft, entry: _CrontabLine, around: _Around) -> None:
    """What is to be known of the entry."""
    if around.delay_minutes:
        draft.job["jitter_seconds"] = min(around.delay_minutes, _MOST_DELAY_MINUTES) * 60
        draft.note("RANDOM_DELAY is another each time in cronie; jitter_seconds is the job's own, the same each time")
    if entry.is_quiet:
        draft.note("the leading - or -n (less log, less mail) has no counterpart")
    if passwords.place_in(entry.command) is not None:
        draft.note("the command seems to hold a password: who sees payloads reads it; keep it where the command runs")
    if "\\\\" in entry.command:
        draft.note("some crons take two backslashes for one; both stay, as in cronie")
    if around.left_out:
        draft.note(f"its environment lacks {', '.join(around.left_out)}")
    if "dst_gap" in draft.job:
        draft.note("cron runs it by the clock where clocks are changed: dst_gap SKIP, dst_overlap BOTH")


def _taken_apart(line: str, *, is_system: bool) -> _CrontabLine:
    """The schedule, the user and the command of a line. Raises RefusedError."""
    if line.rstrip().endswith("\\"):
        raise RefusedError("it ends with a backslash: cron knows no continued lines, so write it as one")
    rest = line.strip(" \t")
    is_quiet = rest.startswith("-")
    rest = rest[1:] if is_quiet else rest
    if rest.startswith("@"):
        schedule, rest = _split(rest, 1)
        fields = _macro(schedule)
    else:
        schedule, rest = _split(rest, 5)
        fields = schedule.split()
    read = cron_fields.read(fields, VIXIE)
    user: str | None = None
    if is_system:
        user, rest = _split(rest, 1)
        if not re.fullmatch(r"[A-Za-z_][\w.-]*\$?(:\S+)?", user, re.ASCII):
            raise RefusedError(f"{shown(user)!r} is no user: pass --user-crontab if the lines have none")
    if rest.startswith("-n "):
        is_quiet, rest = True, rest[3:].lstrip(" \t")
    if not rest.strip():
        raise RefusedError("it has no command")
    if not is_system and re.match(r"root[ \t]+\S", rest):
        raise RefusedError("its command begins with root: pass --system if the lines have a user")
    if len(rest) > _MOST_COMMAND:
        raise RefusedError(f"its command has {len(rest):,} characters, cron takes {_MOST_COMMAND:,} at most")
    return _CrontabLine(schedule=schedule, read=read, user=user, command=rest, is_quiet=is_quiet)


def _split(text: str, count: int) -> tuple[str, str]:
    """The first words, and what follows the blanks behind them. Raises RefusedError."""
    found = re.match(rf"((?:[^ \t]+[ \t]+){{{count - 1}}}[^ \t]+)(?:[ \t]+(.*))?$", text, re.DOTALL)
    if not found:
        raise RefusedError("it is neither NAME=value nor a schedule of five fields with a command")
    return found[1], found[2] or ""


def _macro(name: str) -> list[str]:
    """The fields that a name stands for. Raises RefusedError."""
    if name == "@reboot":
        raise RefusedError("@reboot is no time: let the machine's init (a systemd unit) run it")
    if name not in _MACROS:
        known = ", ".join(_MACROS)
        raise RefusedError(f"{shown(name)} is not understood: {known} are")
    return _MACROS[name].split()


def _halves(command: str) -> tuple[str, bool, str]:
    r"""The command, whether there is an input, and the input: what follows the first %, whose other % are line ends;
    \% is a %. It ends with a line end, if there is any of it. Raises RefusedError."""
    if "\\\\%" in command:
        raise RefusedError(r"crons differ on \\%: write the command into a script")
    parts = re.split(r"(?<!\\)%", command, maxsplit=1)
    plain = parts[0].replace("\\%", "%")
    if len(parts) == 1:
        return plain, False, ""
    given = re.sub(r"(?<!\\)%", "\n", parts[1]).replace("\\%", "%")
    return plain, True, given if not given or given.endswith("\n") else f"{given}\n"
