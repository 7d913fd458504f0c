"""Find out whether pg_hba.conf lets pg_cron log in as kronos_cron, and which line decides. No I/O."""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

from kronos.records import dataclass

USER = "kronos_cron"
_PLAIN = ("host", "hostnossl", "hostnogssenc")
_SSL = ("host", "hostssl", "hostnogssenc")
_READ_ALIKE = re.compile(
    r"(?:(?:[A-Za-z0-9_.)]|\\\.|\[\^?(?:[A-Za-z]-[A-Za-z]|[0-9]-[0-9]|\w)+\])(?:[*+?]|\{[0-9]{1,2}(?:,[0-9]{0,2})?\})?"
    r"|[\^$|(-])*",
    re.ASCII,
)
"""Regular expressions that PostgreSQL and Python read alike. Others they may not: {,3} is text to PostgreSQL."""
_BY_PASSWORD = ("scram-sha-256", "md5", "password")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A line of pg_hba.conf as PostgreSQL reads it; `error`: it cannot read it."""

    line_number: int
    type: str | None
    database: list[str] | None
    user_name: list[str] | None
    address: str | None
    netmask: str | None
    auth_method: str | None
    options: list[str] | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PgCronClient:
    """How pg_cron connects without background workers: to `host` (a directory: the socket there), without a password of
    its own."""

    host: str
    database: str
    groups: Sequence[str]
    has_password: bool
    has_ssl: bool
    has_patterns: bool
    """Whether this PostgreSQL (16 and later) reads names that begin with / as regular expressions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Whether pg_cron can log in, according to the file. `line` is the deciding one; None if none decides or the file
    cannot be judged."""

    verdict: Literal["accepted", "refused", "unknown"]
    why: str
    line: int | None = None


def login(rules: Sequence[Rule], caller: PgCronClient) -> Login:
    """Return the decision of the first matching line. localhost has two addresses over TCP, and a server with TLS two
    kinds of connections: their decisions must agree."""
    if broken := next((rule for rule in rules if rule.error is not None), None):
        return Login(verdict="unknown", why=f"line {broken.line_number} of pg_hba.conf cannot be read: {broken.error}")
    found = [_first(rules, caller, types, source) for types, source in _ways(caller)]
    if len({each.verdict for each in found}) == 1:
        return found[0]
    if "accepted" not in {each.verdict for each in found}:
        return replace(found[0], verdict="unknown")
    return Login(
        verdict="unknown",
        why="it depends on the address that pg_cron connects from: " + "; ".join(each.why for each in found),
    )


def line(caller: PgCronClient) -> str:
    """Return the line that lets pg_cron in, and nobody from another machine."""
    database = caller.database if re.fullmatch(r"[a-z0-9_]+", caller.database) else f'"{caller.database}"'
    if _is_socket(caller.host):
        return f"local {database} {USER} trust"
    return f"host {database} {USER} samehost trust"


def _is_socket(host: str) -> bool:
    return host == "" or host.startswith(("/", "@"))


def _ways(caller: PgCronClient) -> list[tuple[tuple[str, ...], str]]:
    """Return (types of matching lines, source address) of each way in."""
    if _is_socket(caller.host):
        return [(("local",), "")]
    sources = ["127.0.0.1", "::1"] if caller.host == "localhost" else [caller.host]
    kinds = [_PLAIN, _SSL] if caller.has_ssl else [_PLAIN]
    return [(types, source) for types in kinds for source in sources]


def _first(rules: Iterable[Rule], caller: PgCronClient, types: tuple[str, ...], source: str) -> Login:
    for rule in rules:
        fits = {
            "type": rule.type in types,
            "regular expression": _all_of(_names(rule.database, caller), _users(rule.user_name, caller)),
            "host name": True if source == "" else _comes_from(rule, source),
        }
        if False in fits.values():
            continue
        if unknown := next((what for what, fit in fits.items() if fit is None), None):
            why = f"line {rule.line_number} of pg_hba.conf matches by {unknown}"
            return Login(verdict="unknown", why=why, line=rule.line_number)
        return _judged(rule, caller)
    return Login(verdict="refused", why=f"no line of pg_hba.conf lets {USER} into database {caller.database}")


def _names(databases: Iterable[str] | None, caller: PgCronClient) -> bool | None:
    """Return whether a line is for the database. `sameuser` never is, and `samerole` only if the role is a member of
    the role of that name."""
    own = {"all", caller.database} | ({"samerole", "samegroup"} if caller.database in caller.groups else set())
    return _any_of(name in own or _fits(name, caller.database, caller) for name in databases or ())


def _users(users: Iterable[str] | None, caller: PgCronClient) -> bool | None:
    own = {"all", USER, *(f"+{role}" for role in (USER, *caller.groups))}
    return _any_of(name in own or _fits(name, USER, caller) for name in users or ())


def _fits(name: str, text: str, caller: PgCronClient) -> bool | None:
    """Return whether a name in the file is a regular expression that matches; None if only the server can tell, because
    Python may read it differently or not at all."""
    if not (caller.has_patterns and name.startswith("/")):
        return False
    if not _READ_ALIKE.fullmatch(name[1:]):
        return None
    try:
        return re.search(name[1:], text) is not None
    except re.error:
        return None


def _any_of(answers: Iterable[bool | None]) -> bool | None:
    found = set(answers)
    return True if True in found else None if None in found else False


def _all_of(*answers: bool | None) -> bool | None:
    return False if False in answers else None if None in answers else True


def _comes_from(rule: Rule, source: str) -> bool | None:
    """Return whether the line is for the server's own address `source`; None if only the server can tell."""
    if rule.address in (None, "all", "samehost", "samenet"):
        return True
    try:
        address = ipaddress.ip_address(source)
        network = ipaddress.ip_network(f"{rule.address}/{_bits(rule)}", strict=False)
    except ValueError:
        return True if rule.address == source else None
    return address.version == network.version and address in network


def _bits(rule: Rule) -> int:
    mask = ipaddress.ip_address(rule.netmask or "255.255.255.255")
    return bin(int(mask)).count("1")


def _judged(rule: Rule, caller: PgCronClient) -> Login:
    number, method = rule.line_number, rule.auth_method or ""
    if method == "trust":
        return Login(verdict="accepted", why=f"line {number} of pg_hba.conf lets it in", line=number)
    if method in _BY_PASSWORD and not caller.has_password:
        return Login(
            verdict="refused",
            why=f"line {number} of pg_hba.conf asks {USER} for a password ({method}), and it has none",
            line=number,
        )
    if method == "reject":
        return Login(verdict="refused", why=f"line {number} of pg_hba.conf rejects {USER}", line=number)
    if method in ("peer", "ident") and not any(option.startswith("map=") for option in rule.options or ()):
        return Login(
            verdict="refused",
            why=f"line {number} of pg_hba.conf asks for an operating system user {USER} ({method})",
            line=number,
        )
    return Login(verdict="unknown", why=f"line {number} of pg_hba.conf asks {USER} for {method}", line=number)
