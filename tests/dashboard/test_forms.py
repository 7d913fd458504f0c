"""What a form's fields turn into, and where its errors are shown."""

import pytest

from kronos import errors
from kronos.dashboard.forms import FilledForm, SentForm
from kronos.errors import Fault


def document(*fields: tuple[str, str]) -> dict[str, object]:
    return SentForm(fields=fields).document()


def test_pointers_make_the_body() -> None:
    made = document(
        ("once", "abc"),
        ("/name", " nightly "),
        ("/max_runs:integer", "3"),
        ("/rate/per_second:number", "0.5"),
        ("/input:json", '{"a": [1, null]}'),
        ("/tags:words", "a, b c"),
        ("/days:list", "mon"),
        ("/days:list", "tue"),
        ("/paused:boolean", "true"),
        ("/at:utc", "2026-11-29T03:15"),
        ("/note:text", " kept as it is "),
        ("/empty", "  "),
        ("/nothing:integer?", ""),
    )
    assert made == {
        "name": "nightly",
        "max_runs": 3,
        "rate": {"per_second": 0.5},
        "input": {"a": [1, None]},
        "tags": ["a", "b", "c"],
        "days": ["mon", "tue"],
        "paused": True,
        "at": "2026-11-29T03:15:00Z",
        "note": " kept as it is ",
        "nothing": None,
    }


@pytest.mark.parametrize("text", ["three", "1e9", "1" * 30, "٣"])
def test_what_is_no_number_is_left_to_the_model(text: str) -> None:
    assert document(("/max_runs:integer", text)) == {"max_runs": text}


def test_json_that_is_none_is_said_at_its_field() -> None:
    with pytest.raises(errors.Unprocessable) as refused:
        document(("/input:json", '{"a": }'), ("/name", "x"))
    assert [(each.pointer, "line 1, column" in each.detail) for each in refused.value.faults] == [("/input", True)]


def test_a_refused_form_keeps_what_was_typed_and_shows_each_fault_at_its_field() -> None:
    sent = SentForm(fields=[("/cron", "* * *"), ("/input:json", '{"a": 1}'), ("once", "k1")])
    refusal = errors.Unprocessable.of(
        Fault(pointer="/cron", detail="three fields"),
        Fault(pointer="/input/a", detail="no number"),
        Fault(pointer="", detail="all of it"),
    )
    form = sent.form.refused(refusal)
    assert (form.text("/cron"), form.text("/input"), form.once, form.status) == ("* * *", '{"a": 1}', "k1", 422)
    assert [each.detail for each in form.faults_at("/cron")] == ["three fields"]
    assert [each.detail for each in form.faults_at("/input")] == ["no number"]
    assert [each.detail for each in form.other_faults("/cron", "/input")] == ["all of it"]


def test_a_form_of_a_document_sends_that_document() -> None:
    form = FilledForm.of({"name": "a/b~c", "limits": {"x/y": 2}, "on": True, "none": None, "tags": ["p", "q"]})
    assert form.text("/limits/x~1y") == "2"
    assert form.all("/tags") == ["p", "q"]
    assert document(("/limits/x~1y:integer", form.text("/limits/x~1y"))) == {"limits": {"x/y": 2}}
    assert (form.text("/on"), form.text("/none", "default")) == ("true", "default")


@pytest.mark.parametrize(
    ("text", "pointer", "detail"),
    [
        ('{"a": "\\u0000"}', "/input/a", "U+0000"),
        ('{"a": "\\ud800"}', "/input/a", "U+D800"),
        ('{"a": 1, "a": 2}', "/input", "twice"),
        ('{"a": 99999999999999999999}', "/input", "64 bits"),
        ("[" * 65 + "]" * 65, "/input" + "/0" * 64, "nested"),
        ("[" * 100_000, "/input", "nested"),
        ("NaN", "/input", "not JSON"),
    ],
)
def test_json_in_a_field_is_held_to_what_a_body_is_held_to(text: str, pointer: str, detail: str) -> None:
    with pytest.raises(errors.Unprocessable) as refused:
        document(("/input:json", text))
    ((found, said),) = [(each.pointer, each.detail) for each in refused.value.faults]
    assert found == pointer
    assert detail in said


def test_fields_that_contradict_each_other_make_a_body_all_the_same() -> None:
    fields = [
        ("/tags", "x"),
        ("/tags:list", "y"),
        ("/name/a", "1"),
        ("/name", "2"),
        ("/input:json", "1"),
        ("/input/b", "3"),
    ]
    assert document(*fields) == {"tags": ["y"], "name": "2", "input": {"b": "3"}}


@pytest.mark.parametrize("text", ["", "-1", "x", "²", "٣", "1.5", "9" * 10])
def test_a_number_that_a_page_carries_and_is_none_is_nothing(text: str) -> None:
    assert (SentForm(fields=[("total", text)]).number("total"), SentForm(fields=[("total", "12")]).number("total")) == (
        0,
        12,
    )
