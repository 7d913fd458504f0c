"""Find out whether pg_hba.conf lets pg_cron log in as kronos_cron, and which line decides. No I/O."""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

USER = "kronos_cron"
_PLAIN = ("host", "hostnossl", "hostnogssenc")
_SSL = ("host", "hostssl", "hostnogssenc")
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
        if rule.type not in types or not _names(rule.database, caller) or not _users(rule.user_name, caller):
            continue
        fits = True if source == "" else _comes_from(rule, source)
        if fits is None:
            return Login(
                verdict="unknown",
                why=f"line {rule.line_number} of pg_hba.conf matches by host name",
                line=rule.line_number,
            )
        if fits:
            return _judged(rule, caller)
    return Login(verdict="refused", why=f"no line of pg_hba.conf lets {USER} into database {caller.database}")


def _names(databases: Sequence[str] | None, caller: PgCronClient) -> bool:
    """Return whether a line is for the database. `sameuser` never is, and `samerole` only if the role is a member of
    the role of that name."""
    for name in databases or ():
        if (
            name == "all"
            or name == caller.database
            or (name in ("samerole", "samegroup") and caller.database in caller.groups)
        ):
            return True
        if name.startswith("/") and re.search(name[1:], caller.database):
            return True
    return False


def _users(users: Sequence[str] | None, caller: PgCronClient) -> bool:
    for name in users or ():
        if name in ("all", USER) or (name.startswith("+") and name[1:] in (USER, *caller.groups)):
            return True
        if name.startswith("/") and re.search(name[1:], USER):
            return True
    return False


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
