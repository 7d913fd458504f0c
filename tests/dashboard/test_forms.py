"""What a form's fields turn into, and where its errors are shown."""

import pytest
from starlette.types import Message

from kronos import errors
from kronos.api.call import Call
from kronos.dashboard.forms import FilledForm, SentForm, sent
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
    given = SentForm(fields=[("/cron", "* * *"), ("/input:json", '{"a": 1}'), ("once", "k1")])
    refusal = errors.Unprocessable.of(
        Fault(pointer="/cron", detail="three fields"),
        Fault(pointer="/input/a", detail="no number"),
        Fault(pointer="", detail="all of it"),
    )
    form = given.form.refused(refusal)
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


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("", " a ", "a"), ("text", " a ", " a "), ("integer", " +5 ", 5), ("integer", "-5", -5),
        ("number", "1.50", 1.5), ("number", "1e9", "1e9"), ("number", "1.", "1."), ("number", ".5", ".5"),
        ("boolean", "on", True), ("boolean", "yes", True), ("boolean", "1", True), ("boolean", "false", False),
        ("words", "a,b  c\n d", ["a", "b", "c", "d"]), ("commas", "a b, c,, d ", ["a b", "c", "d"]),
        ("utc", "2026-11-29T03:15:30", "2026-11-29T03:15:30Z"),
        ("utc", "2026-11-29T03:15:30.5", "2026-11-29T03:15:30.5Z"),
        ("utc", "soon", "soon"), ("utc", "2026-11-29T03:15Z", "2026-11-29T03:15Z"), ("json", " 5 ", 5),
        ("integer?", "5", 5), ("json?", "null", None),
    ],
)  # fmt: skip
def test_each_kind_of_field_is_read_as_it_is_typed(kind: str, text: str, value: object) -> None:
    assert document((f"/a:{kind}" if kind else "/a", text)) == {"a": value}


def test_a_form_that_was_sent_before_gets_another_key_where_it_was_changed_since() -> None:
    form = FilledForm(values={"/a": ["1"]}, once="k1")
    again = form.refused(errors.Unprocessable("the same key", code="idempotency_mismatch"))
    assert (again.values, again.status) == (form.values, 422)
    assert again.once != "k1"
    assert again.problem is not None
    assert again.problem.startswith("This form was already sent, and you have changed it since.")
    other = form.refused(errors.Conflict("it is taken", code="name_taken"))
    assert (other.once, other.problem, other.status, other.faults) == ("k1", "it is taken", 409, ())


def test_a_summary_of_faults_is_a_sentence_for_people() -> None:
    fault = Fault(pointer="/a", detail="it is wrong")
    form = FilledForm().refused(errors.Unprocessable.of(fault))
    assert (form.problem, form.faults) == ("Nothing was changed. Fix the errors marked below.", (fault,))
    told = FilledForm().refused(errors.Unprocessable("told by hand", faults=(fault,)))
    assert told.problem == "told by hand"


def test_a_form_is_shown_again_with_everything_that_was_sent() -> None:
    given = SentForm(fields=[("/a:integer", "x"), ("/b:list", "1"), ("/b:list", "2"), ("once", "k" * 300)])
    assert dict(given.form.values) == {"/a": ["x"], "/b": ["1", "2"], "once": ["k" * 300]}
    assert (given.once, given.form.once) == ("k" * 255, "k" * 255)
    assert (given.text("/a"), given.text("/c"), given.all("/b"), given.has("/b"), given.has("/c")) == (
        "x",
        "",
        ["1", "2"],
        True,
        False,
    )
    new = SentForm(fields=[])
    assert new.once is None
    assert len(new.form.once) > 20
    assert new.form.once != SentForm(fields=[]).form.once


def test_faults_belong_to_the_field_that_they_are_in_and_to_no_other() -> None:
    faults = tuple(Fault(pointer=each, detail=each) for each in ("/a", "/a/b", "/ab", ""))
    form = FilledForm(faults=faults)
    assert [each.pointer for each in form.faults_at("/a")] == ["/a", "/a/b"]
    assert [each.pointer for each in form.other_faults("/a")] == ["/ab", ""]
    assert [each.pointer for each in form.other_faults()] == ["/a", "/a/b", "/ab", ""]


def request_of(body: bytes, media_type: str = "application/x-www-form-urlencoded") -> Call:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", media_type.encode())] if media_type else []
    return Call({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)


async def test_a_form_is_read_from_its_request() -> None:
    found = await sent(request_of(b"/a=1&/b=x%0D%0Ay&c=&/a=2", "application/X-WWW-form-urlencoded; charset=utf-8"))
    assert found.fields == [("/a", "1"), ("/b", "x\ny"), ("c", ""), ("/a", "2")]
    assert (await sent(request_of(b"", ""))).fields == []
    most = b"&".join(b"a=1" for _ in range(2_000))
    assert len((await sent(request_of(most))).fields) == 2_000


@pytest.mark.parametrize(
    ("body", "media_type", "said"),
    [
        (b"a=%00", "application/x-www-form-urlencoded", "the form cannot be read"),
        (b"%00=a", "application/x-www-form-urlencoded", "the form cannot be read"),
        (b"a=%ff", "application/x-www-form-urlencoded", "the form cannot be read"),
        (b"\xff", "application/x-www-form-urlencoded", "the form cannot be read"),
        (b"/a" * 65 + b"=1", "application/x-www-form-urlencoded", "the form cannot be read"),
        (b"&".join(b"a=1" for _ in range(2_001)), "application/x-www-form-urlencoded", "the form cannot be read"),
        (b"{}", "application/json", "a form must be sent as application/x-www-form-urlencoded"),
        (b"{}", "", "a form must be sent as application/x-www-form-urlencoded"),
    ],
)
async def test_what_no_form_of_ours_sends_is_refused(body: bytes, media_type: str, said: str) -> None:
    with pytest.raises(errors.InvalidRequest, match=said):
        await sent(request_of(body, media_type))
