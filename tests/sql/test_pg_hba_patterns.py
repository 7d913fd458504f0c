"""Regular expressions of pg_hba.conf: where kronos.pg_hba judges one, PostgreSQL says the same."""

import random

import psycopg

from depth import depth
from kronos.pg_hba import USER, PgCronClient, Rule, login

_PARTS = (
    *("k", "r", "o", "_", "cron", "9", ".", "*", "+", "?", "(", ")", "|", "^", "$", "-"),
    *("[a-z]", "[^k]", "[k-o_]", "[", "[k-o-r]", r"\.", r"\w", "{1}", "{0,1}", "{1,}", "{,2}", "{,}", "{2,1}", "{1"),
)
_CALLER = PgCronClient(host="/run", database="app", groups=[], has_password=False, has_ssl=False, has_patterns=True)


def judged(pattern: str) -> bool | None:
    """Return whether a line for users of this pattern is for kronos_cron; None: it is not judged."""
    line = Rule(
        line_number=1,
        type="local",
        database=["all"],
        user_name=[f"/{pattern}"],
        address=None,
        netmask=None,
        auth_method="trust",
        options=None,
        error=None,
    )
    return {"accepted": True, "refused": False, "unknown": None}[login([line], _CALLER).verdict]


def test_postgresql_says_the_same_of_each_pattern_that_is_judged(
    superuser: "psycopg.Connection[tuple[object, ...]]",
) -> None:
    """Python reads k{,1} as k or nothing; PostgreSQL as those five characters."""
    made = random.Random(158)
    patterns = ["".join(made.choices(_PARTS, k=made.randint(1, 7))) for _ in range(depth(2000, deep=40_000))]
    ours = {each: found for each in patterns if (found := judged(each)) is not None}
    assert set(ours.values()) == {True, False}
    assert len(ours) > len(patterns) / 10
    for pattern, found in ours.items():
        try:
            row = superuser.execute("select %s ~ %s::text", [USER, pattern]).fetchone()
        except psycopg.Error as error:
            raise AssertionError(f"PostgreSQL cannot read {pattern!r}") from error
        assert row == (found,), pattern
