"""A delivery is aborted only if PostgreSQL confirms that it must end, whoever announced it, and however often an
announcement or an answer is lost."""

from typing import Any

import pytest

from kronos.server_time import boot_time
from kronos.worker import aborts as module
from kronos.worker.aborts import Aborts
from kronos.worker.attempt import Leased
from kronos.worker.claims import Held
from worker.running import until
from worker.scripted import Answer, Params, execution, leased, link, lost, turns


class Under:
    """A delivery under way; it notes that it was stopped."""

    def __init__(self) -> None:
        self.stopped: list[str] = []

    def stop(self, why: str) -> None:
        self.stopped.append(why)


class Worker:
    """A worker's aborts, with deliveries under way and a database that confirms the end of `unwanted`."""

    def __init__(self, *answers: Answer) -> None:
        self.unwanted: set[tuple[str, str]] = set()
        self._first = list(answers)
        self.link = link(list_unwanted=self._answer)
        self.under_way: set[Leased] = set()
        self.pokes = 0
        self.aborts = Aborts(self.link, self.under_way, self._poke)

    def _answer(self, params: Params) -> Answer:
        if self._first:
            return self._first.pop(0)
        held = zip(params["execution_ids"], params["claim_tokens"], strict=True)
        return [Held(*each) for each in held if each in self.unwanted]

    def _poke(self) -> None:
        self.pokes += 1

    def begin(self, number: int, *, seconds_ago: float = 0.0, token: str = "token") -> tuple[Leased, Under]:
        """Begin a delivery that is under way for this long."""
        made, under = leased(number, token=token), Under()
        made.sending, made.began_at = under, boot_time() - seconds_ago
        self.under_way.add(made)
        return made, under

    @property
    def asked(self) -> list[set[str]]:
        """The executions of each question."""
        return [set(params["execution_ids"]) for params in self.link.params("list_unwanted")]


async def test_what_is_announced_and_confirmed_is_aborted_and_counted() -> None:
    worker = Worker()
    cancelled, under = worker.begin(1)
    _, other = worker.begin(2)
    worker.unwanted.add((execution(1), "token"))
    assert (worker.aborts.are_due, worker.aborts.ended) == (False, 0)
    worker.aborts.told([execution(1), execution(77)])
    assert (worker.aborts.are_due, worker.pokes) == (True, 1)
    await worker.aborts.end()
    assert (under.stopped, other.stopped, cancelled.is_aborted) == (["cancelled"], [], True)
    assert (worker.asked, worker.aborts.ended, worker.aborts.are_due) == ([{execution(1)}], 1, False)


async def test_an_announcement_that_is_not_true_aborts_nothing() -> None:
    worker = Worker()
    _, under = worker.begin(1)
    worker.unwanted.add((execution(1), "the token of another claim"))
    worker.aborts.told([execution(1)])
    await worker.aborts.end()
    assert (under.stopped, worker.aborts.ended, len(worker.asked)) == ([], 0, 1)


async def test_a_text_that_is_not_an_executions_id_announces_nothing() -> None:
    worker = Worker()
    worker.begin(1)
    worker.aborts.told(["", "x" * 35, execution(1) + "0"])
    assert not worker.aborts.are_due
    await worker.aborts.end()
    assert worker.asked == []


async def test_nothing_is_asked_about_executions_that_are_not_under_way() -> None:
    worker = Worker()
    worker.aborts.told([execution(1)])
    await worker.aborts.end()
    assert (worker.asked, worker.aborts.are_due) == ([], False)


async def test_an_answer_that_is_lost_is_asked_for_again() -> None:
    worker = Worker(lost())
    _, under = worker.begin(1)
    worker.unwanted.add((execution(1), "token"))
    worker.aborts.told([execution(1)])
    await worker.aborts.end()
    assert (under.stopped, worker.aborts.are_due, worker.link.pauses) == ([], True, 1)
    await worker.aborts.end()
    assert (under.stopped, worker.aborts.are_due) == (["cancelled"], False)


async def test_a_delivery_that_ends_while_the_answer_is_awaited_is_not_aborted() -> None:
    worker = Worker()
    ended, under = worker.begin(1)
    worker.unwanted.add((execution(1), "token"))
    answer = worker._answer

    def ends_meanwhile(params: Params) -> Answer:
        worker.under_way.discard(ended)
        return answer(params)

    worker.link._answers["list_unwanted"] = ends_meanwhile
    worker.aborts.told([execution(1)])
    await worker.aborts.end()
    assert (under.stopped, worker.aborts.ended) == ([], 0)


async def test_beyond_what_is_kept_all_that_are_under_way_for_a_while_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_MOST_TOLD", 2)
    worker = Worker()
    worker.begin(1, seconds_ago=10)
    worker.begin(2)
    worker.aborts.told([execution(8), execution(9)])
    worker.aborts.told([execution(2)])
    assert worker.pokes == 2
    await worker.aborts.end()
    assert worker.asked == [{execution(1)}]


async def test_an_announcement_that_was_missed_is_found_by_polls_that_go_on_until_they_are_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.0)  # in each turn of the event loop
    worker = Worker()
    worker.aborts.watch()
    await turns()
    assert (worker.pokes, worker.aborts.are_due) == (0, False), "nothing is under way"
    worker.begin(1, seconds_ago=1)
    await until(lambda: worker.pokes > 3, "several polls")
    assert worker.aborts.are_due
    await worker.aborts.end()
    assert worker.asked == [{execution(1)}]
    worker.aborts.close()
    await worker.aborts.end()
    pokes, looks = worker.pokes, len(worker.asked)
    await turns()
    assert (worker.pokes, worker.aborts.are_due, len(worker.asked)) == (pokes, False, looks)


async def test_a_poll_asks_of_those_that_are_under_way_for_three_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most deliveries end sooner, and are never asked about."""
    now = [1000.0]
    monkeypatch.setattr(module, "boot_time", lambda: now[0])
    worker = Worker()
    for number, began_at in ((1, 996.0), (2, 997.0), (3, 997.1), (4, 1000.0)):
        worker.begin(number)[0].began_at = began_at
    worker.aborts._look()
    worker.aborts.close()
    await worker.aborts.end()
    assert worker.asked == [{execution(1), execution(2)}]
    await worker.aborts.end()
    assert len(worker.asked) == 1, "one poll is one question"


def test_polls_that_never_began_can_be_closed() -> None:
    made: Any = Worker()
    made.aborts.close()
    assert not made.aborts.are_due
