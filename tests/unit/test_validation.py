"""Errors about wrong input use JSON's terms, as the caller does, and never those of the Python that reads it."""

import re

import pytest
from pydantic import BaseModel, ValidationError

from kronos.api import endpoint_schemas, endpoint_specs, job_schemas, schemas
from kronos.api.fields import Body
from kronos.api.validation import faults_of
from kronos.model import Json

_PYTHON = re.compile(r"dictionary|instance of|after validation|tuple|\bdict\b|\bNone\b|Body\b|Spec\b|\bvalid list\b")
_WRONG: tuple[Json, ...] = (3, 1.5, True, "x", [], [3], {}, {"zzz": {}}, [[]] * 2000)


_BODIES = [
    each
    for each in (vars(schemas) | vars(job_schemas) | vars(endpoint_schemas) | vars(endpoint_specs)).values()
    if isinstance(each, type) and issubclass(each, Body) and each is not Body
]


@pytest.mark.parametrize("model", _BODIES, ids=lambda model: model.__name__)
def test_faults_speak_of_json_and_point_at_fields(model: type[BaseModel]) -> None:
    names = {field.alias or name for name, field in model.model_fields.items()}
    said: set[str] = set()
    for name in names:
        for value in _WRONG:
            try:
                model.model_validate({name: value})
            except ValidationError as error:
                faults = faults_of(error, model)
                said.update(f"{fault.detail} {fault.hint}" for fault in faults)
                assert {re.split("[/]", fault.pointer)[1] for fault in faults if fault.pointer} <= names
                assert not [
                    fault.pointer for fault in faults if re.search(r"\[|\b(str|int|bool|float)$", fault.pointer)
                ]
    assert [sentence for sentence in said if _PYTHON.search(sentence)] == []
