"""A workspace without a database: each statement is answered as the test says."""

from collections.abc import Sequence
from typing import Any


class View:
    """A workspace's view that answers each statement with its next answer, and the last one again and again."""

    def __init__(self, workspace: str = "acme", **answers: Sequence[Any]) -> None:
        self.workspace = workspace
        self.asked: list[tuple[str, Any]] = []
        self._answers = {name: list(each) for name, each in answers.items()}

    def _next(self, statement: Any, params: Any) -> Any:
        name = statement.name.partition(".")[2]
        self.asked.append((name, params))
        answers = self._answers[name]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async def one_or_none(self, statement: Any, params: Any) -> Any:
        return self._next(statement, params)

    async def rows(self, statement: Any, params: Any) -> Any:
        return self._next(statement, params)

    async def write_then_read(self, write: Any, params: Any, read: Any, read_params: Any) -> Any:
        return self._next(write, params), self._next(read, read_params)

    async def judged_write(self, lock: Any, recent: Any, *statements: Any) -> Any:
        self.asked.append(("judged_write", lock[0].name))
        if recent is not None:
            statement, params, decide = recent
            decide(self._next(statement, params))
        return self._next(*statements[0]), self._next(*statements[1])

    @property
    def even_suspended(self) -> "View":
        return self

    def params(self, name: str) -> list[Any]:
        """The parameters of each call of a statement."""
        return [params for asked, params in self.asked if asked == name]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.asked]
