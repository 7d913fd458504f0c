"""Live jobs whose inputs are the test's."""

from typing import Any
from uuid import UUID

from kronos.payload_specs import InputCount, LiveInput
from scripted_view import View


def live(number: int, input: str = '{"n":"x"}', *, name: str | None = "job") -> LiveInput:
    return LiveInput(job_id=UUID(int=number), name=name, endpoint="sink", input=input)


def counted(*inputs: LiveInput, horizon: int = 9) -> Any:
    total = InputCount(jobs=len(inputs), bytes=sum(len(each.input) for each in inputs), horizon=horizon)
    return View(count_inputs=[[total]], list_inputs=[list(inputs)])
