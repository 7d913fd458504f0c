"""A crontab of a user or of the system, read as by Vixie cron and cronie (crontab(5))."""

import re
from collections.abc import Iterator
from dataclasses import field
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
from kronos.records import dataclass

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
    """What earlier lines set for the following ones."""

    zone: str
    environment: dict[str, str] = field(default_factory=dict)
    delay_minutes: int = 0
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _CrontabLine:
    """The parts of a crontab entry."""

    schedule: str
    read: Expression
    user: str | None
    command: str
    is_quiet: bool


def translate(text: str, terms: Terms, *, is_system: bool) -> Iterator[Found]:
    """Yield each line as a job, a refusal or a remark. Blank lines and comments yield nothing. `is_system`: lines have
    a user.

    Times are in `terms.timezone`, UTC by default, until a CRON_TZ line.
    """
    around, names = _Around(zone=clocks.zone_of(terms.timezone)), Names(terms.prefix)
    if "\r\n" in text:
        yield Remark(
            where="file", text="lines end with CR LF; cron would take the CR as part of the command, here it is removed"
        )
        text = text.replace("\r\n", "\n")
    if text and not text.endswith("\n"):
        yield Remark(where="file", text="the last line has no line end: cron would ignore it, here it is read")
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
    """Apply a line such as NAME=value to the following lines."""
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    if name == "CRON_TZ":
        around.zone = clocks.zone_of(value or None)
        yield Remark(where=where, text=f"CRON_TZ: the following lines are read in {around.zone} (as in cronie)")
    elif name == "RANDOM_DELAY":
        around.delay_minutes = int(value) if re.fullmatch(r"[0-9]{1,4}", value) else 0
        said = f"RANDOM_DELAY: becomes jitter_seconds of the following lines, {_delay(around.delay_minutes)}"
        yield Remark(where=where, text=said)
    elif name in ("MAILTO", "MAILFROM"):
        yield Remark(where=where, text=f"{name}: Kronos sends no mail: use on_failure, and see responses with the runs")
    elif passwords.is_named_so(name) or passwords.place_in(value) is not None:
        around.left_out.append(name)
        yield Remark(where=where, text=f"{name} looks like a secret and is left out: set it where the command runs")
    else:
        around.environment[name] = value
        yield Remark(where=where, text=f"{name}: becomes part of environment in the inputs of the following lines")


def _delay(minutes: int) -> str:
    """Return the maximum delay in Kronos."""
    if minutes > _MOST_DELAY_MINUTES:
        return f"at most {_MOST_DELAY_MINUTES} min: cron's {minutes} min exceed Kronos's maximum"
    return f"at most {minutes} min"


def _translated(where: str, line: str, around: _Around, terms: Terms, names: Names, *, is_system: bool) -> Translated:
    """Translate one entry. Raises RefusedError."""
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
    """Return the line for people, without probable passwords."""
    at = passwords.place_in(line)
    return shown(line if at is None else f"{line[:at]}…")


def _say(draft: JobDraft, entry: _CrontabLine, around: _Around) -> None:
    """Add the notes for an entry."""
    if around.delay_minutes:
        draft.job["jitter_seconds"] = min(around.delay_minutes, _MOST_DELAY_MINUTES) * 60
        draft.note("cronie's RANDOM_DELAY differs each time; jitter_seconds is fixed per job")
    if entry.is_quiet:
        draft.note("the leading - or -n (less log, less mail) has no equivalent")
    if passwords.place_in(entry.command) is not None:
        draft.note(
            "it seems to contain a password, which anyone who sees payloads can read: keep it where the command runs"
        )
    if "\\\\" in entry.command:
        draft.note("some crons read two backslashes as one; both are kept, as in cronie")
    if around.left_out:
        draft.note(f"its environment lacks {', '.join(around.left_out)}")
    if "dst_gap" in draft.job:
        draft.note("cron follows the clock at clock changes: dst_gap SKIP, dst_overlap BOTH")


def _taken_apart(line: str, *, is_system: bool) -> _CrontabLine:
    """Split a line into schedule, user and command. Raises RefusedError."""
    if line.rstrip().endswith("\\"):
        raise RefusedError("the line ends with a backslash: cron has no line continuation, so write it on one line")
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
            raise RefusedError(f"{shown(user)!r} is not a user: pass --user-crontab if the lines have none")
    if rest.startswith("-n "):
        is_quiet, rest = True, rest[3:].lstrip(" \t")
    if not rest.strip():
        raise RefusedError("the line has no command")
    if not is_system and re.match(r"root[ \t]+\S", rest):
        raise RefusedError("the command begins with root: pass --system if the lines have a user")
    if len(rest) > _MOST_COMMAND:
        raise RefusedError(f"the command has {len(rest):,} characters, cron's maximum is {_MOST_COMMAND:,}")
    return _CrontabLine(schedule=schedule, read=read, user=user, command=rest, is_quiet=is_quiet)


def _split(text: str, count: int) -> tuple[str, str]:
    """Return the first words, and the rest after the blanks. Raises RefusedError."""
    found = re.match(rf"((?:[^ \t]+[ \t]+){{{count - 1}}}[^ \t]+)(?:[ \t]+(.*))?$", text, re.DOTALL)
    if not found:
        raise RefusedError("the line is neither NAME=value nor a schedule of five fields with a command")
    return found[1], found[2] or ""


def _macro(name: str) -> list[str]:
    """Return the fields that a macro stands for. Raises RefusedError."""
    if name == "@reboot":
        raise RefusedError("@reboot has no time: let the machine's init run it (a systemd unit)")
    if name not in _MACROS:
        known = ", ".join(_MACROS)
        raise RefusedError(f"{shown(name)} is not supported: use one of {known}")
    return _MACROS[name].split()


def _halves(command: str) -> tuple[str, bool, str]:
    r"""Return the command, whether it has an input, and the input: the text after the first %, in which other % are
    line ends. \% is a %. A non-empty input ends with a line end. Raises RefusedError."""
    if "\\\\%" in command:
        raise RefusedError(r"crons disagree on \\%: put the command into a script")
    parts = re.split(r"(?<!\\)%", command, maxsplit=1)
    plain = parts[0].replace("\\%", "%")
    if len(parts) == 1:
        return plain, False, ""
    given = re.sub(r"(?<!\\)%", "\n", parts[1]).replace("\\%", "%")
    return plain, True, given if not given or given.endswith("\n") else f"{given}\n"
