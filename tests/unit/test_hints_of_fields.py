"""What is wrong with a body is said field by field: what the field is, and what to write instead."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kronos.api.endpoint_schemas import EndpointPut
from kronos.api.job_schemas import JobCreate
from kronos.api.validation import MAX_FAULTS, faults_of, trimmed
from kronos.model import Json

Short = Annotated[str, Field(max_length=3, examples=["abc"])]


class _Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    team: Short = Field(default="a", examples=["ops"])


class _Body(BaseModel):
    """A body with one field of each kind."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern="^[a-z]+$", examples=["report"])
    number: int = Field(default=1, ge=1, le=9, examples=[5])
    kind: Annotated[str, Field(json_schema_extra={})] = "a"
    tags: list[Short] = Field(default=[], max_length=2, min_length=0, examples=[["a"]])
    inner: _Inner | None = Field(default=None, examples=[{"team": "ops"}])
    inners: list[_Inner] = Field(default=[], examples=[[{"team": "ops"}]])
    free: dict[str, Any] = Field(default={}, examples=[{}])
    renamed: int = Field(default=0, alias="from", examples=[7])


_KNOWN = "Known fields: free, from, inner, inners, kind, name, number, tags."


def faults(value: Json, model: type[BaseModel] = _Body) -> list[tuple[str, str, str | None]]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(value)
    return [(each.pointer, each.detail, each.hint) for each in faults_of(caught.value, model)]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({}, ("/name", "this field is required", 'Add it, for example "report".')),
        ({"name": "A"}, ("/name", "the text does not have the form of this field", 'Write a value such as "report".')),
        ({"name": "a", "number": 0}, ("/number", "input should be greater than or equal to 1",
                                      "Write a value such as 5.")),
        ({"name": "a", "nmber": 0}, ("/nmber", "unknown field", "Did you mean number?")),
        ({"name": "a", "FROM": 0}, ("/FROM", "unknown field", "Did you mean from?")),
        ({"name": "a", "zzz": 0}, ("/zzz", "unknown field", _KNOWN)),
        ({"name": "a", "inner": {"tem": 0}}, ("/inner/tem", "unknown field", "Did you mean team?")),
        ({"name": "a", "inners": [{}, {"tem": 0}]}, ("/inners/1/tem", "unknown field", "Did you mean team?")),
        ({"name": "a", "inners": [{"zzz": 0}]}, ("/inners/0/zzz", "unknown field", "Known fields: team.")),
        ({"name": "a", "inners": [{"team": "abcd"}]}, ("/inners/0/team", "string should have at most 3 characters",
                                                       'Write a value such as "ops".')),
        ({"name": "a", "inner": {"team": "abcd"}}, ("/inner/team", "string should have at most 3 characters",
                                                    'Write a value such as "ops".')),
        ({"name": "a", "tags": ["a", "b", "c"]}, ("/tags", "input should have at most 2 items, not 3",
                                                  "Send at most 2 at a time.")),
        ({"name": "a", "tags": ["a", "abcd"]}, ("/tags/1", "string should have at most 3 characters",
                                                'Write a value such as ["a"].')),
        ({"name": "a", "a/b~c": 1}, ("/a~1b~0c", "unknown field",
                                     _KNOWN)),
        ({"name": "a", "kind": 7}, ("/kind", "input should be a valid string",
                                    "See /openapi.json for allowed values.")),
    ],
)  # fmt: skip
def test_a_fault_names_its_field_and_what_to_write(value: Json, fault: tuple[str, str, str]) -> None:
    assert faults(value) == [fault]


def test_each_fault_is_named_and_no_more_than_twenty() -> None:
    assert [each[0] for each in faults({"number": 0, "from": "x"})] == ["/name", "/number", "/from"]
    assert len(faults({"name": "a", **{f"zzz{n}": 1 for n in range(99)}})) == MAX_FAULTS


def test_a_long_name_is_cut_in_its_pointer() -> None:
    ((pointer, _, _),) = faults({"name": "a", "z" * 5000: 1})
    assert len(pointer) < 500


def test_very_many_unknown_fields_are_not_all_read() -> None:
    """pydantic creates an error for each: a body of a megabyte would take a second."""
    many = {f"zzz{n}": n for n in range(10_000)}
    kept = trimmed({"name": "a", **many, "inner": {**many, "team": "b"}, "inners": [many, 7], "free": many}, _Body)
    assert isinstance(kept, dict)
    assert len(kept) == 4 + MAX_FAULTS + 1
    assert (kept["name"], len(kept["inner"]), kept["inner"]["team"]) == ("a", 1 + MAX_FAULTS + 1, "b")
    assert ([len(kept["inners"][0])], kept["inners"][1:]) == ([MAX_FAULTS + 1], [7])
    assert kept["free"] == many  # it may hold anything
    assert faults({"name": "a", **many})[:9] == faults(trimmed({"name": "a", **many}, _Body))[:9]


@pytest.mark.parametrize("value", [None, 7, "text", [1], {}])
def test_a_value_without_fields_stays_unchanged(value: Json) -> None:
    assert trimmed(value, _Body) == value


def test_a_body_of_several_types_is_read_by_its_type() -> None:
    http = {"type": "HTTP", "spec": {"url": "https://a.example/"}, "zzz": 1}
    assert [each[:2] for each in faults(http, EndpointPut)] == [("/zzz", "unknown field")]
    ((pointer, detail, hint),) = faults({"spec": {}}, EndpointPut)
    assert (pointer, detail) == ("/type", "this field is required")
    assert (hint or "").startswith("Write one of HTTP, ")
    ((pointer, detail, again),) = faults({"type": "FTP"}, EndpointPut)
    assert (pointer, detail, again) == ("/type", "unknown type", hint)
    many = {f"zzz{n}": n for n in range(1000)}
    kept = trimmed({"type": "HTTP", **many}, EndpointPut)
    assert isinstance(kept, dict)
    assert len(kept) == 1 + MAX_FAULTS + 1
    assert trimmed({"type": "FTP", **many}, EndpointPut) == {"type": "FTP", **many}


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [("timezon", "timezone"), ("timeZone", "timezone"), ("prioirty", "priority"), ("catchup", "catch_up"),
     ("max_run", "max_runs"), ("onFailure", "on_failure")],
)  # fmt: skip
def test_the_hint_for_a_misspelt_field_of_a_job_is_its_right_name(misspelt: str, meant: str) -> None:
    found = faults({"endpoint": "hook", "trigger": "CRON", "cron": "0 9 * * 1", misspelt: 1}, JobCreate)
    assert (f"/{misspelt}", "unknown field", f"Did you mean {meant}?") in found
