"""Which line of pg_hba.conf decides on pg_cron's login, and what to write when the login is rejected."""

from dataclasses import replace

import pytest

from kronos.pg_hba import Login, PgCronClient, Rule, line, login

CALLER = PgCronClient(host="localhost", database="app", groups=[], has_password=False, has_ssl=False, has_patterns=True)
SOCKET = replace(CALLER, host="/run/postgresql")


def rule(
    number: int, type: str, method: str, *, database: str = "all", user: str = "all", address: str | None = None
) -> Rule:
    name, _, mask = (address or "").partition("/")
    return Rule(
        line_number=number,
        type=type,
        database=[database],
        user_name=[user],
        address=name or None,
        netmask=mask or None,
        auth_method=method,
        options=None,
        error=None,
    )


DEBIAN = [
    rule(1, "local", "peer", user="postgres"),
    rule(2, "local", "peer"),
    rule(3, "host", "scram-sha-256", address="127.0.0.1/255.255.255.255"),
    rule(4, "host", "scram-sha-256", address="::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
]
LET_IN = rule(0, "host", "trust", database="app", user="kronos_cron", address="samehost")


@pytest.mark.parametrize(
    ("rules", "caller", "verdict", "at"),
    [
        (DEBIAN, CALLER, "refused", 3),
        (DEBIAN, SOCKET, "refused", 2),
        (DEBIAN, replace(CALLER, has_password=True), "unknown", 3),
        ([LET_IN, *DEBIAN], CALLER, "accepted", 0),
        ([*DEBIAN, LET_IN], CALLER, "refused", 3),
        ([replace(LET_IN, database=["other"]), *DEBIAN], CALLER, "refused", 3),
        ([replace(LET_IN, user_name=["+kronos"]), *DEBIAN], CALLER, "refused", 3),
        ([replace(LET_IN, user_name=["+kronos"]), *DEBIAN], replace(CALLER, groups=["kronos"]), "accepted", 0),
        ([replace(LET_IN, user_name=["/^kronos_"], database=["/^a"]), *DEBIAN], CALLER, "accepted", 0),
        ([replace(LET_IN, database=["sameuser"]), *DEBIAN], CALLER, "refused", 3),
        ([rule(0, "local", "trust", user="kronos_cron"), *DEBIAN], SOCKET, "accepted", 0),
        ([rule(0, "local", "trust", user="kronos_cron"), *DEBIAN], CALLER, "refused", 3),
        # localhost may also be ::1
        ([rule(9, "host", "trust", address="127.0.0.1/255.255.255.255")], CALLER, "unknown", None),
        ([rule(9, "host", "trust", address="127.0.0.0/255.0.0.0")], replace(CALLER, host="127.0.0.1"), "accepted", 9),
        ([rule(9, "host", "trust", address="10.0.0.0/255.0.0.0")], replace(CALLER, host="10.1.2.3"), "accepted", 9),
        ([rule(9, "host", "trust", address="db.example")], CALLER, "unknown", 9),
        ([replace(LET_IN, user_name=["/^kronos_x"]), *DEBIAN], CALLER, "refused", 3),
        ([replace(LET_IN, database=["/^b"]), *DEBIAN], CALLER, "refused", 3),
        ([replace(LET_IN, user_name=["kronos"]), *DEBIAN], replace(CALLER, groups=["kronos"]), "refused", 3),
        ([replace(LET_IN, database=["samerole"]), *DEBIAN], CALLER, "refused", 3),
        ([replace(LET_IN, database=["samerole"]), *DEBIAN], replace(CALLER, groups=["app"]), "accepted", 0),
        ([replace(LET_IN, database=["other", "samegroup"]), *DEBIAN], replace(CALLER, groups=["app"]), "accepted", 0),
        ([replace(LET_IN, database=["other"]), *DEBIAN], replace(CALLER, groups=["app"]), "refused", 3),
        ([replace(LET_IN, database=None), *DEBIAN], CALLER, "refused", 3),
        ([replace(LET_IN, user_name=None), *DEBIAN], CALLER, "refused", 3),
        ([rule(9, "local", "trust")], replace(CALLER, host=""), "accepted", 9),
        ([rule(9, "local", "trust")], replace(CALLER, host="@abstract"), "accepted", 9),
        ([rule(9, "host", "trust", address="db.example")], replace(CALLER, host="db.example"), "accepted", 9),
        ([rule(9, "host", "trust", address="10.0.0.7/255.0.0.0")], replace(CALLER, host="10.1.2.3"), "accepted", 9),
        ([rule(9, "host", "trust", address="10.1.2.3")], replace(CALLER, host="10.1.2.3"), "accepted", 9),
        ([rule(9, "host", "trust", address="10.1.2.3")], replace(CALLER, host="10.1.2.4"), "refused", None),
        ([rule(9, "host", "trust", address="::/::")], replace(CALLER, host="10.1.2.3"), "refused", None),
        ([rule(9, "local", "peer", address=None), rule(10, "local", "trust")], SOCKET, "refused", 9),
        ([replace(rule(9, "local", "peer"), options=["map=cron"])], SOCKET, "unknown", 9),
        ([replace(rule(9, "local", "ldap"), options=["map=cron"])], SOCKET, "unknown", 9),
        ([replace(rule(9, "local", "trust"), auth_method=None)], SOCKET, "unknown", 9),
        ([rule(9, "host", "reject", address="all")], CALLER, "refused", 9),
        ([rule(9, "host", "ldap", address="all")], CALLER, "unknown", 9),
        ([rule(9, "hostssl", "trust", address="all")], CALLER, "refused", None),
        ([rule(9, "hostssl", "trust", address="all")], replace(CALLER, has_ssl=True), "unknown", None),
        ([replace(rule(9, "host", "trust", address="all"), error="invalid")], CALLER, "unknown", None),
        ([], CALLER, "refused", None),
    ],
)
def test_the_first_line_that_fits_decides(
    rules: list[Rule], caller: PgCronClient, verdict: str, at: int | None
) -> None:
    found = login(rules, caller)
    assert (found.verdict, found.line) == (verdict, at), found
    assert found.why


_ONLY_POSTGRESQLS = (
    "^[[:alpha:]_]+$",
    "^(?i)KRONOS",
    r"\\mkronos",
    "***=kronos_cron",
    "(",
    "*",
    "^k{,1}r",
    "[a-c-z]",
    "k++",
)


@pytest.mark.parametrize("name", [f"/{each}" for each in _ONLY_POSTGRESQLS])
def test_a_regular_expression_that_only_postgresql_can_read_decides_nothing_here(name: str) -> None:
    """Python reads [[:alpha:]_] as another set of characters, and raises an error for others."""
    for line_of in ({"user_name": [name]}, {"database": [name]}):
        found = login([replace(LET_IN, line_number=5, **line_of), *DEBIAN], CALLER)  # type: ignore[arg-type]
        assert (found.verdict, found.line) == ("unknown", 5)
        assert found.why == "line 5 of pg_hba.conf matches by regular expression"
    for named in ({"user_name": [name, "kronos_cron"]}, {"database": ["app", name]}):
        assert login([replace(LET_IN, **named), *DEBIAN], CALLER).verdict == "accepted"  # type: ignore[arg-type]
    other = replace(LET_IN, user_name=[name], database=["other"])
    assert login([other, *DEBIAN], CALLER).line == 3  # a line for another database, whoever it is for


def test_before_postgresql_16_a_name_with_a_slash_is_a_name() -> None:
    old = replace(CALLER, has_patterns=False)
    assert login([replace(LET_IN, user_name=["/^kronos_"]), *DEBIAN], old).line == 3
    assert login([replace(LET_IN, user_name=["/("]), *DEBIAN], old).line == 3
    slashed = replace(old, database="/app")
    assert login([replace(LET_IN, database=["/app"]), *DEBIAN], slashed).verdict == "accepted"


def test_two_ways_in_that_are_both_closed_and_differ_leave_it_unknown() -> None:
    """Over IPv4 a password is missing, over IPv6 no line fits: it is not said which of them pg_cron meets."""
    found = login(
        [rule(3, "host", "scram-sha-256", address="127.0.0.1"), rule(4, "host", "ldap", address="::1/::")], CALLER
    )
    assert (found.verdict, found.line) == ("unknown", 3)
    assert "asks kronos_cron for a password" in found.why


def test_both_ways_in_are_reported_if_one_of_them_is_open() -> None:
    found = login([rule(3, "host", "trust", address="127.0.0.1"), rule(4, "host", "reject", address="all")], CALLER)
    assert found == Login(
        verdict="unknown",
        why="it depends on the address that pg_cron connects from: line 3 of pg_hba.conf lets it in; line 4 of "
        "pg_hba.conf rejects kronos_cron",
    )


@pytest.mark.parametrize("host", ["", "@abstract", "/run/postgresql"])
def test_the_line_for_a_socket_is_a_local_one(host: str) -> None:
    assert line(replace(CALLER, host=host)) == "local app kronos_cron trust"


@pytest.mark.parametrize(
    "caller", [CALLER, SOCKET, replace(CALLER, host="10.1.2.3"), replace(CALLER, database="My app")]
)
def test_the_line_that_is_shown_lets_it_in(caller: PgCronClient) -> None:
    told = line(caller)
    kind, rest = told.split(" ", 1)
    database, user, *address, method = rest.replace('"My app"', "My_app").split(" ")
    written = rule(
        0,
        kind,
        method,
        database=database.replace("My_app", "My app"),
        user=user,
        address=address[0] if address else None,
    )
    assert login([written, *DEBIAN], caller) == Login(
        verdict="accepted", why="line 0 of pg_hba.conf lets it in", line=0
    )
