"""Tables of facts about a SQL function: many cases in one statement."""

from collections.abc import Sequence
from typing import Any

from sql_factory import Connection, values


def differing(connection: Connection, call: str, facts: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """The facts that do not hold. The last item of a fact is the expected value of `call`, the others are the values of
    its %s. Returns each of them with the actual value at its end.
    """
    rows = ", ".join(f"({place}, {call})" for place in range(len(facts)))
    given = [item for fact in facts for item in fact[:-1]]
    actual = values(connection, f"select fact.value from (values {rows}) as fact (place, value) order by place", given)
    pairs = zip(facts, actual, strict=True)
    return [(*fact, found) for fact, found in pairs if (found, type(found)) != (fact[-1], type(fact[-1]))]
