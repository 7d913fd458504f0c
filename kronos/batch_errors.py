"""Errors of single jobs, reported for their batch."""

from collections.abc import Mapping

from kronos import errors
from kronos.errors import Fault

MOST_FAULTS = 20


def placed(error: errors.KronosError, place: int) -> errors.KronosError:
    """Return a job's error with pointers relative to the batch, for the job at this place."""
    at = f"/jobs/{place}"
    faults = tuple(Fault(pointer=at + each.pointer, detail=each.detail, hint=each.hint) for each in error.faults)
    detail = errors.summary("field", faults) if isinstance(error, errors.Unprocessable) and faults else error.detail
    if error.code == "idempotency_mismatch":
        detail = error.detail
    there = type(error)(detail, code=error.code, faults=faults or (Fault(pointer=at, detail=error.detail),))
    there.numbers = error.numbers
    return there


def together(wrong: Mapping[int, errors.KronosError]) -> errors.KronosError:
    """Combine the errors, by place, into one: of their common class and code if they share one, else Unprocessable."""
    refused = [placed(wrong[place], place) for place in sorted(wrong)]
    faults = tuple(fault for each in refused for fault in each.faults)
    kinds = {(type(each), each.code) for each in refused}
    kind, code = kinds.pop() if len(kinds) == 1 else (errors.Unprocessable, errors.Unprocessable.code)
    return kind(f"no job was created: {errors.summary('field', faults)}", code=code, faults=faults[:MOST_FAULTS])
