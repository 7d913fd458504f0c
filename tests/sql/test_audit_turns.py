"""Whatever a call may seal, the rows of each chain are sealed in their order, and those of a broken one are kept."""

import random

import pytest

from factory import add_endpoint
from sql_factory import Connection, records, value, values

_ROWS = """
insert into kronos.audit_pending (workspace_id, at, actor, database_user, action, object_type, object_id)
select %s, now() - %s::integer * interval '1 s', 'a', 'u', 'job.create', 'job', %s
"""
_SEALED = """
select coalesce(workspace_id::text, '') as chain, array_agg(object_id order by number) as ids
  from kronos.audit where actor = 'a' group by 1
"""


@pytest.mark.parametrize("seed", range(4))
def test_each_chain_is_sealed_in_its_order_in_calls_of_any_size(superuser: Connection, seed: int) -> None:
    choose = random.Random(seed)
    chains = [None, *(add_endpoint(superuser).workspace_id for _ in range(5))]
    while value(superuser, "select kronos.seal_audit(1000)"):
        pass
    broken = choose.choice(chains[1:])
    superuser.execute("update kronos.audit_chains set number = 0 where workspace_id = %s", [broken])
    expected: dict[str, list[str]] = {}
    for chain in chains:
        ages = choose.sample(range(1000), choose.randint(1, 40))
        for age in ages:
            superuser.execute(_ROWS, [chain, age, f"{chain} {age}"])
        expected[str(chain or "")] = [f"{chain} {age}" for age in sorted(ages, reverse=True)]
    kept = expected.pop(str(broken))
    limit = choose.choice([1, 2, 7, 1000])
    left = sum(map(len, expected.values()))
    calls = 0
    while left:
        calls += 1
        assert calls < 2_000, "it makes no progress"
        sealed = value(superuser, "select kronos.seal_audit(%s)", [limit])
        assert sealed <= limit
        left -= sealed
    assert value(superuser, "select kronos.seal_audit(1000)") == 0
    assert {row["chain"]: row["ids"] for row in records(superuser, _SEALED)} == expected
    assert values(superuser, "select object_id from kronos.audit_pending order by at") == kept
