"""Claimers that finish their claims, with success or failure, give them back, or disappear with them."""

import random
import threading
from collections.abc import Callable, Sequence
from uuid import UUID

import psycopg

from factory import EndpointRow
from worker.protocol import as_worker, claim, finalize, release

Lose = Callable[[psycopg.Connection, psycopg.Connection, UUID], object]
"""Called after a crash, with the claimer's connection, the superuser's, and the lost execution."""


def six_claimers(database_url: str, endpoints: Sequence[EndpointRow], *, lose: Lose, watch: Callable[[], None]) -> None:
    """Let six of them empty these endpoints, while `watch` runs alongside. Raises an error that one of them raised. One
    that got nothing claims again once another has given something back, all of them at once."""
    failures: list[BaseException] = []
    given_back = threading.Condition()

    def work(seed: int) -> None:
        chance = random.Random(seed)
        try:
            with as_worker(database_url) as connection, psycopg.connect(database_url, autocommit=True) as undertaker:
                left = "select exists (select from kronos.execution_live)"
                while not failures and connection.execute(left).fetchone() == (True,):
                    chance.shuffle(wanted := list(endpoints))
                    token, ids = claim(connection, *wanted, quota=3)
                    if not ids:
                        with given_back:
                            given_back.wait(0.02)  # a retry's delay ends without a word
                    for execution_id in ids:
                        match chance.choices(["SUCCESS", "FAILED", "RELEASE", "CRASH"], [6, 1, 1, 1])[0]:
                            case "RELEASE":
                                release(connection, token, [execution_id])
                            case "CRASH":
                                lose(connection, undertaker, execution_id)
                            case status:
                                finalize(connection, token, [execution_id], status)
                        with given_back:
                            given_back.notify_all()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=[seed]) for seed in range(6)]
    for thread in threads:
        thread.start()
    try:
        while alive := [thread for thread in threads if thread.is_alive()]:
            watch()
            alive[0].join(0.002)  # watched without a pause, a third of the CPU would be the watching
    except BaseException as error:
        failures.append(error)
        raise
    finally:
        for thread in threads:
            thread.join()
    assert failures == []
