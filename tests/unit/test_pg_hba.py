"""Which line of pg_hba.conf decides on pg_cron's login, and what to write when the login is rejected."""

from dataclasses import replace

import pytest

from kronos.pg_hba import Login, PgCronClient, Rule, line, login

CALLER = PgCronClient(host="localhost", database="app", groups=[], has_password=False, has_ssl=False)
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
